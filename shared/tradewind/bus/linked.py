"""What a bus over a broker that is a process does, whichever broker it is: it holds one link to it, connects again when
that is lost, and consumes over whichever link is live."""

import asyncio
import itertools
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Generic, TypeVar

from tradewind.bus.consuming import Consumer, Intake, Session, SessionT
from tradewind.bus.keeping import keep_using
from tradewind.bus.port import Batch, BusUnavailable, Message, MessageTooLarge, Queue
from tradewind.service.backoff import Backoff
from tradewind.service.logging import get_logger
from tradewind.wire.queues import DEAD_LETTER

_BACKOFF: Final = Backoff(jitter_share=0.2)

LinkT = TypeVar("LinkT")


class LinkedBus(ABC, Generic[LinkT]):
    """A bus with at most one link at a time; see `tradewind.bus.port.Bus` for what each method promises."""

    def __init__(self, group: asyncio.TaskGroup, *, shown: str, setting_name: str, max_body_bytes: int) -> None:
        self._group = group
        self._shown = shown
        """The broker's address without its password."""
        self._setting_name = setting_name
        self._max_body_bytes = max_body_bytes
        self._link: LinkT | None = None
        self._is_closed = False
        self._up = asyncio.Event()
        self.first_attempt = asyncio.Event()
        """Set once it is known whether the broker can be reached."""
        self._why_down = "not connected to the broker yet"
        self._answers: dict[str, asyncio.Future[Message]] = {}
        self._readings: dict[asyncio.Task[None], None] = {}
        self._numbers = itertools.count(1)

    @property
    def connected(self) -> bool:
        return self._link is not None

    @abstractmethod
    async def _use_one_link(self) -> None:
        """Connect, `_raise` the link, and once it is lost, or could not be had, `_drop` it and raise `BusUnavailable`
        saying why."""

    @abstractmethod
    async def _begin_session(self, queue: Queue, prefetch: int, wake: asyncio.Event) -> Session:
        """Declare the queue and begin to consume it; waits while there is no link. Raises `BusUnavailable` if it is
        lost just then, and `QueueInUse`."""

    async def keep_connected(self) -> None:
        """Connect, and connect again whenever the link is lost; runs until it is cancelled."""
        await keep_using(self._use_one_link, backoff=_BACKOFF, on_loss=self._note_loss, jitter=self._jitter)

    def _jitter(self) -> float:
        return next(self._numbers) % 10 / 10

    def _note_loss(self, why: str, delay_seconds: float) -> None:
        if self._is_closed:
            # The keeper was cancelled; a task group of its that failed at the same moment has swallowed that.
            raise asyncio.CancelledError
        self._why_down = why
        get_logger().warning("broker.unreachable", error=why, delay_seconds=delay_seconds)
        self.first_attempt.set()

    def _raise(self, link: LinkT) -> None:
        """From now on there is this link."""
        self._link = link
        self._up.set()
        self.first_attempt.set()
        get_logger().info("broker.connected", url=self._shown)

    def _drop(self) -> LinkT | None:
        """The link is gone, if there was one: requests fail that wait for their answers."""
        link, self._link = self._link, None
        self._up.clear()
        if link is not None:
            self._why_down = f"the connection to the broker at {self._shown} was lost"
            get_logger().warning("broker.lost", url=self._shown)
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(BusUnavailable(self._why_down))
        return link

    def _live(self) -> LinkT:
        if self._link is None:
            raise BusUnavailable(self._why_down)
        return self._link

    async def close(self) -> None:
        """Leave in good order: what is unsettled is given back by the time this returns, or soon after."""
        self._link, self._is_closed = None, True
        self._up.clear()
        self._why_down = f"the connection to the broker at {self._shown} is closed"
        for reading in tuple(self._readings):
            reading.cancel()

    def _check_size(self, queue: str, messages: Sequence[Message]) -> None:
        for message in messages:
            if len(message.body) > self._max_body_bytes:
                raise MessageTooLarge(queue, len(message.body), self._max_body_bytes)

    @asynccontextmanager
    async def consume(self, queue: Queue, *, prefetch: int, max_batch: int) -> AsyncGenerator[AsyncIterator[Batch]]:
        async def begin(wake: asyncio.Event) -> Session:
            return await self._begin_session(queue, prefetch, wake)

        async with self._intake(begin, queue.name) as intake:
            yield Consumer(intake, max_batch, self._dead_letter)

    @asynccontextmanager
    async def _intake(
        self, begin: Callable[[asyncio.Event], Awaitable[SessionT]], name: str
    ) -> AsyncGenerator[Intake[SessionT]]:
        """Entering waits for the first session."""
        intake = Intake(begin, name=name)
        reading = self._group.create_task(intake.run(), name=f"consume-{name}")
        self._readings[reading] = None
        try:
            await intake.begun
            yield intake
        finally:
            del self._readings[reading]
            reading.cancel()
            await asyncio.wait([reading])

    @abstractmethod
    async def declare(self, queue: Queue) -> None: ...

    @abstractmethod
    async def publish(
        self, queue: str, messages: Sequence[Message], *, mandatory: bool = False, confirm: bool = True
    ) -> None: ...

    async def _dead_letter(self, message: Message) -> None:
        """Publish to the dead-letter queue, declared if need be, and await the confirm."""
        await self.declare(Queue(name=DEAD_LETTER, durable=True))
        await self.publish(DEAD_LETTER, (message,), mandatory=True)


BusT = TypeVar("BusT", bound=LinkedBus[Any])


@asynccontextmanager
async def connected(make: Callable[[asyncio.TaskGroup], BusT]) -> AsyncGenerator[BusT]:
    """The bus that `make` makes in a task group, kept connected. Entering returns after the first attempt to connect,
    whatever came of it; the bus connects as soon as it can."""
    failure: Exception | None = None
    async with asyncio.TaskGroup() as group:
        bus = make(group)
        keeper = group.create_task(bus.keep_connected(), name="broker-connection")
        try:
            await bus.first_attempt.wait()
            yield bus
        except Exception as exc:
            failure = exc
        finally:
            await bus.close()
            keeper.cancel()
    if failure is not None:
        raise failure
