"""The bus over RabbitMQ.

One connection holds a channel in confirm mode for what is published, a plain one for requests, answers and broadcasts
(answers come by RabbitMQ's direct reply-to, without a queue), and one channel per consumer. Losing any of the first
two counts as losing the connection.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Literal, NoReturn

from aiormq.abc import DeliveredMessage
from aiormq.exceptions import (
    AuthenticationError,
    ChannelLockedResource,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    ConnectionClosed,
    InvalidFrameError,
    ProbableAuthenticationError,
)
from pamqp.common import FieldTable
from yarl import URL

from tradewind.bus.linked import LinkedBus, connected
from tradewind.bus.port import (
    BusUnavailable,
    Delivery,
    Message,
    Queue,
    QueueInUse,
    RequestTimeout,
)
from tradewind.bus.rabbitmq.connecting import CONNECT_TIMEOUT_SECONDS, connected_to
from tradewind.bus.rabbitmq.driver import FRAME_BUFFER, Channel, Connection
from tradewind.bus.rabbitmq.frames import broker_errors, delivery_of, publish_confirmed, queue_messages, write
from tradewind.bus.rabbitmq.session import Session, Subscriber
from tradewind.core.errors import ConfigError

QueueType = Literal["classic", "quorum"]

_DIRECT_REPLY: Final = "amq.rabbitmq.reply-to"
_CLOSE_TIMEOUT_SECONDS: Final = 5.0
_CONFIRM_TIMEOUT_SECONDS: Final = 30.0
_START_TIMEOUT_SECONDS: Final = 15.0
"""A broker that does not answer a declaration, as of a queue that is being deleted, is asked again."""
_MAX_BROADCASTS: Final = 10_000
"""Broadcasts that wait for one slow subscriber; the oldest go first."""
_SUBSCRIBER_PREFETCH: Final = 500


@dataclass(slots=True, eq=False)
class _Link:
    """One live connection."""

    connection: Connection
    confirmed: Channel
    plain: Channel
    lost: asyncio.Event
    known_queues: dict[str, None] = field(default_factory=dict[str, None])
    known_topics: dict[str, None] = field(default_factory=dict[str, None])


class RabbitMQBus(LinkedBus[_Link]):
    """One connection to RabbitMQ."""

    def __init__(
        self,
        url: URL,
        group: asyncio.TaskGroup,
        *,
        name: str,
        setting_name: str,
        queue_type: QueueType,
        max_body_bytes: int,
    ) -> None:
        super().__init__(group, shown=_shown(url), setting_name=setting_name, max_body_bytes=max_body_bytes)
        self._url = url
        self._name = name
        self._queue_type: QueueType = queue_type

    async def _use_one_link(self) -> NoReturn:
        async with connected_to(self._url, self._name, self._open_link, self._describe) as link:
            try:
                self._raise(link)
                await link.lost.wait()
            finally:
                self._drop()
        raise BusUnavailable(self._why_down)

    async def _open_link(self, connection: Connection) -> _Link:
        confirmed = await connection.channel(publisher_confirms=True, frame_buffer_size=FRAME_BUFFER)
        plain = await connection.channel(publisher_confirms=False, frame_buffer_size=FRAME_BUFFER)
        await plain.basic_consume(_DIRECT_REPLY, self._receive_answer, no_ack=True)
        lost = asyncio.Event()
        for part in (connection, confirmed, plain):
            part.closing.add_done_callback(lambda _: lost.set())
        return _Link(connection, confirmed, plain, lost)

    def _describe(self, exc: Exception) -> str:
        where = f"cannot use the broker at {self._shown} ({self._setting_name})"
        match exc:
            case ProbableAuthenticationError() | AuthenticationError():
                return f"{where}: it refuses the user name or the password"
            case InvalidFrameError() | ConnectionClosed():
                vhost = self._url.path.removeprefix("/") or "/"
                return f"{where}: it refuses the virtual host {vhost!r}: perhaps there is none, or not for this user"
            case TimeoutError():
                return f"{where}: no answer within {CONNECT_TIMEOUT_SECONDS:g} s"
            case _ if isinstance(exc.__cause__, ConnectionRefusedError):
                return f"{where}: connection refused: nobody listens there"
            case _:
                return f"{where}: {exc or type(exc).__name__}"

    async def _new_channel(self) -> Channel:
        connection = self._live().connection
        try:
            with broker_errors():
                return await connection.channel(publisher_confirms=False, frame_buffer_size=FRAME_BUFFER)
        except RuntimeError as exc:  # how the driver says that the connection is closed
            raise BusUnavailable(f"the connection to the broker at {self._shown} was lost") from exc

    async def publish(
        self, queue: str, messages: Sequence[Message], *, mandatory: bool = False, confirm: bool = True
    ) -> None:
        self._check_size(queue, messages)
        if not (confirm or mandatory):
            channel = self._live().plain
            with broker_errors():
                await write(channel, queue_messages(channel, queue, messages))
            return
        channel = self._live().confirmed
        ids = [str(next(self._numbers)) for _ in messages] if mandatory else ()
        try:
            async with asyncio.timeout(_CONFIRM_TIMEOUT_SECONDS):
                with broker_errors():
                    await publish_confirmed(channel, queue, messages, ids)
        except TimeoutError as exc:
            text = f"the broker did not confirm messages for {queue!r} within {_CONFIRM_TIMEOUT_SECONDS:g} s"
            raise BusUnavailable(text) from exc

    async def declare(self, queue: Queue) -> None:
        channel = await self._new_channel()
        try:
            with broker_errors():
                await self._declare(queue, channel)
        except BusUnavailable as exc:
            if isinstance(exc.__cause__, ChannelLockedResource):
                raise QueueInUse(queue.name) from exc
            if not isinstance(exc.__cause__, ChannelPreconditionFailed):
                raise
            # It exists, with other properties than we would give it; that is somebody's decision.
        finally:
            await _close(channel)

    async def _declare(self, queue: Queue, channel: Channel) -> None:
        # Queues that are neither durable nor exclusive are on their way out of RabbitMQ, so all shared ones are
        # durable; their messages are not unless they say so.
        shared = not queue.exclusive
        arguments: FieldTable = {}
        if shared and self._queue_type != "classic":
            arguments["x-queue-type"] = self._queue_type
        await channel.queue_declare(queue.name, durable=shared, exclusive=queue.exclusive, arguments=arguments)

    async def _begin_session(self, queue: Queue, prefetch: int, wake: asyncio.Event) -> Session:
        async def declare(_: Channel) -> str:
            await self.declare(queue)  # on a channel of its own: a refusal closes the channel
            return queue.name

        return await self._start_session(declare, prefetch, wake)

    async def _start_session(
        self, declare: Callable[[Channel], Awaitable[str]], prefetch: int, wake: asyncio.Event
    ) -> Session:
        """Consume the queue that `declare` makes and names."""
        await self._up.wait()
        with broker_errors():
            async with asyncio.timeout(_START_TIMEOUT_SECONDS):
                session = Session(await self._new_channel(), next(self._numbers), wake)
                is_started = False
                try:
                    await session.start(await declare(session.channel), prefetch)
                    is_started = True
                finally:
                    if not is_started:
                        await session.close()
        return session

    async def _know_queue(self, link: _Link, queue: str) -> None:
        if queue not in link.known_queues:
            await self.declare(Queue(name=queue, durable=True))
            link.known_queues[queue] = None

    async def request(self, queue: str, message: Message, *, timeout_seconds: float) -> Message:
        self._check_size(queue, (message,))
        correlation_id = str(next(self._numbers))
        request = replace(message, correlation_id=correlation_id, reply_to=_DIRECT_REPLY)
        loop = asyncio.get_running_loop()
        answer = self._answers[correlation_id] = loop.create_future()
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._send_request(queue, request, loop.time() + timeout_seconds)
                return await answer
        except TimeoutError:
            raise RequestTimeout(queue, timeout_seconds) from None
        finally:
            del self._answers[correlation_id]
            answer.cancel()

    async def _send_request(self, queue: str, request: Message, deadline: float) -> None:
        link = self._live()
        await self._know_queue(link, queue)
        milliseconds = max(1, round((deadline - asyncio.get_running_loop().time()) * 1000))
        with broker_errors():
            await write(link.plain, queue_messages(link.plain, queue, (request,), expiration_milliseconds=milliseconds))

    async def _receive_answer(self, delivered: DeliveredMessage) -> None:
        properties = delivered.header.properties
        answer = self._answers.get(properties.correlation_id or "")
        if answer is not None and not answer.done():
            answer.set_result(delivery_of(delivered, _DIRECT_REPLY, 0).message)

    async def reply(self, replies: Sequence[tuple[Delivery, Message]]) -> None:
        channel = self._live().plain
        frames: list[bytes] = []
        for delivery, message in replies:
            request = delivery.message
            if request.reply_to is not None:
                self._check_size(request.reply_to, (message,))
                answer = replace(message, correlation_id=request.correlation_id)
                frames += queue_messages(channel, request.reply_to, (answer,))
        with broker_errors():
            await write(channel, frames)

    async def broadcast(self, topic: str, message: Message) -> None:
        self._check_size(topic, (message,))
        link = self._live()
        with broker_errors():
            if topic not in link.known_topics:
                await link.plain.exchange_declare(topic, exchange_type="fanout", durable=True)
                link.known_topics[topic] = None
            await write(link.plain, queue_messages(link.plain, "", (message,), exchange=topic))

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncGenerator[AsyncIterator[Message]]:
        begin = partial(self._start_session, partial(_declare_subscription, topic), _SUBSCRIBER_PREFETCH)
        async with self._intake(begin, topic) as intake:
            yield Subscriber(intake)

    async def depth(self, queue: str) -> int | None:
        channel = await self._new_channel()
        try:
            with broker_errors():
                return (await channel.queue_declare(queue, passive=True)).message_count
        except BusUnavailable as exc:
            if isinstance(exc.__cause__, ChannelNotFoundEntity):
                return None
            if isinstance(exc.__cause__, ChannelLockedResource):
                raise QueueInUse(queue) from exc
            raise
        finally:
            await _close(channel)


async def _declare_subscription(topic: str, channel: Channel) -> str:
    await channel.exchange_declare(topic, exchange_type="fanout", durable=True)
    limits: FieldTable = {"x-max-length": _MAX_BROADCASTS, "x-overflow": "drop-head"}
    declared = await channel.queue_declare("", exclusive=True, auto_delete=True, arguments=limits)
    assert declared.queue is not None
    await channel.queue_bind(declared.queue, topic)
    return declared.queue


async def _close(channel: Channel) -> None:
    with suppress(BusUnavailable), broker_errors():
        await channel.close(timeout=_CLOSE_TIMEOUT_SECONDS)


def _shown(url: URL) -> str:
    return str(url.with_password("***") if url.password else url)


def _parse(url: str, setting_name: str) -> URL:
    try:
        parsed = URL(url)
    except ValueError as exc:
        raise ConfigError(f"{setting_name} is not a URL: {exc}") from exc
    if not parsed.host:
        raise ConfigError(f"{setting_name} names no host: it should look like amqp://user:password@host:5672/vhost")
    return parsed


@asynccontextmanager
async def open_rabbitmq(
    url: str,
    *,
    name: str,
    setting_name: str,
    queue_type: QueueType,
    max_body_bytes: int,
) -> AsyncGenerator[RabbitMQBus]:
    """A bus over this broker, kept connected. Raises `ConfigError` for a URL that cannot be one."""
    parsed = _parse(url, setting_name)
    # The driver's own records repeat what we log, with tracebacks.
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)
    make = partial(
        RabbitMQBus,
        parsed,
        name=name,
        setting_name=setting_name,
        queue_type=queue_type,
        max_body_bytes=max_body_bytes,
    )
    async with connected(make) as bus:
        yield bus
