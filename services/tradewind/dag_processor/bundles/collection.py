"""Removes versions of bundles that nothing names any more."""

import asyncio
from datetime import timedelta
from typing import Final

from tradewind.core.clock import Clock
from tradewind.core.errors import AdapterError
from tradewind.db.bundles.store import BundleStore
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry

BATCH: Final = 100
"""Versions in one transaction."""


class BundleCollection:
    """One task; of several dag processors each does it, and what is gone is gone."""

    def __init__(
        self,
        *,
        store: BundleStore,
        clock: Clock,
        telemetry: Telemetry,
        retention_seconds: float,
        interval_seconds: float,
    ) -> None:
        self._store = store
        self._clock = clock
        self._retention = timedelta(seconds=retention_seconds)
        self._interval_seconds = interval_seconds
        self._collected = telemetry.counter("bundle_versions_collected_total", "Versions of bundles removed")
        self._log = get_logger(loop="bundle-collection")

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        while not await pause(stop, self._interval_seconds):
            try:
                while await self.run_once() == BATCH and not stop.is_set():
                    pass
            except AdapterError as exc:
                self._log.warning("store.unavailable", error=str(exc), doing="delete_unused_bundles")

    async def run_once(self) -> int:
        """Remove one batch; returns how many there were."""
        removed = await self._store.delete_unused_bundles(self._clock() - self._retention, BATCH)
        self._collected.inc(removed)
        if removed:
            self._log.info("bundles.collected", versions=removed)
        return removed
