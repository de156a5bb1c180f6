"""One attempt as a worker of its own: what `tradewind tasks run … --attempt-id …` does, in a pod or under a stock
Celery worker. It claims, runs the attempt in a child, reports its end, and leaves."""

import asyncio
import os
import socket
from contextlib import AsyncExitStack
from typing import Final
from uuid import UUID

from prometheus_client import CollectorRegistry

from tradewind.bus.open import open_bus
from tradewind.bus.port import Bus
from tradewind.core.clock import Clock, IdFactory
from tradewind.core.rows import Verdict
from tradewind.core.states import Outcome
from tradewind.service.clock import new_id, utc_now
from tradewind.service.dag_roots import dag_roots
from tradewind.service.lifecycle import run_service, stop_on_signals
from tradewind.service.logging import configure_logging, get_logger
from tradewind.service.metrics import Telemetry
from tradewind.service.settings import load_settings, required_broker_url
from tradewind.task_runner.log_streams.stream import LogStreamLimits
from tradewind.task_runner.settings import TaskRunningSettings
from tradewind.task_runner.supervising.attempts import Offer, Settlement
from tradewind.task_runner.supervising.children import OpenChildren, open_forked_children
from tradewind.task_runner.supervising.collector_client import WorkerIdentity
from tradewind.task_runner.supervising.metrics import SupervisorMetrics
from tradewind.task_runner.supervising.supervisor import Supervisor, SupervisorOptions
from tradewind.wire.messages import TaskFinished, TaskInstanceKey

SUCCEEDED: Final = 0
FAILED: Final = 1
NOT_RUN: Final = 3
"""The attempt was not granted, or its end was not accepted: another attempt is current, or this one was stopped."""


def main(
    *, dag_id: str, task_id: str, run_id: str, map_index: int, attempt_id: UUID, mark_success: bool = False
) -> None:
    """Run the attempt, or end it as success without running its code; the process's exit code is 0 for success or
    skip, 1 for failure, 3 if it was not this process's to run."""
    key = TaskInstanceKey(dag_id, task_id, run_id, 0, map_index)
    codes: list[int] = []
    run_service(_run(key, attempt_id, codes, mark_success=mark_success))
    raise SystemExit(codes[0])


async def _run(key: TaskInstanceKey, attempt_id: UUID, codes: list[int], *, mark_success: bool) -> None:
    settings = load_settings(SingleSettings)
    configure_logging(settings.logging, service="task")
    broker_url = required_broker_url(settings)
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        bus = await stack.enter_async_context(open_bus(broker_url, name="tradewind tasks run"))
        codes.append(
            await run_single_attempt(
                settings=settings,
                bus=bus,
                key=key,
                attempt_id=attempt_id,
                clock=utc_now,
                new_id=new_id,
                stop=stop,
                mark_success=mark_success,
            )
        )


class SingleSettings(TaskRunningSettings, frozen=True):
    """What `tradewind tasks run` reads from the environment."""


async def run_single_attempt(
    *,
    settings: TaskRunningSettings,
    bus: Bus,
    key: TaskInstanceKey,
    attempt_id: UUID,
    clock: Clock,
    new_id: IdFactory,
    stop: asyncio.Event,
    open_children: OpenChildren = open_forked_children,
    mark_success: bool = False,
) -> int:
    """Claim and run one attempt; returns the exit code (`SUCCEEDED`, `FAILED`, `NOT_RUN`) once its end is committed.
    `stop` preempts it."""
    hostname = socket.gethostname()
    identity = WorkerIdentity(
        worker_id=f"single@{hostname}-{attempt_id}-{new_id().hex[-12:]}",
        hostname=hostname,
        pid=os.getpid(),
        kind="single",
        queues=(),
        concurrency=1,
    )
    options = SupervisorOptions(
        dag_roots=dag_roots(settings),
        execution_api_url=settings.execution_api_url,
        heartbeat_seconds=settings.leases.heartbeat_seconds,
        shutdown_grace_seconds=0.0,
        killed_task_cleanup_seconds=settings.task_runner.killed_task_cleanup_seconds,
        log_limits=LogStreamLimits(max_bytes=settings.task_runner.max_log_bytes),
    )
    single = _SingleAttempt()
    offer = Offer(
        key=key,
        attempt_id=attempt_id,
        relative_fileloc="",
        settle=single.on_settled,
        ended=single.on_ended,
        mark_success=mark_success,
    )
    async with open_children(settings) as children, asyncio.TaskGroup() as group:
        supervisor = Supervisor(
            identity=identity,
            options=options,
            bus=bus,
            launcher=children.launcher,
            log_sink=children.log_sink,
            bundles=children.bundles,
            clock=clock,
            new_id=new_id,
            metrics=SupervisorMetrics(Telemetry(CollectorRegistry(), service="single")),
        )
        supervisor.offer([offer])
        watching = group.create_task(_set_after(stop, single.is_over), name="stop")
        await supervisor.run(single.is_over)
        watching.cancel()
    get_logger().info("attempt.left", attempt_id=str(attempt_id), exit_code=single.exit_code)
    return single.exit_code


class _SingleAttempt:
    """What became of it."""

    def __init__(self) -> None:
        self.exit_code = NOT_RUN
        self.is_over = asyncio.Event()

    def on_settled(self, settlement: Settlement) -> None:
        if settlement is not Settlement.CLAIMED:
            self.is_over.set()

    def on_ended(self, finished: TaskFinished, verdict: str) -> None:
        if verdict == Verdict.DONE:
            succeeded = finished.outcome in (Outcome.SUCCESS, Outcome.SKIPPED)
            self.exit_code = SUCCEEDED if succeeded else FAILED
        self.is_over.set()


async def _set_after(first: asyncio.Event, then: asyncio.Event) -> None:
    await first.wait()
    then.set()
