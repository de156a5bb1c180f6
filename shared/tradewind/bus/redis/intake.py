"""Taking messages from one queue for as long as somebody consumes it, through any number of sessions."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final, Protocol

from tradewind.bus.dead_letter import dead_letter_of
from tradewind.bus.port import Batch, BusUnavailable, Delivery, Message, Queue, QueueInUse
from tradewind.bus.redis.session import Session
from tradewind.service.backoff import Backoff
from tradewind.service.logging import get_logger

SHORT_LIFE_SECONDS: Final = 1.0
"""What is lost this soon after it began counts as a failure to begin: the next try waits."""
_BACKOFF: Final = Backoff(jitter_share=0.0)


class Sessions(Protocol):
    """Where an intake gets its sessions from."""

    async def begin_session(self, queue: Queue, prefetch: int, wake: asyncio.Event) -> Session:
        """Declare the queue and register a new reader of it; waits while there is no connection. Raises
        `BusUnavailable` if it is lost just then, and `QueueInUse`."""
        ...

    async def dead_letter(self, message: Message) -> None:
        """Publish to the dead-letter queue, declared if need be, and await the confirm."""
        ...


class Intake:
    """Sessions, one after another. `run` must run for anything to arrive."""

    def __init__(self, sessions: Sessions, queue: Queue, prefetch: int) -> None:
        self.sessions = sessions
        self.queue = queue
        self._prefetch = prefetch
        self._wake = asyncio.Event()
        self._session: Session | None = None
        self._failures = 0
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done once the queue is declared; `QueueInUse` if another connection owns it."""

    async def run(self) -> None:
        """Hold sessions until cancelled, or refused at the first."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                session = await self.sessions.begin_session(self.queue, self._prefetch, self._wake)
            except (BusUnavailable, QueueInUse) as exc:
                if isinstance(exc, QueueInUse) and not self.begun.done():
                    self.begun.set_exception(exc)
                    return
                await self._pause(str(exc))
                continue
            began = loop.time()
            why = await self._hold(session)
            if loop.time() - began < SHORT_LIFE_SECONDS:
                await self._pause(why)
            else:
                self._failures = 0

    async def _hold(self, session: Session) -> str:
        """Use the session until it is over; returns why it is."""
        self._session = session
        if not self.begun.done():
            self.begun.set_result(None)
        elif not self.begun.cancelled():
            get_logger().info("consumer.restored", queue=self.queue.name)
        try:
            await session.read()
        except (BusUnavailable, TimeoutError) as exc:
            return str(exc)
        finally:
            await session.close()
        return "it ended"

    async def _pause(self, why: str) -> None:
        self._failures += 1
        delay = _BACKOFF.delay_seconds(self._failures, 0.0)
        get_logger().warning("consumer.interrupted", queue=self.queue.name, error=why, delay_seconds=delay)
        await asyncio.sleep(delay)

    async def arrivals(self) -> Session:
        """Wait until something has arrived; returns the session that holds it."""
        while True:
            session = self._session
            if session is not None and session.arrived:
                return session
            self._wake.clear()
            await self._wake.wait()


class Consumer:
    """The iterator that `consume` gives."""

    def __init__(self, intake: Intake, max_batch: int) -> None:
        self._intake = intake
        self._max_batch = max_batch

    def __aiter__(self) -> AsyncIterator[Batch]:
        return self

    async def __anext__(self) -> Batch:
        session = await self._intake.arrivals()
        count = min(len(session.arrived), self._max_batch)
        taken = tuple(session.arrived.popleft() for _ in range(count))
        return _RedisBatch(self._intake.sessions, session, taken)


class _RedisBatch:
    """A batch of one session."""

    def __init__(self, sessions: Sessions, session: Session, deliveries: Sequence[Delivery]) -> None:
        self._sessions = sessions
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
        await self._sessions.dead_letter(dead_letter_of(delivery, reason))
        await self._settle((delivery,), requeue=False)

    async def _settle(self, deliveries: Sequence[Delivery], *, requeue: bool) -> None:
        try:
            await self._session.settle(deliveries, requeue=requeue)
        except BusUnavailable:
            return  # the session is over with its link: somebody is given them again
