"""The loop that makes runs by assets."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from tradewind.core.clock import Clock
from tradewind.db.store import AssetStore, StoreUnavailable
from tradewind.scheduler.asset_runs.wake_up import AssetWakeUp
from tradewind.scheduler.inbox import Inbox
from tradewind.scheduler.request_notice import RequestNotice
from tradewind.scheduler.settings import SchedulerLimits
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry


@dataclass(slots=True)
class Made:
    """What one turn came to."""

    runs: int = 0
    found: int = 0
    """DAGs of which no message had told."""


class AssetRunLoop:
    """One scheduler's part in making runs by assets."""

    def __init__(
        self,
        *,
        scheduler_id: UUID,
        store: AssetStore,
        inbox: Inbox,
        wake_up: AssetWakeUp,
        requests: RequestNotice,
        clock: Clock,
        limits: SchedulerLimits,
        telemetry: "AssetRunTelemetry",
    ) -> None:
        self._store = store
        self._inbox = inbox
        self._wake_up = wake_up
        self._requests = requests
        self._clock = clock
        self._limits = limits
        self._telemetry = telemetry
        self._interval = timedelta(seconds=limits.sweep_interval_seconds)
        self._sweep_at: datetime | None = None
        self._log = get_logger(loop="asset_runs", scheduler_id=str(scheduler_id))

    async def run(self, stop: asyncio.Event) -> None:
        """Make runs as events come, and sweep at intervals, until `stop`."""
        while not stop.is_set():
            dag_ids, sweeps = self._wake_up.take()
            try:
                with self._telemetry.turns.turn():
                    await self.run_once(self._clock(), dag_ids, sweeps=sweeps)
            except StoreUnavailable as exc:  # the sweep will find what was named
                self._log.warning("store.unavailable", error=str(exc))
            await self._wake_up.wait(self._limits.sweep_interval_seconds)

    async def run_once(self, now: datetime, dag_ids: Sequence[str], *, sweeps: bool = False) -> Made:
        """Look at the queues of these DAGs and, if it is time, of all that nobody has looked at; raises
        `StoreUnavailable`."""
        made = Made()
        for dag_id in dag_ids:
            await self._look_at(dag_id, now, made)
        if sweeps or self._sweep_at is None or now >= self._sweep_at:
            self._sweep_at = now + self._interval
            await self._sweep(now, made, is_early=sweeps)
        self._telemetry.found.inc(made.found)
        return made

    async def _sweep(self, now: datetime, made: Made, *, is_early: bool) -> None:
        older_than = now if is_early else now - timedelta(seconds=self._limits.pending_after_seconds)
        last = ""
        while page := await self._store.asset_dag_ids(older_than, last, self._limits.dags_per_batch):
            for dag_id in page:
                made.found += not is_early
                await self._look_at(dag_id, now, made)
            last = page[-1]

    async def _look_at(self, dag_id: str, now: datetime, made: Made) -> None:
        has_more = True
        while has_more:
            runs = await self._store.create_asset_runs(dag_id, now)
            for event_id, reason in runs.refused:
                self._log.warning("asset_event.refused", dag_id=dag_id, event_id=event_id, reason=reason)
            self._wake_up.hold(dag_id, waits_for_room=runs.waits_for_room)
            has_more = runs.has_more
            await self._requests.send(runs.asked)
            if runs.made:
                made.runs += runs.made
                self._telemetry.created.inc(runs.made)
                self._log.info("dag_runs.created", dag_id=dag_id, count=runs.made, by="assets")
                self._inbox.start([dag_id])


class AssetRunTelemetry:
    """Counts the runs made, and the queues that a sweep found."""

    def __init__(self, telemetry: Telemetry, interval_seconds: float) -> None:
        self.turns = telemetry.loop("asset_runs", interval_seconds=interval_seconds)
        self.created = telemetry.counter("asset_dag_runs_created_total", "Runs made by assets")
        self.found = telemetry.counter("asset_queues_found_total", "Queues of asset events that a sweep found")
