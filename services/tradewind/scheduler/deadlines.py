"""Has callbacks of deadline alerts called: says of new runs when they are due, and finds those that are late."""

import asyncio
from datetime import datetime

from tradewind.core.clock import Clock
from tradewind.core.deadlines import run_deadlines
from tradewind.db.store import RunCreationStore, SchedulerStore, StoreUnavailable
from tradewind.scheduler.request_notice import RequestNotice
from tradewind.scheduler.settings import SchedulerLimits
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger


class DeadlineLoop:
    """Every few seconds; rows are all that it goes by, and DAGs without deadlines cost nothing."""

    def __init__(
        self,
        *,
        store: RunCreationStore,
        scheduler_store: SchedulerStore,
        requests: RequestNotice,
        clock: Clock,
        limits: SchedulerLimits,
    ) -> None:
        self._store = store
        self._scheduler_store = scheduler_store
        self._requests = requests
        self._clock = clock
        self._limits = limits
        self._log = get_logger(loop="deadlines")

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        while not stop.is_set():
            try:
                await self.run_once(self._clock())
            except StoreUnavailable as exc:
                self._log.warning("store.unavailable", error=str(exc))
            await pause(stop, self._limits.sweep_interval_seconds)

    async def run_once(self, now: datetime) -> int:
        """Returns how many deadlines were missed; raises `StoreUnavailable`."""
        runs = await self._store.runs_without_deadlines(self._limits.runs_per_batch)
        if runs:
            specs = await self._scheduler_store.load_dag_specs([run.dag_version_id for run in runs])
            deadlines = [run_deadlines(run, specs.get(run.dag_version_id)) for run in runs]
            await self._store.set_deadlines(deadlines, now)
        missed = await self._store.miss_deadlines(now, self._limits.runs_per_batch)
        if missed:
            self._log.warning("deadlines.missed", count=missed)
        await self._requests.send(missed)
        return missed
