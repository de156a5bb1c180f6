"""Deletes the logs of runs that ended long ago, from the database and from the log store."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

from tradewind.api.task_logs.removal import remove_logs
from tradewind.api.task_logs.stores import LogStores
from tradewind.core.clock import Clock
from tradewind.core.errors import AdapterError
from tradewind.db.api import log_moves as queries
from tradewind.db.pool import Database
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry

INTERVAL_SECONDS: Final = 600.0
_RUNS_AT_ONCE: Final = 100


class LogRetention:
    """Any number of processes may do this."""

    def __init__(self, *, days: int, stores: LogStores, database: Database, clock: Clock, telemetry: Telemetry) -> None:
        self._age = timedelta(days=days)
        self._stores = stores
        self._database = database
        self._clock = clock
        self._loop = telemetry.loop("log-retention", interval_seconds=INTERVAL_SECONDS)
        self._deleted = telemetry.counter("log_runs_deleted_total", "Runs whose logs were deleted by their age")

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        while not await pause(stop, INTERVAL_SECONDS):
            try:
                with self._loop.turn():
                    while await self.run_once(self._clock()) == _RUNS_AT_ONCE and not stop.is_set():
                        pass
            except AdapterError as exc:
                get_logger().warning("log_retention.failed", error=str(exc))

    async def run_once(self, now: datetime) -> int:
        """The logs of some runs; how many runs."""
        runs = await queries.list_old_log_runs(self._database, now - self._age, _RUNS_AT_ONCE)
        for dag_run_id in runs:
            await remove_logs(self._database, self._stores, dag_run_id)
            self._deleted.inc()
        return len(runs)
