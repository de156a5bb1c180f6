"""The heartbeats of executors: at once when something was queued, and every few seconds for what they look after."""

import asyncio
from collections.abc import Mapping

from tradewind.dispatcher.executors.base import BaseExecutor
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry


class ExecutorHeartbeats:
    """Beats for all executors of a dispatcher. One that raises holds up neither the others nor the dispatcher."""

    def __init__(self, *, executors: Mapping[str, BaseExecutor], interval_seconds: float, telemetry: Telemetry) -> None:
        self._executors = tuple(executors.values())
        self._interval_seconds = interval_seconds
        self._failures = telemetry.counter(
            "executor_failures_total", "Heartbeats in which an executor raised", ("executor",)
        )
        self._loop = telemetry.loop("executors", interval_seconds=interval_seconds)
        self._log = get_logger()
        open_slots = telemetry.gauge("executor_open_slots", "Attempts that could be passed on now", ("executor",))
        queued = telemetry.gauge("executor_queued_tasks", "Attempts that wait in the executor", ("executor",))
        for executor in self._executors:
            open_slots.labels(executor.name).set_function(lambda executor=executor: executor.open_slots)
            queued.labels(executor.name).set_function(lambda executor=executor: len(executor.queued_tasks))

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        while not await pause(stop, self._interval_seconds):
            with self._loop.turn():
                for executor in self._executors:
                    await self.beat(executor)

    async def beat(self, executor: BaseExecutor) -> None:
        """One heartbeat."""
        try:
            await executor.heartbeat()
        except Exception:
            self._failures.labels(executor.name).inc()
            self._log.exception("executor.failed", executor=executor.name)
