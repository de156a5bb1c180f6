"""The scheduler's own lease: renewed while it lives; once lost, everything it holds in memory is void."""

import asyncio
from datetime import datetime
from uuid import UUID

from tradewind.core.clock import Clock
from tradewind.db.store import SchedulerStore, StoreUnavailable
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry


class LeaseLoop:
    """Renews one scheduler's lease."""

    def __init__(
        self,
        *,
        scheduler_id: UUID,
        store: SchedulerStore,
        clock: Clock,
        heartbeat_seconds: float,
        lost: asyncio.Event,
        telemetry: Telemetry,
    ) -> None:
        self._scheduler_id = scheduler_id
        self._store = store
        self._clock = clock
        self._heartbeat_seconds = heartbeat_seconds
        self._lost = lost
        self._turns = telemetry.loop("lease", interval_seconds=heartbeat_seconds)
        self._log = get_logger(scheduler_id=str(scheduler_id))

    async def run(self, stop: asyncio.Event) -> None:
        """Renew until `stop` or until the lease is lost."""
        while not self._lost.is_set() and not await pause(stop, self._heartbeat_seconds):
            await self.run_once(self._clock())

    async def run_once(self, now: datetime) -> bool:
        """Renew once; False = it could not be renewed. A store that is away does not let leases age either."""
        try:
            with self._turns.turn():
                renewed = await self._store.renew_scheduler(self._scheduler_id, now)
        except StoreUnavailable as exc:
            self._log.warning("store.unavailable", error=str(exc), doing="renew_scheduler")
            return False
        if not renewed:
            self._log.error("scheduler.lease_lost")
            self._lost.set()
        return renewed
