"""Taking messages from one RabbitMQ queue, over a channel of its own."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Final

from aiormq.abc import DeliveredMessage
from pamqp import commands

from tradewind.bus.consuming import Intake
from tradewind.bus.port import BusUnavailable, Delivery, Message
from tradewind.bus.rabbitmq.driver import Channel
from tradewind.bus.rabbitmq.frames import broker_errors, delivery_of, write_methods

_CLOSE_TIMEOUT_SECONDS: Final = 5.0
_TAG_BITS: Final = 40


class Session:
    """One channel's stretch of consuming; see `tradewind.bus.consuming.Session`."""

    def __init__(self, channel: Channel, number: int, wake: asyncio.Event) -> None:
        self.channel = channel
        self.first_tag = number << _TAG_BITS
        """Added to the broker's tags, which begin at 1 on every channel."""
        self.is_over = False
        self.arrived: deque[DeliveredMessage] = deque()
        self.queue = ""
        self._wake = wake
        self._over = asyncio.Event()
        self._unsettled: dict[int, None] = {}
        self._settling = asyncio.Lock()

    async def start(self, queue: str, prefetch: int) -> None:
        """Consume the queue, which must exist."""
        self.channel.closing.add_done_callback(lambda _: self._end())
        self.channel.on_consumer_cancel_callbacks.add(lambda _: self._end())
        self.queue = queue
        await self.channel.basic_qos(prefetch_count=prefetch)
        await self.channel.basic_consume(queue, self._receive)

    async def _receive(self, delivered: DeliveredMessage) -> None:
        if delivered.delivery_tag is not None and not self.is_over:
            self._unsettled[delivered.delivery_tag] = None
            self.arrived.append(delivered)
            self._wake.set()

    def _end(self) -> None:
        self.is_over = True
        self.arrived.clear()
        self._unsettled.clear()
        self._over.set()

    async def hold(self) -> None:
        """Until the channel, the connection or the queue is lost."""
        await self._over.wait()

    def take(self, count: int) -> Sequence[Delivery]:
        """The oldest arrivals."""
        taken = [self.arrived.popleft() for _ in range(min(count, len(self.arrived)))]
        return [delivery_of(one, self.queue, self.first_tag + (one.delivery_tag or 0)) for one in taken]

    async def settle(self, deliveries: Sequence[Delivery], *, requeue: bool) -> None:
        """In as few frames as possible."""
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


class Subscriber:
    """The iterator that `subscribe` gives."""

    def __init__(self, intake: Intake[Session]) -> None:
        self._intake = intake

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        session = await self._intake.arrivals()
        taken = session.take(1)
        await session.settle(taken, requeue=False)
        return taken[0].message
