"""What triggers have said, on its way to the store: everything that has come in is one statement; then the runs'
owners are told. Nothing is forgotten while this process lives; if it dies, the triggers run again elsewhere."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from tradewind.bus.port import Bus, Message
from tradewind.core.clock import Clock
from tradewind.core.errors import AdapterError, DomainError
from tradewind.core.rows import EndedTaskInstance, Verdict
from tradewind.core.triggers import TriggerAnswer, TriggerOutcome, failed
from tradewind.db.store import StoreUnavailable, TriggererStore
from tradewind.service.backoff import Backoff, Jitter
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.wire.codec import encode
from tradewind.wire.nudges import nudges_to_owners

MAX_BATCH: Final = 500
IDLE_SECONDS: Final = 3600.0
DECIDED_SECONDS: Final = 0.05
"""How long a run's owner usually takes, at most, to decide upon a deferral; the wait for it grows from this."""


class OutcomeLoop:
    """Bounded by the triggers that this triggerer runs, one outcome each, and by what one look for timeouts finds."""

    def __init__(self, *, store: TriggererStore, bus: Bus, clock: Clock, jitter: Jitter, telemetry: Telemetry) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._jitter = jitter
        self._loop = telemetry.loop("outcomes")
        self._answers = telemetry.counter("outcomes_total", "What triggers said, by the store's answer", ("verdict",))
        self._waiting: dict[int, TriggerOutcome] = {}
        self._wake = asyncio.Event()
        self._log = get_logger(loop="outcomes")

    @property
    def waiting(self) -> Sequence[int]:
        """Ids of the triggers whose outcome is not committed yet."""
        return tuple(self._waiting)

    def put(self, outcome: TriggerOutcome) -> None:
        """Commit this soon; the first outcome of a trigger counts."""
        self._waiting.setdefault(outcome.trigger_id, outcome)
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Commit what comes in, until `stop`, and then once more what is left."""
        failures, backoff = 0, Backoff(initial_seconds=DECIDED_SECONDS, cap_seconds=2.0)
        while not await pause(stop, IDLE_SECONDS, self._wake):
            is_done = await self._try_once()
            failures = 0 if is_done else failures + 1
            if failures:
                await pause(stop, backoff.delay_seconds(failures, self._jitter()))
                self._wake.set()
        await self._try_once()

    async def _try_once(self) -> bool:
        try:
            with self._loop.turn():
                await self.run_once()
        except StoreUnavailable as exc:
            self._log.warning("store.unavailable", error=str(exc), outcomes=len(self._waiting))
            return False
        return not self._waiting

    async def run_once(self) -> None:
        """Commit everything that waits, and tell the owners; raises `StoreUnavailable`."""
        outcomes = list(self._waiting.values())
        for first in range(0, len(outcomes), MAX_BATCH):
            answers = await self._fire(outcomes[first : first + MAX_BATCH])
            for answer in answers:
                self._answers.labels(answer.verdict).inc()
                if answer.verdict is not Verdict.RETRY:
                    self._waiting.pop(answer.trigger_id, None)
            await self._tell(answer.ended for answer in answers if answer.ended is not None)

    async def _fire(self, outcomes: Sequence[TriggerOutcome]) -> Sequence[TriggerAnswer]:
        """Together; if the database refuses a value among them, each alone, so that one does not hold up the others."""
        try:
            return await self._store.fire_triggers(outcomes, self._clock())
        except StoreUnavailable:
            raise
        except DomainError as exc:
            if len(outcomes) > 1:
                return [answer for outcome in outcomes for answer in await self._fire([outcome])]
            trigger_id = outcomes[0].trigger_id
            self._log.error("event.refused", trigger_id=trigger_id, error=str(exc))
            return await self._store.fire_triggers(
                [failed(trigger_id, ["The trigger's event cannot be stored"])], self._clock()
            )

    async def _tell(self, ended: Iterable[EndedTaskInstance]) -> None:
        for queue, message in nudges_to_owners(ended):
            try:
                await self._bus.publish(queue, [Message(body=encode(message))], confirm=False)
            except AdapterError as exc:
                self._log.warning("bus.unavailable", sending="task_instances_ended", error=str(exc))
