"""Taking messages from one queue for as long as somebody consumes it, whichever broker it is on.

Each stretch of consuming is a session of the adapter's. When it ends, because the connection, the channel or the queue
was lost, the broker delivers what was not settled again, so what is left of the stretch is forgotten, and the next one
declares the queue anew. That goes on in a task of its own: a consumer that is busy with a batch does not hold it up.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence, Sized
from typing import Final, Generic, Protocol, TypeVar

from tradewind.bus.dead_letter import dead_letter_of
from tradewind.bus.keeping import keep_using
from tradewind.bus.port import Batch, BusUnavailable, Delivery, Message, QueueInUse
from tradewind.service.backoff import Backoff
from tradewind.service.logging import get_logger

_BACKOFF: Final = Backoff(cap_seconds=1.0)


class Session(Protocol):
    """One stretch of consuming one queue. It sets the event that it was given whenever something has arrived."""

    @property
    def arrived(self) -> Sized:
        """What `take` would give, empty once the session is over."""
        ...

    async def hold(self) -> None:
        """Until the session is over; may raise `BusUnavailable` saying why it is."""
        ...

    def take(self, count: int) -> Sequence[Delivery]:
        """The oldest arrivals, at most so many."""
        ...

    async def settle(self, deliveries: Sequence[Delivery], *, requeue: bool) -> None:
        """Acknowledge or give back those of them that are not settled yet; nothing happens once the session is over."""
        ...

    async def close(self) -> None:
        """Consume no more; what was not settled returns to the queue."""
        ...


SessionT = TypeVar("SessionT", bound=Session)


class Intake(Generic[SessionT]):
    """Sessions, one after another. `run` must run for anything to arrive."""

    def __init__(self, begin: Callable[[asyncio.Event], Awaitable[SessionT]], *, name: str) -> None:
        self._begin = begin
        self._name = name
        self._wake = asyncio.Event()
        self._session: SessionT | None = None
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done once the queue is declared; `QueueInUse` if another connection owns it."""

    async def run(self) -> None:
        """Hold sessions until cancelled."""
        await keep_using(self._hold_one, backoff=_BACKOFF, on_loss=self._log_loss)

    def _log_loss(self, why: str, delay_seconds: float) -> None:
        get_logger().warning("consumer.interrupted", queue=self._name, error=why, delay_seconds=delay_seconds)

    async def _hold_one(self) -> None:
        try:
            session = self._session = await self._begin(self._wake)
        except QueueInUse as exc:
            if not self.begun.done():
                self.begun.set_exception(exc)
            raise
        try:
            if self.begun.done():
                get_logger().info("consumer.restored", queue=self._name)
            else:
                self.begun.set_result(None)
            await session.hold()
        finally:
            await session.close()

    async def arrivals(self) -> SessionT:
        """Wait until something has arrived; returns the session that holds it."""
        while True:
            session = self._session
            if session is not None and session.arrived:
                return session
            self._wake.clear()
            await self._wake.wait()


class Consumer:
    """The iterator that `consume` gives."""

    def __init__(
        self, intake: Intake[Session], max_batch: int, dead_letter: Callable[[Message], Awaitable[None]]
    ) -> None:
        self._intake = intake
        self._max_batch = max_batch
        self._dead_letter = dead_letter

    def __aiter__(self) -> AsyncIterator[Batch]:
        return self

    async def __anext__(self) -> Batch:
        session = await self._intake.arrivals()
        return _SessionBatch(session, session.take(self._max_batch), self._dead_letter)


class _SessionBatch:
    """A batch of one session."""

    def __init__(
        self, session: Session, deliveries: Sequence[Delivery], dead_letter: Callable[[Message], Awaitable[None]]
    ) -> None:
        self._session = session
        self._deliveries = deliveries
        self._dead_letter = dead_letter

    @property
    def deliveries(self) -> Sequence[Delivery]:
        return self._deliveries

    async def ack(self, deliveries: Sequence[Delivery] | None = None) -> None:
        await self._settle(self._deliveries if deliveries is None else deliveries, requeue=False)

    async def requeue(self, deliveries: Sequence[Delivery] | None = None) -> None:
        await self._settle(self._deliveries if deliveries is None else deliveries, requeue=True)

    async def dead_letter(self, delivery: Delivery, reason: str) -> None:
        await self._dead_letter(dead_letter_of(delivery, reason))
        await self._settle((delivery,), requeue=False)

    async def _settle(self, deliveries: Sequence[Delivery], *, requeue: bool) -> None:
        try:
            await self._session.settle(deliveries, requeue=requeue)
        except BusUnavailable:
            return  # the session is over with its connection: somebody is given them again
