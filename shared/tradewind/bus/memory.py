"""The bus inside one process: standalone runs on it, and so does the seeded simulation.

A `MemoryBroker` holds the queues; each `MemoryBus` is one connection to it. There are no threads and no clock but the
event loop's, so the same program gives the same history. Messages are pushed to consumers as far as their prefetch
allows, round robin, as RabbitMQ does. `MemoryBroker.deliver` is the seam for faults.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from tradewind.bus.dead_letter import dead_letter_of
from tradewind.bus.port import (
    Batch,
    BusUnavailable,
    Delivery,
    Message,
    MessageTooLarge,
    Queue,
    QueueInUse,
    QueueNotFound,
    RequestTimeout,
)
from tradewind.wire.queues import DEAD_LETTER

_ONCE: Final = (0.0,)
_MAX_BROADCASTS: Final = 10_000
"""Broadcasts that wait for one slow subscriber; the oldest go first."""


class DeliverPolicy(Protocol):
    """Decides what becomes of each message on its way into a queue, a topic's subscriber or a requester."""

    def __call__(self, queue: str, message: Message) -> Sequence[float]:
        """One delay in seconds per copy that arrives: `()` loses the message, `(0.0,)` delivers it at once and in
        order, `(0.0, 0.5)` doubles it, `(0.2,)` delays it, by which whatever follows within 0.2 s overtakes it."""
        ...


def deliver_at_once(queue: str, message: Message) -> Sequence[float]:
    """The default policy: at once, in order, exactly once."""
    return _ONCE


@dataclass(slots=True, eq=False)
class _Stored:
    message: Message
    place: int
    expires_at: float | None
    redelivered: bool = False


class _Consumer:
    """One consumer: what was pushed to it and not taken yet, and everything of its that is not settled."""

    def __init__(self, bus: "MemoryBus", queue: Queue, prefetch: int, max_batch: int) -> None:
        self.bus = bus
        self.queue = queue
        self.prefetch = prefetch
        self.max_batch = max_batch
        self.unsettled: dict[int, _Stored] = {}
        self.arrived: deque[Delivery] = deque()
        self.wake = asyncio.Event()

    def __aiter__(self) -> AsyncIterator[Batch]:
        return self

    async def __anext__(self) -> Batch:
        while not self.arrived:
            self.bus.check_alive()
            self.wake.clear()
            await self.wake.wait()
        self.bus.check_alive()
        count = min(len(self.arrived), self.max_batch)
        return _MemoryBatch(self, tuple(self.arrived.popleft() for _ in range(count)))

    def push(self, stored: _Stored, tag: int) -> None:
        self.unsettled[tag] = stored
        self.arrived.append(
            Delivery(message=stored.message, queue=self.queue.name, redelivered=stored.redelivered, tag=tag)
        )
        self.wake.set()

    def forget(self) -> list[_Stored]:
        """Empty it; returns what had not been settled."""
        stored = list(self.unsettled.values())
        self.unsettled.clear()
        self.arrived.clear()
        self.wake.set()
        return stored


class _MemoryBatch:
    """A batch of one `_Consumer`."""

    def __init__(self, consumer: _Consumer, deliveries: Sequence[Delivery]) -> None:
        self._consumer = consumer
        self._deliveries = deliveries

    @property
    def deliveries(self) -> Sequence[Delivery]:
        return self._deliveries

    async def ack(self, deliveries: Sequence[Delivery] | None = None) -> None:
        self._settle(deliveries)

    async def requeue(self, deliveries: Sequence[Delivery] | None = None) -> None:
        name = self._consumer.queue.name
        self._consumer.bus.broker.give_back(name, self._settle(deliveries))

    async def dead_letter(self, delivery: Delivery, reason: str) -> None:
        bus = self._consumer.bus
        bus.check_alive()
        bus.broker.declare(Queue(name=DEAD_LETTER, durable=True), bus)
        bus.broker.send(DEAD_LETTER, dead_letter_of(delivery, reason))
        self._settle((delivery,))

    def _settle(self, deliveries: Sequence[Delivery] | None) -> list[_Stored]:
        """Settle here; returns what was not settled before."""
        self._consumer.bus.check_alive()
        unsettled = self._consumer.unsettled
        chosen = self._deliveries if deliveries is None else deliveries
        settled = [unsettled.pop(delivery.tag) for delivery in chosen if delivery.tag in unsettled]
        self._consumer.bus.broker.pump(self._consumer.queue.name)
        return settled


