"""Finds what events missed: every few seconds, by asking the rows. Each find is counted; without faults all stay 0."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tradewind.bus.port import Bus, Message
from tradewind.core.clock import Clock
from tradewind.core.errors import AdapterError
from tradewind.core.rows import EndedTaskInstance
from tradewind.db.store import SchedulerStore, StoreUnavailable
from tradewind.scheduler.decisions import DecisionLoop
from tradewind.scheduler.inbox import Inbox
from tradewind.scheduler.settings import SchedulerLimits
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.wire.codec import encode
from tradewind.wire.messages import TaskInstanceRef, TaskInstancesEnded
from tradewind.wire.queues import scheduler_queue

_WORKER_BATCHES_MAX: Final = 100
"""Calls to `expire_workers` in one sweep; each ends the attempts of some dead workers."""


@dataclass(slots=True)
class Found:
    """How many of each thing one sweep found."""

    expired_schedulers: int = 0
    adopted_runs: int = 0
    pending_runs: int = 0
    lost_attempts: int = 0
    unclaimed: int = 0
    slot_drift: Mapping[str, int] = field(default_factory=dict[str, int])


class SweepLoop:
    """One scheduler's sweep."""

    def __init__(
        self,
        *,
        scheduler_id: UUID,
        store: SchedulerStore,
        bus: Bus,
        inbox: Inbox,
        decisions: DecisionLoop,
        clock: Clock,
        lease_seconds: float,
        limits: SchedulerLimits,
        telemetry: "SweepTelemetry",
    ) -> None:
        self._scheduler_id = scheduler_id
        self._store = store
        self._bus = bus
        self._inbox = inbox
        self._decisions = decisions
        self._clock = clock
        self._lease = timedelta(seconds=lease_seconds)
        self._limits = limits
        self._telemetry = telemetry
        self._recount_at: datetime | None = None
        self._was_connected = bus.connected
        self._log = get_logger(loop="sweep", scheduler_id=str(scheduler_id))

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep at once and then at intervals, until `stop`."""
        while True:
            try:
                with self._telemetry.turns.turn():
                    self._telemetry.show(await self.run_once(self._clock()))
            except StoreUnavailable as exc:
                self._log.warning("store.unavailable", error=str(exc))
            if await pause(stop, self._limits.sweep_interval_seconds):
                return

    async def run_once(self, now: datetime) -> Found:
        """Look for everything; raises `StoreUnavailable`."""
        found = Found()
        await self._take_over(now, found)
        await self._expire_workers(now, found)
        await self._find_missed(now, found)
        await self._find_unclaimed(now, found)
        await self._recount(now, found)
        return found

    async def _take_over(self, now: datetime, found: Found) -> None:
        """Runs of dead schedulers become ours."""
        found.expired_schedulers = len(await self._store.expire_schedulers(now, self._lease))
        try:
            adopted = await self._store.adopt_dag_runs(self._scheduler_id, self._limits.runs_per_batch)
        except StoreUnavailable:
            self._decisions.is_unsure = True
            raise
        if adopted:
            found.adopted_runs = len(adopted)
            self._inbox.adopt(adopted)
            self._log.warning("dag_runs.adopted", count=len(adopted))

    async def _expire_workers(self, now: datetime, found: Found) -> None:
        for _ in range(_WORKER_BATCHES_MAX):
            ended = await self._store.expire_workers(now, self._lease)
            if not ended:
                return
            found.lost_attempts += len(ended)
            self._log.warning("workers.expired", attempts=len(ended))
            await self._tell_owners(ended)

    async def _find_missed(self, now: datetime, found: Found) -> None:
        """Ends and runs whose events were lost, runs that had no room in memory, room that nobody told of."""
        if self._decisions.is_unsure:
            owned = await self._store.owned_dag_runs(self._scheduler_id)
            self._decisions.is_unsure = False
            self._inbox.own(owned)
        before = now - timedelta(seconds=self._limits.pending_after_seconds)
        pending = await self._store.pending_dag_runs(self._scheduler_id, before)
        found.pending_runs = len(pending)
        evicted = self._decisions.take_evicted(self._limits.runs_per_batch)
        self._inbox.reload((*pending, *evicted))
        self._inbox.start_any()
        self._inbox.any_past()
        self._inbox.refresh_capacity()

    async def _find_unclaimed(self, now: datetime, found: Found) -> None:
        is_connected = self._bus.connected
        is_back = is_connected and not self._was_connected
        self._was_connected = is_connected
        limits = self._limits
        seconds = limits.republish_after_loss_seconds if is_back else limits.republish_after_seconds
        # A long backlog is no loss: what waits behind messages that are being claimed will have its turn.
        claimed_within = None if is_back else timedelta(seconds=limits.republish_after_seconds)
        unclaimed = await self._store.take_unclaimed(
            self._scheduler_id,
            now,
            timedelta(seconds=seconds),
            limits.unclaimed_per_sweep,
            claimed_within=claimed_within,
        )
        if unclaimed:
            found.unclaimed = len(unclaimed)
            self._inbox.republish(unclaimed)

    async def _recount(self, now: datetime, found: Found) -> None:
        if self._recount_at is None:
            self._recount_at = now + timedelta(seconds=self._limits.recount_interval_seconds)
        if now < self._recount_at:
            return
        self._recount_at = now + timedelta(seconds=self._limits.recount_interval_seconds)
        self._decisions.is_unsure = True
        found.slot_drift = await self._store.recount_slots()
        if found.slot_drift:
            self._log.error("slots.drifted", drift=dict(found.slot_drift))

    async def _tell_owners(self, ended: Sequence[EndedTaskInstance]) -> None:
        others: dict[UUID, list[TaskInstanceRef]] = {}
        for end in ended:
            if end.owner is not None and end.owner != self._scheduler_id:
                others.setdefault(end.owner, []).append(_ref(end))
        self._inbox.end([end for end in ended if end.owner == self._scheduler_id])
        for owner, refs in others.items():
            message = Message(body=encode(TaskInstancesEnded(items=tuple(refs))))
            try:
                await self._bus.publish(scheduler_queue(owner), [message])
            except AdapterError as exc:
                self._log.warning("bus.unavailable", sending="task_instances_ended", error=str(exc))


def _ref(end: EndedTaskInstance) -> TaskInstanceRef:
    return TaskInstanceRef(
        dag_run_id=end.id.dag_run_id,
        task_id=end.id.task_id,
        map_index=end.id.map_index,
        attempt_id=end.attempt_id,
        state=end.state,
        next_action_at=end.next_action_at,
        map_length=end.map_length,
        skipped=end.skipped,
    )


class SweepTelemetry:
    """One counter per kind of find."""

    def __init__(self, telemetry: Telemetry, interval_seconds: float) -> None:
        self.turns = telemetry.loop("sweep", interval_seconds=interval_seconds)
        self._found = telemetry.counter("sweep_found_total", "Things that a sweep found", ("thing",))

    def show(self, found: Found) -> None:
        """Count one sweep's finds."""
        for thing in ("expired_schedulers", "adopted_runs", "pending_runs", "lost_attempts", "unclaimed"):
            self._found.labels(thing).inc(getattr(found, thing))
        self._found.labels("slot_drift").inc(sum(abs(drift) for drift in found.slot_drift.values()))
