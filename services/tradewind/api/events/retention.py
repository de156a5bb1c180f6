"""Removes changes that nobody goes on from any more, and keys under which nobody asks again."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from tradewind.api.settings import ApiServerLimits
from tradewind.core.clock import Clock
from tradewind.core.errors import AdapterError
from tradewind.db.api.changes import forget_changes
from tradewind.db.api.trigger_keys import forget_trigger_keys
from tradewind.db.pool import Database
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry

INTERVAL_SECONDS: Final = 60.0
BATCH: Final = 5_000


class ChangeRetention:
    """Every process of the API does it: what one has removed, the others do not find."""

    def __init__(self, *, limits: ApiServerLimits, database: Database, clock: Clock, telemetry: Telemetry) -> None:
        self._limits = limits
        self._database = database
        self._clock = clock
        self._telemetry = telemetry
        self._loop = telemetry.loop("change-retention")

    async def run(self, stop: asyncio.Event) -> None:
        """Remove what is old until `stop`."""
        while not await pause(stop, INTERVAL_SECONDS):
            try:
                with self._loop.turn():
                    await self.run_once(stop)
            except AdapterError as exc:
                get_logger().warning("change_retention.failed", error=str(exc))
                self._telemetry.count_retry("change-retention")

    async def run_once(self, stop: asyncio.Event) -> None:
        """Remove what is old now, in short transactions."""
        before = self._clock() - timedelta(hours=self._limits.event_retention_hours)
        keep = self._limits.event_retention_rows
        await _all(lambda: forget_changes(self._database, before, keep, BATCH), stop)
        before = self._clock() - timedelta(hours=self._limits.idempotency_key_hours)
        await _all(lambda: forget_trigger_keys(self._database, before, BATCH), stop)


async def _all(remove: Callable[[], Awaitable[int]], stop: asyncio.Event) -> None:
    while not stop.is_set() and await remove() == BATCH:
        pass
