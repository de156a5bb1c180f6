"""Taking messages from one RabbitMQ queue, over whichever connection and channel is live.

Each stretch of consuming has a channel of its own (`_Session`). When it ends, because the connection, the channel or
the queue was lost, the broker delivers what was not settled again, so what is left of the stretch is forgotten, and
the next one declares the queue anew.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, Protocol

from aiormq.abc import DeliveredMessage
from pamqp import commands

from tradewind.bus.amqp import broker_errors, delivery_of, write_methods
from tradewind.bus.dead_letter import dead_letter_of
from tradewind.bus.driver import Channel
from tradewind.bus.port import Batch, BusUnavailable, Delivery, Message, QueueInUse
from tradewind.service.backoff import Backoff
from tradewind.service.logging import get_logger

_CLOSE_TIMEOUT_SECONDS: Final = 5.0
_START_TIMEOUT_SECONDS: Final = 15.0
"""A broker that does not answer a declaration, as of a queue that is being deleted, is asked again."""
_TAG_BITS: Final = 40
SHORT_LIFE_SECONDS: Final = 1.0
"""What is lost this soon after it began counts as a failure to begin: the next try waits."""
_BACKOFF: Final = Backoff(jitter_share=0.0)


class Session:
    """One channel's stretch of consuming one queue."""

    def __init__(self, channel: Channel, number: int) -> None:
        self.channel = channel
        self.first_tag = number << _TAG_BITS
        """Added to the broker's tags, which begin at 1 on every channel."""
        self.is_over = False
        self.arrived: deque[DeliveredMessage] = deque()
        self.wake = asyncio.Event()
        self._unsettled: dict[int, None] = {}
        self._settling = asyncio.Lock()

    async def start(self, queue: str, prefetch: int) -> None:
        """Consume the queue, which must exist."""
        self.channel.closing.add_done_callback(lambda _: self._end())
        self.channel.on_consumer_cancel_callbacks.add(lambda _: self._end())
        await self.channel.basic_qos(prefetch_count=prefetch)
        await self.channel.basic_consume(queue, self._receive)

    async def _receive(self, delivered: DeliveredMessage) -> None:
        if delivered.delivery_tag is not None and not self.is_over:
            self._unsettled[delivered.delivery_tag] = None
            self.arrived.append(delivered)
            self.wake.set()

    def _end(self) -> None:
        self.is_over = True
        self.arrived.clear()
        self._unsettled.clear()
        self.wake.set()

    def take(self, queue: str) -> Delivery:
        """The oldest arrival."""
        delivered = self.arrived.popleft()
        return delivery_of(delivered, queue, self.first_tag + (delivered.delivery_tag or 0))

    async def settle(self, deliveries: Sequence[Delivery], *, requeue: bool) -> None:
        """Acknowledge or requeue these, in as few frames as possible; those settled before are left out, and nothing
        happens once the session is over."""
        async with self._settling:
            tags = [delivery.tag - self.first_tag for delivery in deliveries]
            fresh = sorted(tag for tag in tags if tag in self._unsettled)
            if not fresh:
                return
            chosen = frozenset(fresh)
            oldest_kept = next((tag for tag in self._unsettled if tag not in chosen), None)
            together = [tag for tag in fresh if oldest_kept is None or tag < oldest_kept]
            methods = [_method(tag, multiple=False, requeue=requeue) for tag in fresh[len(together) :]]
            if together:
                methods.insert(0, _method(together[-1], multiple=True, requeue=requeue))
            await write_methods(self.channel, methods)
            for tag in fresh:
                self._unsettled.pop(tag, None)

    async def close(self) -> None:
        """Consume no more; what was not settled returns to the queue."""
        self._end()
        try:
            with broker_errors():
                await self.channel.close(timeout=_CLOSE_TIMEOUT_SECONDS)
        except BusUnavailable:
            return  # lost anyway, and the broker knows what was not settled


def _method(tag: int, *, multiple: bool, requeue: bool) -> commands.Basic.Ack | commands.Basic.Nack:
    if requeue:
        return commands.Basic.Nack(delivery_tag=tag, multiple=multiple, requeue=True)
    return commands.Basic.Ack(delivery_tag=tag, multiple=multiple)


class Channels(Protocol):
    """Where an intake gets its channels from."""

    def new_session_number(self) -> int:
        """A number that no other session of the bus has."""
        ...

    async def open_channel(self) -> Channel:
        """A new channel; waits while there is no connection. Raises `BusUnavailable` if it is lost just then."""
        ...

    async def dead_letter(self, message: Message) -> None:
        """Publish to the dead-letter queue, declared if need be, and await the confirm."""
        ...


