"""The lease clock: leases age only while collectors receive, so that no outage of ours reaps a worker."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

from tradewind.core.clock import Clock
from tradewind.db.store import CollectorStore, StoreUnavailable
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry

RETRY_SECONDS: Final = 0.2
"""After a tick that was left out: the clock should not stand longer than it must."""


class LeaseClockLoop:
    """Advances the lease clock as long as this collector hears its workers."""

    def __init__(
        self,
        *,
        store: CollectorStore,
        collector_id: UUID,
        clock: Clock,
        lease: timedelta,
        tick_seconds: float,
        is_receiving: Callable[[], bool],
        telemetry: Telemetry,
    ) -> None:
        self._store = store
        self._collector_id = collector_id
        self._clock = clock
        self._lease = lease
        self._tick_seconds = tick_seconds
        self._is_receiving = is_receiving
        self._turns = telemetry.loop("lease_clock", interval_seconds=tick_seconds)
        self._elected = telemetry.gauge("lease_clock_elected", "1 = this collector advances the lease clock")
        self._skipped = telemetry.counter("lease_clock_skipped_total", "Ticks left out: broker or database was away")
        self._is_skipping = False
        self._log = get_logger(loop="lease_clock")

    async def run(self, stop: asyncio.Event) -> None:
        """Tick until `stop`, the first time as soon as heartbeats are received."""
        while not stop.is_set():
            with self._turns.turn():
                has_ticked = await self.run_once()
            await pause(stop, self._tick_seconds if has_ticked else min(self._tick_seconds, RETRY_SECONDS))

    async def run_once(self) -> bool:
        """One tick; False = left out, because heartbeats may be waiting unheard."""
        if not self._is_receiving():
            self._skip("not receiving")
            return False
        try:
            is_elected = await self._store.advance_lease_clock(self._collector_id, self._clock(), self._lease)
        except StoreUnavailable as exc:
            self._skip(str(exc))
            return False
        self._elected.set(is_elected)
        self._is_skipping = False
        return True

    def _skip(self, reason: str) -> None:
        self._skipped.inc()
        self._elected.set(0)
        if not self._is_skipping:
            self._is_skipping = True
            self._log.info("lease_clock.stands", reason=reason)
