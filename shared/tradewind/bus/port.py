"""The message port: what every service may expect of a bus, and nothing more.

A bus moves bytes between named queues. Any message may be lost, doubled, delayed or reordered: correctness never
rests on it (docs/architecture.md). What adapters do promise is in each method's docstring, and one behavioural suite
(`tests/integration/test_bus.py`) holds all of them to it.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from tradewind.core.errors import AdapterError
from tradewind.wire.envelope import Message as Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A queue as its consumers declare it; publishers name it only."""

    name: str
    exclusive: bool = False
    """Lives and dies with the connection that consumes it."""
    durable: bool = False
    """Survives a restart of the broker (the queue, not its messages)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message as received. `tag` is the adapter's own handle, never used twice by a bus."""

    message: Message
    queue: str
    redelivered: bool
    tag: int


class Batch(Protocol):
    """Everything that had arrived when the consumer asked, at most `max_batch` deliveries, in arrival order."""

    @property
    def deliveries(self) -> Sequence[Delivery]: ...

    async def ack(self, deliveries: Sequence[Delivery] | None = None) -> None:
        """Settle these deliveries (None: all not settled yet). Settling twice is harmless."""
        ...

    async def requeue(self, deliveries: Sequence[Delivery] | None = None) -> None:
        """Give them back; they will be delivered again, `redelivered`, to any consumer of the queue."""
        ...

    async def dead_letter(self, delivery: Delivery, reason: str) -> None:
        """Move it to the queue `tradewind.dead_letter`, body and headers intact, with headers
        `x-reason` and `x-source-queue`, and settle it."""
        ...


class Bus(Protocol):
    """One connection to a broker. All methods may raise `BusUnavailable` while there is none; the adapter
    reconnects by itself with backoff, declares its queues again, and consumers continue."""

    async def publish(
        self, queue: str, messages: Sequence[Message], *, mandatory: bool = False, confirm: bool = True
    ) -> None:
        """Send all in one flush and return when the broker has confirmed every one (awaited together); without
        `confirm`, once they are sent: for what may be lost, at half the cost.
        `mandatory`: raise `QueueNotFound` if nothing would ever receive them; otherwise they are dropped then."""
        ...

    def consume(
        self, queue: Queue, *, prefetch: int, max_batch: int
    ) -> AbstractAsyncContextManager[AsyncIterator[Batch]]:
        """Declare the queue and take batches from it; at most `prefetch` deliveries are unsettled at once.
        Unsettled ones are delivered again, to anybody, once the context is left or the connection dies.
        Entering waits until the queue is declared, however long the broker is away; the iterator outlives losses of
        the connection and of the queue. Settling what was delivered before such a loss does nothing. Entering raises
        `QueueInUse` if the queue is exclusive to another connection."""
        ...

    async def declare(self, queue: Queue) -> None:
        """Make the queue if there is none, for messages that may wait for its first consumer; one that exists is left
        as it is. Raises `QueueInUse` if it is exclusive to another connection."""
        ...

    async def request(self, queue: str, message: Message, *, timeout_seconds: float) -> Message:
        """Publish (without confirm: the answer is the confirmation) and await the answer to it. The queue is declared
        (shared) if there is none: requests may wait for their first server.
        Raises `RequestTimeout`; whether the request was handled is then unknown. Nobody receives the request once
        `timeout_seconds` are over (give or take its way to the broker). `correlation_id` and `reply_to` are
        set by the bus."""
        ...

    async def reply(self, replies: Sequence[tuple[Delivery, Message]]) -> None:
        """Answer requests, in one flush and without confirms; a lost reply shows as the requester's timeout.
        A delivery that asks for no answer gets none."""
        ...

    async def broadcast(self, topic: str, message: Message) -> None:
        """Send to whoever subscribes to the topic now; no confirm."""
        ...

    def subscribe(self, topic: str) -> AbstractAsyncContextManager[AsyncIterator[Message]]:
        """Receive every broadcast to the topic from now on."""
        ...

    async def depth(self, queue: str) -> int | None:
        """Messages waiting in the queue (not those delivered and unsettled); None if there is no such queue."""
        ...

    @property
    def connected(self) -> bool: ...


class BusUnavailable(AdapterError):
    """The broker cannot be reached at the moment."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)


class RequestTimeout(AdapterError):
    """No answer came in time."""

    def __init__(self, queue: str, timeout_seconds: float) -> None:
        super().__init__(f"no answer on queue {queue!r} within {timeout_seconds:g} s", retryable=True)


class QueueNotFound(AdapterError):
    """A mandatory message had no queue to go to."""

    def __init__(self, queue: str) -> None:
        super().__init__(f"there is no queue {queue!r}: no consumer has declared it, or it was lost", retryable=True)


class QueueInUse(AdapterError):
    """The queue is exclusive to another connection, which may be dead without the broker having noticed yet."""

    def __init__(self, queue: str) -> None:
        super().__init__(f"queue {queue!r} is exclusive to another connection", retryable=True)


class MessageTooLarge(AdapterError):
    """The body is larger than the bus takes; sending it again cannot help."""

    def __init__(self, queue: str, size_bytes: int, max_body_bytes: int) -> None:
        text = f"a message of {size_bytes} bytes for queue {queue!r} is larger than the bus takes ({max_body_bytes})"
        super().__init__(text, retryable=False)
