"""The connection to RabbitMQ that Celery's tools are served on: one channel, one queue, no confirms."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, NoReturn

from aiormq.abc import DeliveredMessage
from aiormq.exceptions import AMQPError
from yarl import URL

from tradewind.bus.amqp import broker_errors, delivery_of, queue_messages, write
from tradewind.bus.driver import Channel, Connection, new_connection
from tradewind.bus.port import BusUnavailable, Message
from tradewind.service.backoff import Backoff
from tradewind.service.logging import get_logger
from tradewind.worker.celery_control.events import EVENTS
from tradewind.worker.celery_control.mailbox import REPLIES, REQUESTS

_CONNECT_TIMEOUT_SECONDS: Final = 10.0
_CLOSE_TIMEOUT_SECONDS: Final = 2.0
_HEARTBEAT_SECONDS: Final = 10
_FRAME_BUFFER: Final = 100
_WAITING_MAX: Final = 1_000
_QUEUE_EXPIRES_MILLISECONDS: Final = 10_000
_MESSAGE_TTL_MILLISECONDS: Final = 300_000
_LONG_LIFE_SECONDS: Final = 10.0
_BACKOFF: Final = Backoff(initial_seconds=0.5, cap_seconds=30.0, jitter_share=0.0)


class CeleryLink:
    """Keeps itself connected while `run` does; nobody else notices when it is not."""

    def __init__(self, url: str, *, name: str) -> None:
        parsed = URL(url)
        self._url = parsed if "heartbeat" in parsed.query else parsed.update_query(heartbeat=_HEARTBEAT_SECONDS)
        self.broker = parsed
        self._name = name
        self._channel: Channel | None = None
        self._up = asyncio.Event()
        self._waiting: deque[Message] = deque()
        self._wake = asyncio.Event()
        self._log = get_logger()

    async def run(self, queue: str, handle: Callable[[Message], Awaitable[None]]) -> NoReturn:
        """Hand every request to `handle`, one after the other, until cancelled. `queue` is this worker's own."""
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self._serve(queue, handle)
            except BusUnavailable as exc:
                failures = 1 if loop.time() - began > _LONG_LIFE_SECONDS else failures + 1
                delay = _BACKOFF.delay_seconds(failures, 0.0)
                self._log.warning("celery_control.interrupted", error=str(exc), delay_seconds=delay)
                await asyncio.sleep(delay)

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
        connection, lost = new_connection(self._url, self._name), asyncio.Event()
        try:
            self._channel = await self._connect(connection, queue, lost)
            self._up.set()
            self._log.info("celery_control.ready", queue=queue)
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    await handle(self._waiting.popleft())
                if lost.is_set():
                    raise BusUnavailable("the connection to the broker, or the queue, was lost")
        finally:
            self._channel = None
            self._up.clear()
            self._waiting.clear()
            with suppress(AMQPError, OSError, RuntimeError, TimeoutError):
                await connection.close(timeout=_CLOSE_TIMEOUT_SECONDS)

    async def _connect(self, connection: Connection, queue: str, lost: asyncio.Event) -> Channel:
        def lose(_: object) -> None:
            lost.set()
            self._wake.set()

        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_SECONDS):
                await connection.connect()
                channel = await connection.channel(publisher_confirms=False, frame_buffer_size=_FRAME_BUFFER)
                for part in (connection, channel):
                    part.closing.add_done_callback(lose)
                channel.on_consumer_cancel_callbacks.add(lose)
                await self._declare(channel, queue)
        except (AMQPError, OSError, RuntimeError, TimeoutError) as exc:
            raise BusUnavailable(f"{type(exc).__name__}: {exc}") from exc
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
