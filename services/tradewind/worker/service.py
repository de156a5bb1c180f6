"""The worker: takes task messages from its queues and runs each attempt that is granted to it in a child process."""

import asyncio
import os
import socket
from contextlib import AsyncExitStack

from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from tradewind.bus.port import Bus
from tradewind.core.clock import Clock, IdFactory
from tradewind.service.dag_roots import dag_roots
from tradewind.service.metrics import Telemetry
from tradewind.task_runner.log_streams.stream import LogStreamLimits
from tradewind.task_runner.supervising.children import OpenChildren, open_forked_children
from tradewind.task_runner.supervising.collector_client import WorkerIdentity
from tradewind.task_runner.supervising.metrics import SupervisorMetrics
from tradewind.task_runner.supervising.supervisor import Supervisor, SupervisorOptions
from tradewind.worker.autoscale import AutoscaleLoop
from tradewind.worker.celery_control.control import CeleryControl, Link
from tradewind.worker.celery_control.controlled import ControlledWorker
from tradewind.worker.celery_control.events import EventStream
from tradewind.worker.celery_control.ledger import Ledger
from tradewind.worker.celery_control.logical_clock import LogicalClock
from tradewind.worker.intake import QueueIntake
from tradewind.worker.intakes import QueueIntakes
from tradewind.worker.settings import WorkerSettings


async def run(
    *,
    settings: WorkerSettings,
    bus: Bus,
    clock: Clock,
    new_id: IdFactory,
    stop: asyncio.Event,
    registry: CollectorRegistry,
    open_children: OpenChildren = open_forked_children,
    celery_link: Link | None = None,
) -> None:
    """Work until `stop`, then drain: no more messages, running tasks finish within the grace, their ends are
    reported. With a `celery_link`, Celery's own tools see the worker."""
    telemetry = Telemetry(registry, service="worker")
    identity = _identity(settings, new_id)
    refused = telemetry.counter("refused_total", "Task messages that were dead-lettered: what they ask for is unknown")
    async with open_children(_runner_settings(settings)) as children:
        supervisor = Supervisor(
            identity=identity,
            options=_options(settings),
            bus=bus,
            launcher=children.launcher,
            log_sink=children.log_sink,
            bundles=children.bundles,
            clock=clock,
            new_id=new_id,
            metrics=SupervisorMetrics(telemetry),
        )
        logical_clock = LogicalClock()
        wanted = celery_link is not None and settings.celery.worker_send_task_events
        events = EventStream(worker_id=identity.worker_id, logical_clock=logical_clock, clock=clock, wanted=wanted)
        ledger = Ledger(events, clock)
        intakes = QueueIntakes(
            identity.queues,
            lambda queue: QueueIntake(
                bus=bus,
                supervisor=supervisor,
                queue=queue,
                ledger=ledger,
                refused=refused,
                pools=identity.pools,
            ),
            supervisor.set_queues,
        )
        autoscale = _autoscale(settings, supervisor)
        async with AsyncExitStack() as stack:
            if celery_link is not None:
                controlled = ControlledWorker(
                    worker_id=identity.worker_id,
                    name=_name(settings),
                    broker=celery_link.broker,
                    settings=settings,
                    supervisor=supervisor,
                    intakes=intakes,
                    autoscale=autoscale,
                    ledger=ledger,
                    events=events,
                    logical_clock=logical_clock,
                    stop=stop,
                )
                await stack.enter_async_context(CeleryControl(controlled, celery_link, telemetry).serving())
            group = await stack.enter_async_context(asyncio.TaskGroup())
            group.create_task(supervisor.run(stop), name="supervisor")
            group.create_task(intakes.run(stop), name="intakes")
            if autoscale is not None:
                group.create_task(autoscale.run(stop), name="autoscale")


def _name(settings: WorkerSettings) -> str:
    return settings.worker.name or f"worker@{socket.gethostname()}"


def _identity(settings: WorkerSettings, new_id: IdFactory) -> WorkerIdentity:
    hostname = socket.gethostname()
    return WorkerIdentity(
        worker_id=f"{_name(settings)}-{new_id().hex[-12:]}",
        hostname=hostname,
        pid=os.getpid(),
        kind="celery",
        queues=tuple(dict.fromkeys(settings.worker.queues)),
        concurrency=_slots(settings),
        tags=tuple(dict.fromkeys(settings.worker.tags)),
        pools=tuple(dict.fromkeys(settings.worker.pools)),
    )


def _autoscale(settings: WorkerSettings, supervisor: Supervisor) -> AutoscaleLoop | None:
    allowed = settings.celery.worker_autoscale
    if allowed is None:
        return None
    keep_seconds = settings.celery.worker_autoscale_keep_seconds
    return AutoscaleLoop(supervisor=supervisor, allowed=allowed, keep_seconds=keep_seconds)


def _slots(settings: WorkerSettings) -> int:
    """Those to begin with."""
    allowed = settings.celery.worker_autoscale
    return settings.celery.worker_concurrency if allowed is None else allowed.fewest


def _runner_settings(settings: WorkerSettings) -> WorkerSettings:
    """Celery's words for children, in the task runner's own."""
    tasks, kibibytes = settings.celery.worker_max_tasks_per_child, settings.celery.worker_max_memory_per_child
    own = {
        **({} if tasks is None else {"max_tasks_per_child": tasks}),
        **({} if kibibytes is None else {"max_memory_per_child": kibibytes * 1024}),
    }
    return replace(settings, task_runner=replace(settings.task_runner, **own))


def _options(settings: WorkerSettings) -> SupervisorOptions:
    return SupervisorOptions(
        dag_roots=dag_roots(settings),
        execution_api_url=settings.execution_api_url,
        heartbeat_seconds=settings.leases.heartbeat_seconds,
        shutdown_grace_seconds=settings.worker.shutdown_grace_seconds,
        killed_task_cleanup_seconds=settings.task_runner.killed_task_cleanup_seconds,
        log_limits=LogStreamLimits(max_bytes=settings.task_runner.max_log_bytes),
        hand_back_after_seconds=settings.worker.hand_back_after_seconds,
        async_concurrency=settings.task_runner.async_concurrency,
    )
