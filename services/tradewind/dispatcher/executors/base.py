"""What an executor is: Airflow's vocabulary, asynchronous.

An executor is handed attempts and passes them on to whatever runs them. It decides nothing: slots are counted in
Postgres, permission to run is a claim, and its memory may vanish at any time.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final
from uuid import UUID

from tradewind.bus.port import Bus
from tradewind.core.clock import Clock, IdFactory
from tradewind.dispatcher.settings import DispatcherSettings
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.task_runner.children import OpenChildren
from tradewind.task_runner.supervisor_metrics import SupervisorMetrics
from tradewind.wire.messages import QueuedTaskInstance

_QUEUED_MAX: Final = 100_000
"""Attempts that one executor keeps waiting; more are left to the sweep, which publishes them again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorParts:
    """What the dispatcher gives to each of its executors."""

    settings: DispatcherSettings
    bus: Bus
    clock: Clock
    new_id: IdFactory
    telemetry: Telemetry
    supervisor_metrics: SupervisorMetrics
    open_children: OpenChildren


class Workload:
    """An attempt that waits in an executor."""

    __slots__ = ("_handed_over", "item")

    def __init__(self, item: QueuedTaskInstance, handed_over: Callable[[], None]) -> None:
        self.item = item
        self._handed_over: Callable[[], None] | None = handed_over

    def hand_over(self) -> None:
        """This executor need not remember it any more: somebody else does, or the sweep will. Harmless when
        repeated."""
        if self._handed_over is not None:
            self._handed_over()
            self._handed_over = None


class BaseExecutor(ABC):
    """Base of executors. One dispatcher calls it from one event loop."""

    name: ClassVar[str]

    def __init__(self, parts: ExecutorParts) -> None:
        self.parts = parts
        self.queued_tasks: dict[UUID, Workload] = {}
        """By attempt: waiting to be passed on, in order of arrival."""
        self._log = get_logger(executor=self.name)

    def queue_task_instance(self, item: QueuedTaskInstance, handed_over: Callable[[], None]) -> bool:
        """Take one attempt in; the next `heartbeat` passes it on. `handed_over` is called once, when its message may
        be forgotten; it must not block. The same attempt twice is refused (False): the first one counts."""
        if self.holds(item.attempt_id) or len(self.queued_tasks) >= _QUEUED_MAX:
            key = item.ti.key
            self._log.warning(
                f"could not queue task {key.dag_id}.{key.task_id}: it is queued already, or too many are",
                run_id=key.run_id,
                attempt_id=str(item.attempt_id),
            )
            handed_over()
            return False
        self.queued_tasks[item.attempt_id] = Workload(item, handed_over)
        return True

    def holds(self, attempt_id: UUID) -> bool:
        """Whether the attempt waits here."""
        return attempt_id in self.queued_tasks

    def order_queued_tasks_by_priority(self) -> list[Workload]:
        """What waits, the highest priority first, then as it came."""
        return sorted(self.queued_tasks.values(), key=lambda workload: -workload.item.priority)

    @property
    @abstractmethod
    def open_slots(self) -> int:
        """How many attempts may be passed on now."""

    async def heartbeat(self) -> None:
        """Pass on what may be passed on, then `sync`."""
        if self.queued_tasks and self.open_slots > 0:
            await self.trigger_tasks(self.open_slots)
        await self.sync()

    async def trigger_tasks(self, open_slots: int) -> None:
        """Pass on as many as there are slots, by priority."""
        chosen = self.order_queued_tasks_by_priority()[:open_slots]
        for workload in chosen:
            del self.queued_tasks[workload.item.attempt_id]
        await self.execute(chosen)

    @abstractmethod
    async def execute(self, workloads: Sequence[Workload]) -> None:
        """Pass these on. What cannot be passed on now goes back into `queued_tasks`."""

    async def sync(self) -> None:
        """Look after what runs; nothing to do where ends report themselves."""
        return

    @abstractmethod
    async def run(self, stop: asyncio.Event) -> None:
        """What the executor does by itself, until `stop`; then `end`."""

    async def end(self) -> None:
        """Stopped in good order: whatever still waits is left to be delivered to another dispatcher."""
        self.queued_tasks.clear()

    async def terminate(self) -> None:
        """Stopped at once."""
        await self.end()
