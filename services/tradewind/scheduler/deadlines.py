"""Has callbacks of deadline alerts called: says of new runs when they are due, and finds those that are late."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from tradewind.core.clock import Clock
from tradewind.core.deadlines import interval_variables, run_deadlines, seconds_of
from tradewind.core.errors import ConfigError
from tradewind.db.store import RunCreationStore, SchedulerStore, StoreUnavailable
from tradewind.scheduler.request_notice import RequestNotice
from tradewind.scheduler.settings import SchedulerLimits
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger

if TYPE_CHECKING:
    from tradewind.db.secrets import SecretBox


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
        secrets: Callable[[], "SecretBox"],
    ) -> None:
        self._store = store
        self._scheduler_store = scheduler_store
        self._requests = requests
        self._clock = clock
        self._limits = limits
        self._secrets = secrets
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
            intervals = await self._intervals(interval_variables(specs.values()))
            deadlines = [run_deadlines(run, specs.get(run.dag_version_id), intervals) for run in runs]
            await self._store.set_deadlines(deadlines, now)
        missed = await self._store.miss_deadlines(now, self._limits.runs_per_batch)
        if missed:
            self._log.warning("deadlines.missed", count=missed)
        await self._requests.send(missed)
        return missed

    async def _intervals(self, keys: Sequence[str]) -> Mapping[str, int]:
        """What these variables say, in seconds; one that says nothing of use takes its alerts with it."""
        found: dict[str, int] = {}
        if not keys:
            return found
        tokens = await self._store.variable_values(keys)
        for key in keys:
            try:
                seconds = seconds_of(self._secrets().decrypt(tokens[key])) if key in tokens else None
            except ConfigError as exc:
                self._log.error("deadlines.variable_unreadable", variable=key, error=str(exc))
                continue
            if seconds is None:
                self._log.error("deadlines.variable_unusable", variable=key, wanted="a whole number of seconds")
            else:
                found[key] = seconds
        return found
