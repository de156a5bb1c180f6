"""The dispatcher: takes queued attempts from the scheduler and hands each to an executor.

It keeps nothing that a restart would lose: what it had not handed over is delivered again, and whatever is delivered
twice loses its claim.
"""

import asyncio

from prometheus_client import CollectorRegistry

from tradewind.bus.port import Bus
from tradewind.core.clock import Clock, IdFactory
from tradewind.dispatcher.dispatching import DispatchLoop
from tradewind.dispatcher.executors.base import ExecutorParts
from tradewind.dispatcher.executors.loading import load_executors
from tradewind.dispatcher.settings import DispatcherSettings
from tradewind.service.metrics import Telemetry
from tradewind.task_runner.children import OpenChildren, open_forked_children
from tradewind.task_runner.supervisor_metrics import SupervisorMetrics


async def run(
    *,
    settings: DispatcherSettings,
    bus: Bus,
    clock: Clock,
    new_id: IdFactory,
    stop: asyncio.Event,
    registry: CollectorRegistry,
    open_children: OpenChildren = open_forked_children,
) -> None:
    """Dispatch until `stop`; then local executors drain as workers do. Raises `ConfigError` for a wrong executor."""
    telemetry = Telemetry(registry, service="dispatcher")
    parts = ExecutorParts(
        settings=settings,
        bus=bus,
        clock=clock,
        new_id=new_id,
        telemetry=telemetry,
        supervisor_metrics=SupervisorMetrics(telemetry),
        open_children=open_children,
    )
    executors = load_executors(settings.core.executor, parts)
    loop = DispatchLoop(
        bus=bus,
        executors=executors,
        prefetch=settings.dispatcher.prefetch,
        max_batch=settings.dispatcher.max_batch,
        telemetry=telemetry,
    )
    async with asyncio.TaskGroup() as group:
        for executor in {executor.name: executor for executor in executors.values()}.values():
            group.create_task(executor.run(stop), name=executor.name)
        group.create_task(loop.run(stop), name="dispatch")
