"""What a triggerer does again and again: keep its lease, let go of what nobody waits for, take what nobody runs, and
see whose time is over. A message makes it look at once; what messages miss is found at the next look."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tradewind.core.clock import Clock
from tradewind.core.triggers import WaitingTrigger
from tradewind.db.store import StoreUnavailable, TriggererStore
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.service.tokens import AttemptClaims, TokenSigner
from tradewind.triggerer.outcomes import OutcomeLoop
from tradewind.triggerer.placement import Places
from tradewind.triggerer.protocol import RunTrigger
from tradewind.triggerer.settings import TriggererGroup
from tradewind.triggerer.timeouts import outcome_of_timeout
from tradewind.triggerer.watching import Watching

DUE_PER_TURN: Final = 500
LEASES_PER_RENEWAL: Final = 4
WATCHERS_EVERY: Final = timedelta(seconds=5)
"""Watchers come and go with DAG files only."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn did."""

    taken: int
    due: int


class DutyLoop:
    """One triggerer's turns."""

    def __init__(
        self,
        *,
        triggerer_id: UUID,
        store: TriggererStore,
        clock: Clock,
        lease: timedelta,
        settings: TriggererGroup,
        placement: Places,
        outcomes: OutcomeLoop,
        watching: Watching,
        signer: TokenSigner,
        telemetry: Telemetry,
    ) -> None:
        self._triggerer_id = triggerer_id
        self._store = store
        self._clock = clock
        self._lease = lease
        self._settings = settings
        self._placement = placement
        self._outcomes = outcomes
        self._watching = watching
        self._signer = signer
        self._interval = min(settings.sweep_interval_seconds, lease.total_seconds() / LEASES_PER_RENEWAL)
        self._loop = telemetry.loop("duty", interval_seconds=self._interval)
        self._taken = telemetry.counter("taken_total", "Triggers taken, by how they were heard of", ("heard",))
        self._adopted = telemetry.counter("triggerers_expired_total", "Triggerers taken for dead")
        self._wake = asyncio.Event()
        self._watch_at: datetime | None = None
        self._log = get_logger(loop="duty", triggerer_id=str(triggerer_id))

    def wake_up(self) -> None:
        """Look at once."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Take turns until `stop`; then give everything up."""
        heard = "sweep"
        while not stop.is_set():
            try:
                with self._loop.turn():
                    turn = await self.run_once(self._clock())
                    self._taken.labels(heard).inc(turn.taken)
                if turn.taken >= self._settings.max_trigger_to_select_per_loop:
                    continue
            except StoreUnavailable as exc:
                self._log.warning("store.unavailable", error=str(exc))
            deadline = asyncio.get_running_loop().time() + self._interval
            await pause(stop, self._interval, self._wake)
            heard = "sweep" if asyncio.get_running_loop().time() >= deadline else "event"
        await self._retire()

    async def run_once(self, now: datetime) -> Turn:
        """One turn; raises `StoreUnavailable`."""
        settings, id_ = self._settings, self._triggerer_id
        if await self._store.renew_triggerer(id_, socket.gethostname(), settings.capacity, now):
            self._watching.drop_all()
            self._watch_at = None
            # Whatever ran here, after having been silent for too long, is others' now.
            for trigger_id in self._placement.running:
                self._placement.stop(trigger_id, by_person=False)
        expired = await self._store.expire_triggerers(self._lease)
        if expired:
            self._adopted.inc(len(expired))
            self._log.warning("triggerers.expired", triggerers=[str(other) for other in expired])
        await self._keep()
        due = await self._end_overdue(now)
        taken = await self._take()
        if self._watch_at is None or now >= self._watch_at:
            self._watch_at = now + WATCHERS_EVERY
            await self._watching.run_once(self._room())
        return Turn(taken=len(taken), due=due)

    async def _keep(self) -> None:
        """What the store says is ours is what runs here: no more, and no less. While the lease holds, a row that is
        gone was removed by a person, or by a rule that ended the task; what fires or times out stops here first."""
        kept = await self._store.keep_triggers(self._triggerer_id)
        ours = dict.fromkeys(kept)
        for trigger_id in self._placement.running:
            if trigger_id not in ours:
                self._placement.stop(trigger_id, by_person=True)
        held = dict.fromkeys((*self._placement.running, *self._outcomes.waiting))
        lost = [trigger_id for trigger_id in kept if trigger_id not in held]
        if lost:
            # Taken, but the answer never came: anybody may take them now.
            await self._store.release_triggers(self._triggerer_id, lost)

    async def _end_overdue(self, now: datetime) -> int:
        due = await self._store.due_triggers(self._triggerer_id, now, DUE_PER_TURN)
        for each in due:
            self._placement.stop(each.id, by_person=False)
            self._outcomes.put(outcome_of_timeout(each, now))
        return len(due)

    async def _take(self) -> Sequence[WaitingTrigger]:
        settings = self._settings
        limit = self._room()
        if limit <= 0:
            return ()
        taken = await self._store.take_triggers(self._triggerer_id, limit, settings.queues)
        for trigger in taken:
            self._log.info("trigger.taken", trigger_id=trigger.id, classpath=trigger.classpath, dag_id=trigger.dag_id)
            self._placement.start(_request(trigger, self._signer), trigger)
        return taken

    def _room(self) -> int:
        running = len(self._placement.running) + len(self._placement.watching)
        return min(self._settings.capacity - running, self._settings.max_trigger_to_select_per_loop)

    async def _retire(self) -> None:
        try:
            await self._store.retire_triggerer(self._triggerer_id)
        except StoreUnavailable as exc:
            self._log.warning("store.unavailable", error=str(exc), doing="retire_triggerer")


def _request(trigger: WaitingTrigger, signer: TokenSigner) -> RunTrigger:
    task_instance = trigger.task_instance
    claims = AttemptClaims(
        attempt_id=trigger.attempt_id,
        dag_id=trigger.dag_id,
        run_id=trigger.run_id,
        task_id=task_instance.task_id,
        map_index=task_instance.map_index,
        try_number=trigger.try_number,
    )
    return RunTrigger(
        id=0,
        trigger_id=trigger.id,
        classpath=trigger.classpath,
        kwargs=trigger.kwargs,
        dag_id=trigger.dag_id,
        run_id=trigger.run_id,
        task_id=task_instance.task_id,
        map_index=task_instance.map_index,
        try_number=trigger.try_number,
        attempt_id=trigger.attempt_id,
        token=signer.mint_attempt_token(claims),
        relative_fileloc=trigger.relative_fileloc,
    )