@dataclass(slots=True, eq=False)
class _Queue:
    durable: bool
    owner: "MemoryBus | None"
    ready: deque[_Stored] = field(default_factory=deque[_Stored])
    consumers: deque[_Consumer] = field(default_factory=deque[_Consumer])


class _Subscription:
    """What one subscriber has not taken yet."""

    def __init__(self, bus: "MemoryBus") -> None:
        self._bus = bus
        self.arrived: deque[Message] = deque(maxlen=_MAX_BROADCASTS)
        self.wake = asyncio.Event()

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        while not self.arrived:
            self._bus.check_alive()
            self.wake.clear()
            await self.wake.wait()
        self._bus.check_alive()
        return self.arrived.popleft()

    def push(self, message: Message) -> None:
        self.arrived.append(message)
        self.wake.set()


class MemoryBroker:
    """The queues, and the connections to them. Everything that `MemoryBus` shares lives here."""

    def __init__(
        self,
        *,
        deliver: DeliverPolicy = deliver_at_once,
        max_queue_length: int = 1_000_000,
        max_body_bytes: int = 128 * 1024 * 1024,
    ) -> None:
        self.deliver = deliver
        self.up = asyncio.Event()
        self.up.set()
        self._max_queue_length = max_queue_length
        self._max_body_bytes = max_body_bytes
        self._queues: dict[str, _Queue] = {}
        self._topics: dict[str, list[_Subscription]] = {}
        self._buses: dict[str, MemoryBus] = {}
        self._numbers = itertools.count(1)
        self._epoch = 0

    @property
    def queue_depths(self) -> Mapping[str, int]:
        """Messages waiting, by queue, in order of declaration."""
        return {name: len(queue.ready) for name, queue in self._queues.items()}

    def stop(self) -> None:
        """The broker dies: every message is lost, every queue that is not durable too; all calls on its connections
        raise `BusUnavailable` until `start`."""
        self.up.clear()
        self._epoch += 1
        for queue in self._queues.values():
            queue.ready.clear()
            for consumer in queue.consumers:
                consumer.forget()
            queue.consumers.clear()
        self._queues = {name: queue for name, queue in self._queues.items() if queue.durable and queue.owner is None}
        for bus in self._buses.values():
            bus.fail_requests()

    def start(self) -> None:
        """The broker is back: consumers declare their queues again and go on."""
        self.up.set()
        for bus in self._buses.values():
            for consumer in bus.consumers:
                self.attach(consumer)

    def delete_queue(self, name: str) -> None:
        """Somebody deletes the queue with all that waits in it: its consumers declare it again and go on."""
        queue = self._queues.pop(name)
        for consumer in queue.consumers:
            consumer.forget()
            self.attach(consumer)

    def connect(self, bus: "MemoryBus") -> str:
        """Register a connection; returns its name, which is also the address of replies to it."""
        name = f"tradewind.reply.{next(self._numbers)}"
        self._buses[name] = bus
        return name

    def disconnect(self, name: str) -> None:
        """The connection is gone, and its exclusive queues with it; what it had not settled returns."""
        bus = self._buses.pop(name)
        for consumer in bus.consumers:
            self.detach(consumer)
        self._queues = {name: queue for name, queue in self._queues.items() if queue.owner is not bus}

    def declare(self, queue: Queue, bus: "MemoryBus") -> _Queue:
        """The queue of this name, made if there is none."""
        held = self._queues.get(queue.name)
        if held is None:
            held = self._queues[queue.name] = _Queue(queue.durable, bus if queue.exclusive else None)
        if held.owner not in (None, bus):
            raise QueueInUse(queue.name)
        return held

    def attach(self, consumer: _Consumer) -> None:
        """Declare the consumer's queue and push to it from now on."""
        self.declare(consumer.queue, consumer.bus).consumers.append(consumer)
        self.pump(consumer.queue.name)

    def detach(self, consumer: _Consumer) -> None:
        """Push no more; what it had not settled returns to the queue."""
        queue = self._queues.get(consumer.queue.name)
        unsettled = consumer.forget()
        if queue is not None and consumer in queue.consumers:
            queue.consumers.remove(consumer)
            self.give_back(consumer.queue.name, unsettled)

    def check(self, name: str, messages: Sequence[Message], *, mandatory: bool) -> None:
        """Raise what publishing these messages to this queue must raise, before any of them is sent."""
        for message in messages:
            if len(message.body) > self._max_body_bytes:
                raise MessageTooLarge(name, len(message.body), self._max_body_bytes)
        queue = self._queues.get(name)
        if queue is None:
            if mandatory and messages:
                raise QueueNotFound(name)
        elif len(queue.ready) + len(messages) > self._max_queue_length:
            raise BusUnavailable(f"queue {name!r} is full ({self._max_queue_length} messages wait in it)")

    def send(self, name: str, message: Message, *, expires_at: float | None = None) -> None:
        """Let the policy decide, then put the copies into the queue."""
        for delay in self.deliver(name, message):
            if delay <= 0:
                self._arrive(self._epoch, name, message, expires_at)
            else:
                loop = asyncio.get_running_loop()
                loop.call_later(delay, self._arrive, self._epoch, name, message, expires_at)

    def _arrive(self, epoch: int, name: str, message: Message, expires_at: float | None) -> None:
        queue = self._queues.get(name)
        if queue is not None and epoch == self._epoch:
            queue.ready.append(_Stored(message, next(self._numbers), expires_at))
            self.pump(name)

    def send_reply(self, name: str, message: Message) -> None:
        """To the connection of this name, through the policy."""
        for delay in self.deliver(name, message):
            if delay <= 0:
                self._answer(self._epoch, name, message)
            else:
                asyncio.get_running_loop().call_later(delay, self._answer, self._epoch, name, message)

    def _answer(self, epoch: int, name: str, message: Message) -> None:
        bus = self._buses.get(name)
        if bus is not None and epoch == self._epoch:
            bus.answer(message)

    def send_broadcast(self, topic: str, message: Message) -> None:
        """To each subscriber that the topic has now, through the policy, which decides for each."""
        for subscription in self._topics.get(topic, ()):
            for delay in self.deliver(topic, message):
                if delay <= 0:
                    subscription.push(message)
                else:
                    asyncio.get_running_loop().call_later(delay, subscription.push, message)

    def subscribe(self, topic: str, subscription: _Subscription) -> None:
        self._topics.setdefault(topic, []).append(subscription)

    def unsubscribe(self, topic: str, subscription: _Subscription) -> None:
        self._topics[topic].remove(subscription)

    def depth(self, name: str) -> int | None:
        queue = self._queues.get(name)
        if queue is None:
            return None
        now = asyncio.get_running_loop().time()
        return sum(stored.expires_at is None or stored.expires_at > now for stored in queue.ready)

    def give_back(self, name: str, unsettled: Iterable[_Stored]) -> None:
        """Put these back where they were in the queue's order, marked as redelivered."""
        queue = self._queues.get(name)
        if queue is None:
            return
        for stored in sorted(unsettled, key=lambda stored: stored.place, reverse=True):
            stored.redelivered = True
            queue.ready.appendleft(stored)
        self.pump(name)

    def pump(self, name: str) -> None:
        """Push what waits to the consumers that have room, round robin."""
        queue = self._queues.get(name)
        if queue is None:
            return
        now = asyncio.get_running_loop().time()
        full = 0
        while queue.ready and full < len(queue.consumers):
            consumer = queue.consumers[0]
            queue.consumers.rotate(-1)
            if len(consumer.unsettled) >= consumer.prefetch:
                full += 1
                continue
            full = 0
            stored = queue.ready.popleft()
            if stored.expires_at is None or stored.expires_at > now:
                consumer.push(stored, next(self._numbers))


