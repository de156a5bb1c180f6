"""An answer that stays open and goes on while a try runs."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import ExitStack
from typing import Final

import msgspec
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from tradewind.api.state import ApiState
from tradewind.api.task_logs.followers import Follower
from tradewind.api.task_logs.position import LogPosition
from tradewind.api.task_logs.reading import LogReader, open_log
from tradewind.core.clock import Clock

HEARTBEAT_SECONDS: Final = 15.0


class FollowResponse(StreamingResponse):
    """Streams until the try has ended, the client has gone, or this process stops; then `place` is given back."""

    def __init__(self, content: AsyncIterable[bytes], *, place: ExitStack, media_type: str) -> None:
        super().__init__(content, media_type=media_type)
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._place:
            await super().__call__(scope, receive, send)


async def followed_batches(state: ApiState, reader: LogReader, follower: Follower) -> AsyncGenerator[list[bytes]]:
    """Records as JSON texts, until the try has ended. An empty batch comes after each silence of some seconds: sent
    as an empty line, it keeps proxies from closing the connection, and shows that a client has vanished."""
    follower.log_key = reader.key
    while True:
        async for batch in reader.batches():
            yield batch
        if not reader.is_live:
            return
        if state["log_followers"].stopping.is_set():
            yield [_farewell(reader.position, state["clock"])]
            return
        while not await _is_set_within(follower.news, HEARTBEAT_SECONDS):
            yield []
        follower.news.clear()
        reader = await open_log(state["database"], state["log_stores"], follower.key, reader.position)


def _farewell(position: LogPosition, clock: Clock) -> bytes:
    return msgspec.json.encode(
        {
            "timestamp": clock(),
            "level": "warning",
            "event": "This API process stops: follow on with the token",
            "logger": "tradewind.api",
            "continuation_token": position.token(),
        }
    )


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