Declare = Callable[[Channel], Awaitable[str]]
"""Declares what is to be consumed and returns the name of the queue."""


class Intake:
    """A queue that is consumed for as long as the context lasts, through any number of sessions."""

    def __init__(self, channels: Channels, declare: Declare, *, name: str, prefetch: int) -> None:
        self.channels = channels
        self._declare = declare
        self._name = name
        self._prefetch = prefetch
        self._session: Session | None = None
        self._began = 0.0
        self._failures = 0

    async def open(self) -> None:
        """Begin; returns once the queue is declared, raises `QueueInUse` if another connection owns it."""
        self._session = await self._begin(first=True)

    async def close(self) -> None:
        """End."""
        if self._session is not None:
            await self._session.close()

    async def arrivals(self) -> Session:
        """Wait until something has arrived; returns the session that holds it."""
        while True:
            session = self._session
            if session is None or session.is_over:
                self._session = session = await self._begin_again(session)
            if session.arrived:
                return session
            session.wake.clear()
            await session.wake.wait()

    async def _begin_again(self, lost: Session | None) -> Session:
        if lost is not None:
            await lost.close()
            if asyncio.get_running_loop().time() - self._began < SHORT_LIFE_SECONDS:
                await self._pause("lost at once")
            else:
                self._failures = 0
        session = await self._begin(first=False)
        get_logger().info("consumer.restored", queue=self._name)
        return session

    async def _begin(self, *, first: bool) -> Session:
        while True:
            try:
                with broker_errors():
                    channel = await self.channels.open_channel()
                    async with asyncio.timeout(_START_TIMEOUT_SECONDS):
                        session = await self._start(channel)
            except (BusUnavailable, QueueInUse) as exc:
                if first and isinstance(exc, QueueInUse):
                    raise
                await self._pause(str(exc))
            else:
                self._began = asyncio.get_running_loop().time()
                return session

    async def _pause(self, why: str) -> None:
        self._failures += 1
        delay = _BACKOFF.delay_seconds(self._failures, 0.0)
        get_logger().warning("consumer.interrupted", queue=self._name, error=why, delay_seconds=delay)
        await asyncio.sleep(delay)

    async def _start(self, channel: Channel) -> Session:
        session = Session(channel, self.channels.new_session_number())
        started = False
        try:
            await session.start(await self._declare(channel), self._prefetch)
            started = True
        finally:
            if not started:
                await session.close()
        return session


class Consumer:
    """The iterator that `consume` gives."""

    def __init__(self, intake: Intake, queue: str, max_batch: int) -> None:
        self._intake = intake
        self._queue = queue
        self._max_batch = max_batch

    def __aiter__(self) -> AsyncIterator[Batch]:
        return self

    async def __anext__(self) -> Batch:
        session = await self._intake.arrivals()
        count = min(len(session.arrived), self._max_batch)
        taken = tuple(session.take(self._queue) for _ in range(count))
        return _RabbitMQBatch(self._intake.channels, session, taken)


class _RabbitMQBatch:
    """A batch of one session."""

    def __init__(self, channels: Channels, session: Session, deliveries: Sequence[Delivery]) -> None:
        self._channels = channels
        self._session = session
        self._deliveries = deliveries

    @property
    def deliveries(self) -> Sequence[Delivery]:
        return self._deliveries

    async def ack(self, deliveries: Sequence[Delivery] | None = None) -> None:
        await self._settle(self._deliveries if deliveries is None else deliveries, requeue=False)

    async def requeue(self, deliveries: Sequence[Delivery] | None = None) -> None:
        await self._settle(self._deliveries if deliveries is None else deliveries, requeue=True)

    async def dead_letter(self, delivery: Delivery, reason: str) -> None:
        await self._channels.dead_letter(dead_letter_of(delivery, reason))
        await self._settle((delivery,), requeue=False)

    async def _settle(self, deliveries: Sequence[Delivery], *, requeue: bool) -> None:
        try:
            with broker_errors():
                await self._session.settle(deliveries, requeue=requeue)
        except BusUnavailable:
            return  # the session is over: the broker delivers them again


class Subscriber:
    """The iterator that `subscribe` gives."""

    def __init__(self, intake: Intake, topic: str) -> None:
        self._intake = intake
        self._topic = topic

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        session = await self._intake.arrivals()
        delivery = session.take(self._topic)
        await session.settle((delivery,), requeue=False)
        return delivery.message