class MemoryBus:
    """One connection to a `MemoryBroker`; see `tradewind.bus.port.Bus` for what each method promises."""

    def __init__(self, broker: MemoryBroker) -> None:
        self.broker = broker
        self.consumers: list[_Consumer] = []
        self._subscriptions: list[_Subscription] = []
        self._answers: dict[str, asyncio.Future[Message]] = {}
        self._requests = itertools.count(1)
        self._alive = True
        self._name = broker.connect(self)

    @property
    def connected(self) -> bool:
        return self._alive and self.broker.up.is_set()

    def crash(self) -> None:
        """The process that holds this connection is dead: every call raises `BusUnavailable` from now on, exclusive
        queues are gone, and what was not settled is delivered to others. Calling it again changes nothing."""
        if self._alive:
            self._alive = False
            self.broker.disconnect(self._name)
            self.fail_requests()
            for subscription in self._subscriptions:
                subscription.wake.set()

    async def close(self) -> None:
        """End the connection in good order; the same as `crash` as far as others can see."""
        self.crash()

    def check_alive(self) -> None:
        """Raises `BusUnavailable` once the connection is closed or crashed."""
        if not self._alive:
            raise BusUnavailable("this connection to the in-memory bus is closed")

    def check_connected(self) -> None:
        """Raises `BusUnavailable` unless a message could be sent now."""
        self.check_alive()
        if not self.broker.up.is_set():
            raise BusUnavailable("the in-memory broker is stopped")

    def answer(self, message: Message) -> None:
        """A reply has arrived; nobody may wait for it any more."""
        future = self._answers.get(message.correlation_id or "")
        if future is not None and not future.done():
            future.set_result(message)

    def fail_requests(self) -> None:
        """The connection is lost: so are the answers that were on their way."""
        for future in self._answers.values():
            if not future.done():
                future.set_exception(BusUnavailable("the connection was lost while an answer was awaited"))

    async def publish(
        self, queue: str, messages: Sequence[Message], *, mandatory: bool = False, confirm: bool = True
    ) -> None:
        self.check_connected()
        self.broker.check(queue, messages, mandatory=mandatory)
        for message in messages:
            self.broker.send(queue, message)
        await asyncio.sleep(0)

    async def declare(self, queue: Queue) -> None:
        self.check_connected()
        self.broker.declare(queue, self)

    @asynccontextmanager
    async def consume(self, queue: Queue, *, prefetch: int, max_batch: int) -> AsyncGenerator[AsyncIterator[Batch]]:
        await self.broker.up.wait()
        self.check_alive()
        consumer = _Consumer(self, queue, prefetch, max_batch)
        self.broker.attach(consumer)
        self.consumers.append(consumer)
        try:
            yield consumer
        finally:
            self.consumers.remove(consumer)
            self.broker.detach(consumer)

    async def request(self, queue: str, message: Message, *, timeout_seconds: float) -> Message:
        self.check_connected()
        self.broker.check(queue, (message,), mandatory=False)
        self.broker.declare(Queue(name=queue, durable=True), self)
        loop = asyncio.get_running_loop()
        correlation_id = str(next(self._requests))
        future = self._answers[correlation_id] = loop.create_future()
        request = replace(message, correlation_id=correlation_id, reply_to=self._name)
        try:
            self.broker.send(queue, request, expires_at=loop.time() + timeout_seconds)
            async with asyncio.timeout(timeout_seconds):
                return await future
        except TimeoutError:
            raise RequestTimeout(queue, timeout_seconds) from None
        finally:
            del self._answers[correlation_id]

    async def reply(self, replies: Sequence[tuple[Delivery, Message]]) -> None:
        self.check_connected()
        for delivery, message in replies:
            request = delivery.message
            if request.reply_to is not None:
                answer = replace(message, correlation_id=request.correlation_id)
                self.broker.send_reply(request.reply_to, answer)

    async def broadcast(self, topic: str, message: Message) -> None:
        self.check_connected()
        self.broker.send_broadcast(topic, message)

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncGenerator[AsyncIterator[Message]]:
        await self.broker.up.wait()
        self.check_alive()
        subscription = _Subscription(self)
        self._subscriptions.append(subscription)
        self.broker.subscribe(topic, subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.remove(subscription)
            self.broker.unsubscribe(topic, subscription)

    async def depth(self, queue: str) -> int | None:
        self.check_connected()
        return self.broker.depth(queue)
