"""The parts of the driver (aiormq) that the RabbitMQ adapter stands on, with their types.

aiormq leaves several of them half-typed; what is listed here is what must still be there after an upgrade.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

import aiormq
from aiormq.abc import ChannelFrame, DeliveredMessage
from pamqp import commands
from pamqp.common import FieldTable
from yarl import URL

Confirm = asyncio.Future[object]
"""Done when the broker has confirmed one message."""


_JOINED_BYTES: Final = 64 * 1024


@dataclass(frozen=True)
class Joinable(ChannelFrame):
    """Frames that may leave in one piece with those queued behind them: nobody waits for their leaving."""


class JoiningQueue(asyncio.Queue[ChannelFrame]):
    """What is sent in one turn of the event loop is one system call, and wakes the broker once: each write of the
    driver's would be one of its own."""

    _queue: deque[ChannelFrame]

    def _get(self) -> ChannelFrame:
        first = self._queue.popleft()
        if not (isinstance(first, Joinable) and self._follows(len(first.payload))):
            return first
        payloads = [first.payload]
        size = len(first.payload)
        while self._follows(size):
            first = self._queue.popleft()
            payloads.append(first.payload)
            size += len(first.payload)
        return Joinable(payload=b"".join(payloads), should_close=False, drain_future=first.drain_future)  # pyright: ignore[reportUnknownMemberType] - a Future of the driver's

    def _follows(self, size: int) -> bool:
        """Whether the next one joins what has this size."""
        if not self._queue:
            return False
        following = self._queue[0]
        return isinstance(following, Joinable) and size + len(following.payload) <= _JOINED_BYTES


FRAME_BUFFER: Final = 0
"""How many frames may wait for one channel: any number, for the prefetch bounds them. Where there is a limit, a channel
that was given up while its messages come holds up the whole connection for ever."""


class WriteQueue(Protocol):
    """What the connection's writer sends next."""

    def full(self) -> bool: ...
    def put_nowait(self, item: ChannelFrame, /) -> None: ...
    async def put(self, item: ChannelFrame, /) -> None: ...


class Closable(Protocol):
    """A connection or a channel."""

    @property
    def is_closed(self) -> bool: ...
    @property
    def closing(self) -> "asyncio.Future[object]": ...
    async def close(
        self,
        exc: BaseException | None = ...,
        timeout: float | None = ...,  # noqa: ASYNC109 - the driver's own name
    ) -> None: ...


class Connection(Closable, Protocol):
    """One connection to the broker."""

    write_queue: WriteQueue
    connection_tune: commands.Connection.Tune

    async def connect(self) -> object: ...
    async def channel(self, *, publisher_confirms: bool, frame_buffer_size: int) -> "Channel": ...


class Channel(Closable, Protocol):
    """One channel; `confirmations`, `delivery_tag` and `message_id_delivery_tag` count under `lock`."""

    number: int
    connection: Connection
    delivery_tag: int
    confirmations: dict[int, Confirm]
    message_id_delivery_tag: dict[str, int]
    on_consumer_cancel_callbacks: set[Callable[[commands.Basic.Cancel], Any]]

    @property
    def lock(self) -> AbstractAsyncContextManager[None]: ...
    def create_future(self) -> "asyncio.Future[Any]": ...
    async def basic_qos(self, *, prefetch_count: int) -> object: ...
    async def basic_consume(
        self, queue: str, consumer_callback: Callable[[DeliveredMessage], Awaitable[None]], *, no_ack: bool = ...
    ) -> object: ...
    async def queue_declare(
        self,
        queue: str,
        *,
        passive: bool = ...,
        durable: bool = ...,
        exclusive: bool = ...,
        auto_delete: bool = ...,
        arguments: FieldTable | None = ...,
    ) -> commands.Queue.DeclareOk: ...
    async def queue_bind(self, queue: str, exchange: str) -> object: ...
    async def exchange_declare(self, exchange: str, *, exchange_type: str, durable: bool) -> object: ...


def new_connection(url: URL, name: str) -> Connection:
    """A connection that is not connected yet; `name` is what the broker shows for it."""
    connection = aiormq.Connection(url, client_properties={"connection_name": name})
    connection.write_queue = JoiningQueue(connection.write_queue.maxsize)  # pyright: ignore[reportUnknownMemberType] - half-typed
    return cast("Connection", connection)
