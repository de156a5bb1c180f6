"""The connection to RabbitMQ that Celery's tools are served on: one channel, one queue, no confirms."""

import asyncio
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, NoReturn

from aiormq.abc import DeliveredMessage
from yarl import URL

from tradewind.bus.keeping import keep_using
from tradewind.bus.port import BusUnavailable, Message
from tradewind.bus.rabbitmq.connecting import connected_to
from tradewind.bus.rabbitmq.driver import FRAME_BUFFER, Channel, Connection
from tradewind.bus.rabbitmq.frames import broker_errors, delivery_of, queue_messages, write
from tradewind.service.backoff import Backoff
from tradewind.service.logging import get_logger
from tradewind.worker.celery_control.events import EVENTS
from tradewind.worker.celery_control.mailbox import REPLIES, REQUESTS

_WAITING_MAX: Final = 1_000
_QUEUE_EXPIRES_MILLISECONDS: Final = 10_000
_MESSAGE_TTL_MILLISECONDS: Final = 300_000
_BACKOFF: Final = Backoff(cap_seconds=1.0)


class CeleryLink:
    """Keeps itself connected while `run` does; nobody else notices when it is not."""

    def __init__(self, url: str, *, name: str) -> None:
        self.broker = URL(url)
        self._name = name
        self._channel: Channel | None = None
        self._up = asyncio.Event()
        self._waiting: deque[Message] = deque()
        self._wake = asyncio.Event()
        self._numbers = itertools.count(1)
        self._log = get_logger()

    async def run(self, queue: str, handle: Callable[[Message], Awaitable[None]]) -> NoReturn:
        """Hand every request to `handle`, one after the other, until cancelled. `queue` is this worker's own; each
        connection adds a number to it, for the broker may think for a while that the last one still has its queue."""

        async def serve() -> None:
            await self._serve(f"{queue}.{next(self._numbers)}", handle)

        await keep_using(serve, backoff=_BACKOFF, on_loss=self._log_loss)

    def _log_loss(self, why: str, delay_seconds: float) -> None:
        self._log.warning("celery_control.interrupted", error=why, delay_seconds=delay_seconds)

    async def wait_until_up(self) -> None:
        """Until there is a connection."""
        await self._up.wait()

    async def publish(self, exchange: str, messages: Sequence[tuple[str, Message]]) -> None:
        """Send (routing key, message) pairs in one piece; raises `BusUnavailable`."""
        channel = self._channel
        if channel is None:
            raise BusUnavailable("not connected to the broker for Celery's tools")
        pieces = [
            piece
            for routing_key, message in messages
            for piece in queue_messages(channel, routing_key, (message,), exchange=exchange)
        ]
        with broker_errors():
            await write(channel, pieces)

    async def _serve(self, queue: str, handle: Callable[[Message], Awaitable[None]]) -> NoReturn:
        lost = asyncio.Event()
        async with connected_to(self.broker, self._name, partial(self._begin, queue, lost), _describe) as channel:
            try:
                self._channel = channel
                self._up.set()
                self._log.info("celery_control.ready", queue=queue)
                await self._hand_over(handle, lost)
            finally:
                self._channel = None
                self._up.clear()
                self._waiting.clear()
        raise BusUnavailable("the connection to the broker, or the queue, was lost")

    async def _hand_over(self, handle: Callable[[Message], Awaitable[None]], lost: asyncio.Event) -> None:
        while not lost.is_set():
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await handle(self._waiting.popleft())

    async def _begin(self, queue: str, lost: asyncio.Event, connection: Connection) -> Channel:
        def lose(_: object) -> None:
            lost.set()
            self._wake.set()

        channel = await connection.channel(publisher_confirms=False, frame_buffer_size=FRAME_BUFFER)
        for part in (connection, channel):
            part.closing.add_done_callback(lose)
        channel.on_consumer_cancel_callbacks.add(lose)
        await self._declare(channel, queue)
        return channel

    async def _declare(self, channel: Channel, queue: str) -> None:
        """As Celery declares them: whoever comes first, the other finds what it expects."""
        await channel.exchange_declare(REQUESTS, exchange_type="fanout", durable=False)
        await channel.exchange_declare(REPLIES, exchange_type="direct", durable=False)
        await channel.exchange_declare(EVENTS, exchange_type="topic", durable=True)
        await channel.queue_declare(
            queue,
            exclusive=True,
            auto_delete=True,
            arguments={"x-expires": _QUEUE_EXPIRES_MILLISECONDS, "x-message-ttl": _MESSAGE_TTL_MILLISECONDS},
        )
        await channel.queue_bind(queue, REQUESTS)
        await channel.basic_consume(queue, self._receive, no_ack=True)

    async def _receive(self, delivered: DeliveredMessage) -> None:
        if len(self._waiting) >= _WAITING_MAX:
            self._log.warning("celery_control.request_dropped", waiting=len(self._waiting))
            return
        self._waiting.append(delivery_of(delivered, "", 0).message)
        self._wake.set()


def _describe(exc: Exception) -> str:
    return f"{type(exc).__name__}: {exc}"
