"""Server-sent events of one client: first what it has missed, then what comes."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import AsyncExitStack
from typing import Final, Literal

import msgspec
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from tradewind.api.errors import ApiError
from tradewind.api.events.changes import Change, changes_of, end_of
from tradewind.api.events.feed import PAGE, ChangeFeed, Listener
from tradewind.api.events.position import id_of
from tradewind.api.events.selection import Selection
from tradewind.db.api.changes import ChangePage, Place, list_changes
from tradewind.db.pool import Database
from tradewind.service.logging import get_logger

HEARTBEAT_SECONDS: Final = 15.0
MAX_STREAM_SECONDS: Final = 3600.0
SEND_SECONDS: Final = 30.0
"""A client that takes nothing for so long is dropped."""
MAX_AT_ONCE: Final = 500
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

Reason = Literal["too_slow", "stopping", "time_is_up"]
MESSAGES: Final[dict[Reason, str]] = {
    "too_slow": "You read too slowly: what came after your last id is not kept for you here; come again with it",
    "stopping": "This API process stops: come again with your last id",
    "time_is_up": "After an hour you have to show again who you are: come again with your last id",
}


class EventsGone(ApiError):
    """What came after the client's last event is not kept any more."""

    status = 410

    def __init__(self) -> None:
        super().__init__(
            "Events after this id are not kept any more (TRADEWIND__API_SERVER__EVENT_RETENTION_HOURS and _ROWS), or"
            " the id is of another database: read what there is, and listen without an id"
        )


class EventStream(StreamingResponse):
    """Streams until the client has gone or is sent away; then gives its place back."""

    def __init__(self, content: AsyncIterable[bytes], *, place: AsyncExitStack) -> None:
        super().__init__(content, media_type="text/event-stream", headers=_HEADERS)
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._place:
            await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        async def send_soon(message: Message) -> None:
            async with asyncio.timeout(SEND_SECONDS):
                await send(message)

        try:
            await super().stream_response(send_soon)
        except TimeoutError:
            get_logger().warning("event_client.dropped", reason="it takes nothing")


async def open_stream(database: Database, feed: ChangeFeed, selection: Selection, start: Place | None) -> EventStream:
    """The answer to a client that begins now (None) or goes on. Raises `EventsGone`, `Unanswered`, `InvalidValue`."""
    async with AsyncExitStack() as stack:
        listener = await stack.enter_async_context(feed.listening(selection))
        begin = listener.start if start is None else start
        missed = None if start is None else await _page(database, begin, listener)
        return EventStream(_frames(database, feed, listener, begin, missed), place=stack.pop_all())


async def _frames(
    database: Database, feed: ChangeFeed, listener: Listener, place: Place, missed: ChangePage | None
) -> AsyncGenerator[bytes]:
    yield b"retry: 1000\nid: %b\n\n" % id_of(place).encode()
    while missed is not None:
        if changes := [change for change in changes_of(missed, place) if listener.selection.takes(change)]:
            yield _framed(changes)
        is_whole, place = missed.is_last and place.upto is None, end_of(missed, place)
        missed = None if is_whole else await _page(database, place, listener)
    ends_at = asyncio.get_running_loop().time() + MAX_STREAM_SECONDS
    while (reason := _reason_to_end(feed, listener, ends_at)) is None:
        if listener.waiting:
            count = min(len(listener.waiting), MAX_AT_ONCE)
            yield _framed([listener.waiting.popleft() for _ in range(count)])
        elif not await _has_news(listener):
            yield b": heartbeat\n" + _reached(feed, listener)
    farewell = msgspec.json.encode({"reason": reason, "message": MESSAGES[reason]})
    yield b"event: end\ndata: " + farewell + b"\n" + _reached(feed, listener)


def _reason_to_end(feed: ChangeFeed, listener: Listener, ends_at: float) -> Reason | None:
    """None while there is more to send."""
    if listener.waiting:
        return None
    if listener.is_cut_off:
        return "too_slow"
    if feed.stopping.is_set():
        return "stopping"
    return "time_is_up" if asyncio.get_running_loop().time() > ends_at else None


async def _has_news(listener: Listener) -> bool:
    listener.news.clear()
    try:
        async with asyncio.timeout(HEARTBEAT_SECONDS):
            await listener.news.wait()
    except TimeoutError:
        return False
    return True


def _reached(feed: ChangeFeed, listener: Listener) -> bytes:
    """The end of a block; with the id of the present, if the client has got everything until now."""
    if feed.place is None or listener.is_cut_off or listener.waiting:
        return b"\n"
    return b"id: %b\n\n" % id_of(feed.place).encode()


def _framed(changes: list[Change]) -> bytes:
    return b"".join(change.frame for change in changes)


async def _page(database: Database, place: Place, listener: Listener) -> ChangePage:
    """What the client has missed until it was let in, or, of a page that was broken off, until that page's end."""
    page = await list_changes(database, place, PAGE, listener.start.since)
    if not page.is_kept:
        raise EventsGone
    return page
