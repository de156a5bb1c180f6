"""Autoscale: more slots while messages wait, fewer after a while with too many."""

import asyncio
from typing import Final

from tradewind.core.autoscale import SlotLoad, SlotRange, next_slots
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.task_runner.supervising.supervisor import Supervisor

_INTERVAL_SECONDS: Final = 0.25
"""Well below the time after which a full worker hands messages back."""


class AutoscaleLoop:
    """Looks at one supervisor's load and changes its slots. Heartbeats tell of them."""

    def __init__(self, *, supervisor: Supervisor, allowed: SlotRange, keep_seconds: float) -> None:
        self._supervisor = supervisor
        self.allowed = allowed
        """May be changed while it runs."""
        self._keep_seconds = keep_seconds
        self._enough_since = 0.0
        self._log = get_logger(component="autoscale")

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        self._enough_since = asyncio.get_running_loop().time()
        while not stop.is_set():
            self.run_once(asyncio.get_running_loop().time())
            await pause(stop, _INTERVAL_SECONDS)

    def run_once(self, now: float) -> int:
        """The slots from now on; `now` in the loop's seconds."""
        supervisor = self._supervisor
        slots, busy, waiting = supervisor.concurrency, supervisor.busy_slots, supervisor.waiting
        if busy + waiting >= slots:
            self._enough_since = now
        load = SlotLoad(busy=busy, waiting=waiting, spare_seconds=now - self._enough_since)
        wanted = next_slots(slots, self.allowed, load, self._keep_seconds)
        if wanted != slots:
            self._log.info("worker.autoscaled", slots=wanted, before=slots, busy=busy, waiting=waiting)
            supervisor.set_concurrency(wanted)
            self._enough_since = now
        return wanted
