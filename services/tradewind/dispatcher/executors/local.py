"""Executors that run tasks on this machine: the worker's own machinery, inside the dispatcher."""

import asyncio
import os
import socket
from collections.abc import Sequence
from functools import partial

from tradewind.dispatcher.executors.base import BaseExecutor, ExecutorParts, Workload
from tradewind.service.dag_roots import dag_roots
from tradewind.task_runner.log_streams.stream import LogStreamLimits
from tradewind.task_runner.supervising.attempts import Offer, Settlement
from tradewind.task_runner.supervising.collector_client import WorkerIdentity
from tradewind.task_runner.supervising.supervisor import Supervisor, SupervisorOptions


class LocalExecutor(BaseExecutor):
    """`parallelism` tasks at once, each in a process of its own; 0 = no limit. A process that has ended frees its slot
    at once, for the first by priority of those that wait. Coroutine tasks have slots of their own beside those, if
    there are any (`async_concurrency`): neither kind waits behind the other."""

    kind = "local"

    def __init__(self, parts: ExecutorParts) -> None:
        super().__init__(parts)
        self._supervisor: Supervisor | None = None

    @property
    def parallelism(self) -> int:
        """Tasks at once; 0 = no limit."""
        return self.parts.settings.core.parallelism

    @property
    def async_concurrency(self) -> int:
        """Coroutine tasks at once besides; 0 = they are counted as other tasks are."""
        return self.parts.settings.task_runner.async_concurrency

    @property
    def open_slots(self) -> int:
        supervisor = self._supervisor
        return 0 if supervisor is None else supervisor.open_slots + supervisor.open_lane_slots

    def choose_tasks(self, open_slots: int) -> Sequence[Workload]:
        """By priority, of each kind as many as it has slots for."""
        supervisor = self._supervisor
        if supervisor is None or self.async_concurrency == 0:
            return super().choose_tasks(open_slots)
        waiting = self.order_queued_tasks_by_priority()
        is_for_lane = [supervisor.is_for_lane(workload.item.ti.key) for workload in waiting]
        others = [workload for workload, for_lane in zip(waiting, is_for_lane, strict=True) if not for_lane]
        coroutines = [workload for workload, for_lane in zip(waiting, is_for_lane, strict=True) if for_lane]
        return [*others[: supervisor.open_slots], *coroutines[: supervisor.open_lane_slots]]

    async def execute(self, workloads: Sequence[Workload]) -> None:
        if self._supervisor is None:
            raise AssertionError("there are no open slots before `run`")
        self._supervisor.offer([self._offer(workload) for workload in workloads])

    async def run(self, stop: asyncio.Event) -> None:
        """Run the supervisor; whenever a slot comes free, pass on the next by priority."""
        settings = self.parts.settings
        async with self.parts.open_children(settings) as children:
            supervisor = Supervisor(
                identity=self._identity(),
                options=self._options(),
                bus=self.parts.bus,
                launcher=children.launcher,
                log_sink=children.log_sink,
                bundles=children.bundles,
                clock=self.parts.clock,
                new_id=self.parts.new_id,
                metrics=self.parts.supervisor_metrics,
            )
            self._supervisor = supervisor
            async with asyncio.TaskGroup() as group:
                feeding = group.create_task(self._feed(supervisor), name="feed")
                await supervisor.run(stop)
                feeding.cancel()

    async def end(self) -> None:
        self._supervisor = None
        await super().end()

    async def terminate(self) -> None:
        """What runs is killed as preempted, so that it is dispatched again."""
        if self._supervisor is not None:
            self._supervisor.preempt()
        await self.end()

    async def _feed(self, supervisor: Supervisor) -> None:
        while True:
            await self.heartbeat()
            await supervisor.wait_for_slots()

    def _offer(self, workload: Workload) -> Offer:
        item = workload.item
        return Offer(
            key=item.ti.key,
            attempt_id=item.attempt_id,
            relative_fileloc=item.relative_fileloc,
            settle=partial(self._on_settled, workload),
            mark_success=workload.flags.mark_success,
        )

    def _on_settled(self, workload: Workload, settlement: Settlement) -> None:
        if settlement is not Settlement.HANDED_BACK:
            workload.hand_over()

    def _identity(self) -> WorkerIdentity:
        hostname = socket.gethostname()
        return WorkerIdentity(
            worker_id=f"{self.kind}@{hostname}-{self.parts.new_id().hex[-12:]}",
            hostname=hostname,
            pid=os.getpid(),
            kind=self.kind,
            queues=(),
            concurrency=self.parallelism,
        )

    def _options(self) -> SupervisorOptions:
        settings = self.parts.settings
        return SupervisorOptions(
            dag_roots=dag_roots(settings),
            execution_api_url=settings.execution_api_url,
            heartbeat_seconds=settings.leases.heartbeat_seconds,
            shutdown_grace_seconds=settings.dispatcher.shutdown_grace_seconds,
            killed_task_cleanup_seconds=settings.task_runner.killed_task_cleanup_seconds,
            log_limits=LogStreamLimits(max_bytes=settings.task_runner.max_log_bytes),
            async_concurrency=self.async_concurrency,
        )


class SequentialExecutor(LocalExecutor):
    """One task at a time, by priority, whatever its kind."""

    kind = "sequential"

    @property
    def parallelism(self) -> int:
        return 1

    @property
    def async_concurrency(self) -> int:
        return 0
