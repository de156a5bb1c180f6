"""What goes wrong, drawn from one seed: with messages, with the store, with processes, with children."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.simulation.children import ChildFaults
from tradewind.bus.port import Message
from tradewind.db.memory.store import MemoryStore
from tradewind.db.store import StoreUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRates:
    """Probabilities per message, call or child; 0 = never."""

    lost: float = 0.01
    doubled: float = 0.02
    delayed: float = 0.05
    refused: float = 0.003
    """A store call fails before it did anything."""
    answer_lost: float = 0.003
    """A store call is committed, and fails all the same."""
    launch_fails: float = 0.01
    dies_before_start: float = 0.01
    child_killed: float = 0.02


class Faults:
    """Draws while `active`; afterwards everything works."""

    def __init__(self, rng: Random, rates: FaultRates) -> None:
        self._rng = rng
        self._rates = rates
        self.active = True
        self.database_is_up = True

    def draw(self, rate: float) -> bool:
        """Whether something of this rate happens now."""
        return self.active and self._rng.random() < rate

    def deliver(self, queue: str, message: Message) -> Sequence[float]:
        """The policy of the memory broker."""
        latency = self._rng.uniform(0.0002, 0.003)
        if self.draw(self._rates.lost):
            return ()
        if self.draw(self._rates.doubled):
            return (latency, latency + self._rng.choice((0.0, 0.5, 20.0)))
        if self.draw(self._rates.delayed):
            return (latency + self._rng.choice((0.01, 0.2, 3.0)),)
        return (latency,)

    async def around_store_call(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """Latency before and after, and now and then a failure on either side of the commit."""
        await asyncio.sleep(self._rng.uniform(0.0002, 0.003))
        if not self.database_is_up or self.draw(self._rates.refused):
            raise StoreUnavailable("the simulated database is away")
        answer = await call()
        await asyncio.sleep(self._rng.uniform(0.0001, 0.001))
        if self.draw(self._rates.answer_lost):
            raise StoreUnavailable("the simulated database's answer was lost")
        return answer

    def of_children(self) -> ChildFaults:
        return ChildFaults(
            launch_fails=lambda: self.draw(self._rates.launch_fails),
            dies_before_start=lambda: self.draw(self._rates.dies_before_start),
            killed_after=lambda seconds: self._rng.uniform(0, seconds) if self.draw(self._rates.child_killed) else None,
        )


class SimulatedStore:
    """One process's connection to the store: every call takes time, may fail, and is refused once the process is dead.

    `after_call` sees the store after each call, before anything else happens.
    """

    def __init__(self, store: MemoryStore, faults: Faults, after_call: Callable[[str], None]) -> None:
        self._store = store
        self._faults = faults
        self._after_call = after_call
        self._is_dead = False
        self._stalled_until = 0.0

    def stall(self, seconds: float) -> None:
        """What the process asks reaches the store only after so long: it may be taken for dead meanwhile."""
        self._stalled_until = asyncio.get_running_loop().time() + seconds

    def crash(self) -> None:
        """The process is gone."""
        self._is_dead = True

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._store, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await self._faults.around_store_call(lambda: self._apply(name, method, args, kwargs))

        return call

    async def _apply(
        self, name: str, method: Callable[..., Awaitable[Any]], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        await asyncio.sleep(max(0.0, self._stalled_until - asyncio.get_running_loop().time()))
        if self._is_dead:
            raise StoreUnavailable("the process that called is dead")
        answer = await method(*args, **kwargs)
        self._after_call(name)
        return answer
