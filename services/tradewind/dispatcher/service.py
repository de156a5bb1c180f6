"""The dispatcher: takes queued attempts from the scheduler and hands each to an executor.

It keeps nothing that a restart would lose: what it had not handed over is delivered again, and whatever is delivered
twice loses its claim.
"""

import asyncio

from prometheus_client import CollectorRegistry

from tradewind.bus.port import Bus
from tradewind.core.clock import Clock, IdFactory
from tradewind.dispatcher.dispatching import DispatchLoop
from tradewind.dispatcher.executors.base import BaseExecutor, ExecutorParts
from tradewind.dispatcher.executors.loading import load_executors
from tradewind.dispatcher.heartbeats import ExecutorHeartbeats
from tradewind.dispatcher.settings import DispatcherSettings
from tradewind.service.metrics import Telemetry
from tradewind.task_runner.supervising.children import OpenChildren, open_forked_children
from tradewind.task_runner.supervising.metrics import SupervisorMetrics


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
    executors = load_executors(settings.core.executor, parts, queues=settings.core.executor_queues)
    heartbeats = ExecutorHeartbeats(
        executors=executors.by_name,
        interval_seconds=settings.dispatcher.executor_heartbeat_seconds,
        telemetry=telemetry,
    )
    loop = DispatchLoop(
        bus=bus,
        executors=executors,
        heartbeats=heartbeats,
        prefetch=settings.dispatcher.prefetch,
        max_batch=settings.dispatcher.max_batch,
        telemetry=telemetry,
    )
    async with asyncio.TaskGroup() as group:
        for executor in executors.by_name.values():
            group.create_task(_run_executor(executor, stop), name=executor.name)
        group.create_task(loop.run(stop), name="dispatch")
        group.create_task(heartbeats.run(stop), name="executor-heartbeats")


async def _run_executor(executor: BaseExecutor, stop: asyncio.Event) -> None:
    """`end` after a stop in good order, else `terminate`."""
    try:
        await executor.run(stop)
    except BaseException:
        await executor.terminate()
        raise
    await executor.end()
