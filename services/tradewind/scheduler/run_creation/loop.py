"""The loop that makes runs by time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tradewind.core.clock import Clock
from tradewind.core.spec import DagSpec
from tradewind.core.timetables.due import DueDag, NextRunTimes, RunCreation, run_creation
from tradewind.core.timetables.values import NextRun
from tradewind.db.store import RunCreationStore, SchedulerStore, StoreUnavailable
from tradewind.scheduler.inbox import Inbox
from tradewind.scheduler.request_notice import RequestNotice
from tradewind.scheduler.run_creation.wake_up import WakeUp
from tradewind.scheduler.settings import SchedulerLimits
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry

RETRY_SECONDS: Final = 1.0


@dataclass(slots=True)
class Made:
    """What one turn came to."""

    dags: int = 0
    """DAGs whose next run was set."""
    runs: int = 0
    has_more: bool = False
    """Something is left that could be done at once."""


class RunCreationLoop:
    """One scheduler's part in making runs."""

    def __init__(
        self,
        *,
        scheduler_id: UUID,
        store: RunCreationStore,
        scheduler_store: SchedulerStore,
        inbox: Inbox,
        wake_up: WakeUp,
        requests: RequestNotice,
        clock: Clock,
        limits: SchedulerLimits,
        telemetry: "RunCreationTelemetry",
    ) -> None:
        self._store = store
        self._scheduler_store = scheduler_store
        self._inbox = inbox
        self._wake_up = wake_up
        self._requests = requests
        self._clock = clock
        self._limits = limits
        self._telemetry = telemetry
        self._backfills_at = clock()
        self._log = get_logger(loop="run_creation", scheduler_id=str(scheduler_id))

    async def run(self, stop: asyncio.Event) -> None:
        """Make runs when they are due, until `stop`."""
        while not stop.is_set():
            seconds = RETRY_SECONDS
            try:
                with self._telemetry.turns.turn():
                    made = await self.run_once(self._clock())
                    seconds = 0.0 if made.has_more else await self._seconds_to_next()
            except StoreUnavailable as exc:
                self._log.warning("store.unavailable", error=str(exc))
            if seconds:
                await self._wake_up.wait(seconds)

    async def run_once(self, now: datetime) -> Made:
        """Make the runs that are due, one batch; raises `StoreUnavailable`."""
        await self._complete_backfills(now)
        due = await self._store.due_dags(now, self._limits.dags_per_batch)
        if not due:
            return Made()
        creations = await self._creations(due, now)
        created = await self._store.create_scheduled_runs(creations, now)
        if created.runs:
            self._telemetry.created.inc(len(created.runs))
            self._inbox.start(tuple(dict.fromkeys(dag_id for dag_id, _ in created.runs)))
            self._log.info("dag_runs.created", count=len(created.runs), dags=len(created.dag_ids))
        await self._requests.send(sum(each.asks_next and each.dag_id in created.dag_ids for each in creations))
        is_full = len(due) == self._limits.dags_per_batch
        is_behind = any(_is_due(creation.following, now) for creation in creations)
        return Made(len(created.dag_ids), len(created.runs), bool(created.dag_ids) and (is_full or is_behind))

    async def _complete_backfills(self, now: datetime) -> None:
        if now < self._backfills_at:
            return
        self._backfills_at = now + timedelta(seconds=self._limits.sweep_interval_seconds)
        if completed := await self._store.complete_backfills(now):
            self._log.info("backfills.completed", ids=completed)

    async def _creations(self, due: Sequence[DueDag], now: datetime) -> list[RunCreation]:
        specs = await self._scheduler_store.load_dag_specs([dag.dag_version_id for dag in due])
        found = [(dag, spec) for dag in due if (spec := specs.get(dag.dag_version_id)) is not None]
        return [creation for dag, spec in found if (creation := self._creation(dag, spec, now)) is not None]

    def _creation(self, dag: DueDag, spec: DagSpec, now: datetime) -> RunCreation | None:
        """A schedule that cannot be computed with here (its time zone is unknown, say) holds up only its own DAG."""
        try:
            return run_creation(dag, spec, now, self._limits.runs_per_dag)
        except (ValueError, LookupError, OverflowError) as exc:
            self._log.error("timetable.failed", dag_id=dag.dag_id, error=repr(exc), timetable=spec.timetable)
            return None

    async def _seconds_to_next(self) -> float:
        now = self._clock()
        times: NextRunTimes = await self._store.next_run_times(now)
        self._wake_up.waits_for_room = times.is_due
        interval = self._limits.sweep_interval_seconds
        return interval if times.next_at is None else min(interval, (times.next_at - now).total_seconds())


class RunCreationTelemetry:
    """Counts the runs made."""

    def __init__(self, telemetry: Telemetry, interval_seconds: float) -> None:
        self.turns = telemetry.loop("run_creation", interval_seconds=interval_seconds)
        self.created = telemetry.counter("dag_runs_created_total", "Runs made by time")


def _is_due(run: NextRun | None, now: datetime) -> bool:
    return run is not None and run.run_after <= now
