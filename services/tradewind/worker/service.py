"""The worker: takes task messages from its queues and runs each attempt that is granted to it in a child process."""

import asyncio
import os
import socket

from prometheus_client import CollectorRegistry

from tradewind.bus.port import Bus
from tradewind.core.clock import Clock, IdFactory
from tradewind.service.dag_roots import dag_roots
from tradewind.service.metrics import Telemetry
from tradewind.task_runner.children import OpenChildren, open_forked_children
from tradewind.task_runner.collector_client import WorkerIdentity
from tradewind.task_runner.supervisor import Supervisor, SupervisorOptions
from tradewind.task_runner.supervisor_metrics import SupervisorMetrics
from tradewind.worker.intake import QueueIntake
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
) -> None:
    """Work until `stop`, then drain: no more messages, running tasks finish within the grace, their ends are
    reported."""
    telemetry = Telemetry(registry, service="worker")
    identity = _identity(settings, new_id)
    refused = telemetry.counter("refused_total", "Task messages that were dead-lettered: what they ask for is unknown")
    async with open_children(settings) as children:
        supervisor = Supervisor(
            identity=identity,
            options=_options(settings),
            bus=bus,
            launcher=children.launcher,
            log_sink=children.log_sink,
            clock=clock,
            new_id=new_id,
            metrics=SupervisorMetrics(telemetry),
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(supervisor.run(stop), name="supervisor")
            for queue in identity.queues:
                intake = QueueIntake(
                    bus=bus, supervisor=supervisor, queue=queue, prefetch=identity.concurrency, refused=refused
                )
                group.create_task(intake.run(stop), name=f"intake-{queue}")


def _identity(settings: WorkerSettings, new_id: IdFactory) -> WorkerIdentity:
    hostname = socket.gethostname()
    name = settings.worker.name or f"worker@{hostname}"
    return WorkerIdentity(
        worker_id=f"{name}-{new_id().hex[-12:]}",
        hostname=hostname,
        pid=os.getpid(),
        kind="celery",
        queues=tuple(dict.fromkeys(settings.worker.queues)),
        concurrency=settings.celery.worker_concurrency,
    )


def _options(settings: WorkerSettings) -> SupervisorOptions:
    return SupervisorOptions(
        dag_roots=dag_roots(settings),
        execution_api_url=settings.execution_api_url,
        heartbeat_seconds=settings.leases.heartbeat_seconds,
        shutdown_grace_seconds=settings.worker.shutdown_grace_seconds,
        killed_task_cleanup_seconds=settings.task_runner.killed_task_cleanup_seconds,
        hand_back_after_seconds=settings.worker.hand_back_after_seconds,
    )
