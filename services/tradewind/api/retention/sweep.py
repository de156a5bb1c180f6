"""Retention by itself: every process of the API looks for what is old, and none waits for another."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from tradewind.api.retention.cleaning import Cleaning
from tradewind.api.settings import RetentionSettings
from tradewind.api.task_logs.stores import LogStores
from tradewind.core.clock import Clock
from tradewind.core.errors import AdapterError, DomainError
from tradewind.db.pool import Database
from tradewind.db.retention import history
from tradewind.db.retention.runs import Scope
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry

ROWS_PER_RUN: Final = 50
"""How many other rows are deleted at once for each run that is."""
TURN_SECONDS: Final = 10.0
BETWEEN_TURNS_SECONDS: Final = 1.0
"""A backlog is worked off in turns, so that it shows that the loop lives."""


class RetentionSweep:
    """Makes tables for months to come, and deletes what is older than it is kept."""

    def __init__(
        self,
        *,
        settings: RetentionSettings,
        stores: LogStores,
        database: Database,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._settings = settings
        self._stores = stores
        self._database = database
        self._clock = clock
        self._loop = telemetry.loop("retention", interval_seconds=settings.interval_seconds)
        self._deleted = telemetry.counter("retention_rows_total", "Rows that were deleted by their age", ["table"])

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        wait = self._settings.interval_seconds
        while not await pause(stop, wait):
            until = asyncio.get_running_loop().time() + TURN_SECONDS
            with self._loop.turn():
                await self.run_once(self._clock(), lambda until=until: stop.is_set() or _is_past(until))
            wait = BETWEEN_TURNS_SECONDS if _is_past(until) else self._settings.interval_seconds

    async def run_once(self, now: datetime, is_over: Callable[[], bool]) -> dict[str, int]:
        """How many rows went, by table. What fails is logged, and left for the next time."""
        deleted: dict[str, int] = {}
        await self._add_months(now)
        for table, days in self._kept():
            if is_over():
                break
            try:
                deleted[table] = await self._cleaning(now - timedelta(days=days), table, is_over).clean(table)
            except (AdapterError, DomainError) as exc:
                get_logger().warning("retention.failed", table=table, error=str(exc))
        if any(deleted.values()):
            get_logger().info("retention.applied", **{table: number for table, number in deleted.items() if number})
        return deleted

    async def _add_months(self, now: datetime) -> None:
        try:
            for name in await history.add_months(self._database, now):
                get_logger().info("retention.month_added", table=name)
        except (AdapterError, DomainError) as exc:
            get_logger().warning("retention.failed", table=history.TABLE, error=str(exc))

    def _kept(self) -> Iterator[tuple[str, int]]:
        """Tables that lose rows, with the days that these are kept. History goes after the runs that it is of."""
        settings = self._settings
        kept = (
            ("dag_run", settings.run_days),
            ("task_instance_history", settings.run_days),
            ("dag_version", settings.run_days),
            ("asset_event", settings.asset_event_days),
            ("log", settings.audit_log_days),
        )
        return ((table, days) for table, days in kept if days)

    def _cleaning(self, before: datetime, table: str, is_over: Callable[[], bool]) -> Cleaning:
        runs = self._settings.runs_per_batch
        return Cleaning(
            database=self._database,
            stores=self._stores,
            scope=Scope(before=before),
            batch_size=runs if table == "dag_run" else runs * ROWS_PER_RUN,
            pause_seconds=self._settings.pause_seconds,
            is_over=is_over,
            progress=self._deleted.labels(table).inc,
        )


def _is_past(moment: float) -> bool:
    return asyncio.get_running_loop().time() >= moment
