"""The executor of the worker fleet: one Celery message per attempt, whole batches in one flush per queue."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from tradewind.bus.port import MessageTooLarge, QueueNotFound
from tradewind.core.errors import AdapterError
from tradewind.dispatcher.executors.base import BaseExecutor, ExecutorParts, Workload
from tradewind.service.backoff import Backoff
from tradewind.service.lifecycle import pause
from tradewind.wire.celery import task_message

_SLOTS: Final = 1_000_000
"""A queue takes whatever comes: slots were given out before."""

_BLOCKED_MAX: Final = 10_000
"""Attempts kept per queue that cannot be reached; more are left to the sweep."""

_IDLE_SECONDS: Final = 60.0


@dataclass(slots=True)
class _BlockedQueue:
    """A queue that could not be published to, and what waits for it."""

    workloads: dict[UUID, Workload] = field(default_factory=dict[UUID, Workload])
    failures: int = 0
    retry_at: float = 0.0


class CeleryExecutor(BaseExecutor):
    """Publishes, and is told nothing of what becomes of a message: claims and ends are the collector's.

    A queue that no worker has declared yet keeps its attempts here, where they are tried again every few seconds. Any
    other failure is retried `task_publish_max_retries` times; then the attempt is left to the sweep.
    """

    name = "CeleryExecutor"

    def __init__(self, parts: ExecutorParts) -> None:
        super().__init__(parts)
        self._blocked: dict[str, _BlockedQueue] = {}
        self._has_blocked = asyncio.Event()

    @property
    def open_slots(self) -> int:
        return _SLOTS

    def holds(self, attempt_id: UUID) -> bool:
        blocked = any(attempt_id in queue.workloads for queue in self._blocked.values())
        return blocked or super().holds(attempt_id)

    async def execute(self, workloads: Sequence[Workload]) -> None:
        by_queue: dict[str, list[Workload]] = {}
        for workload in workloads:
            by_queue.setdefault(workload.item.ti.queue, []).append(workload)
        async with asyncio.TaskGroup() as group:
            for queue, batch in by_queue.items():
                if queue in self._blocked:
                    self._keep(queue, batch)
                else:
                    group.create_task(self._publish(queue, batch), name=f"publish-{queue}")

    async def run(self, stop: asyncio.Event) -> None:
        """Try blocked queues again when they are due, until `stop`."""
        while not await pause(stop, self._idle_seconds(), self._has_blocked):
            now = asyncio.get_running_loop().time()
            for queue, blocked in list(self._blocked.items()):
                if blocked.retry_at <= now:
                    await self._publish(queue, list(blocked.workloads.values()))
        await self.end()

    async def end(self) -> None:
        self._blocked.clear()
        await super().end()

    def _idle_seconds(self) -> float:
        """Until a blocked queue is due."""
        now = asyncio.get_running_loop().time()
        return max(0.0, min((queue.retry_at - now for queue in self._blocked.values()), default=_IDLE_SECONDS))

    async def _publish(self, queue: str, workloads: Sequence[Workload]) -> None:
        messages = [task_message(workload.item) for workload in workloads]
        try:
            await self.parts.bus.publish(queue, messages, mandatory=True)
        except QueueNotFound:
            self._log.warning("queue.without_worker", queue=queue, tasks=len(workloads))
            _hand_over(workloads)
            self._block(queue, workloads)
        except MessageTooLarge as exc:
            self._log.error("tasks.unpublishable", queue=queue, error=str(exc))
            self._release(queue, workloads)
        except AdapterError as exc:
            self._on_failure(queue, workloads, exc)
        else:
            self._release(queue, workloads)

    def _on_failure(self, queue: str, workloads: Sequence[Workload], exc: AdapterError) -> None:
        self._block(queue, workloads)
        failures = self._blocked[queue].failures
        self._log.warning("tasks.unpublished", queue=queue, tasks=len(workloads), failures=failures, error=str(exc))
        if failures > self.parts.settings.celery.task_publish_max_retries:
            self._log.error("tasks.left_to_sweep", queue=queue, tasks=len(self._blocked[queue].workloads))
            self._release(queue, list(self._blocked[queue].workloads.values()))

    def _block(self, queue: str, workloads: Sequence[Workload]) -> None:
        blocked = self._blocked.setdefault(queue, _BlockedQueue())
        blocked.failures += 1
        delay = Backoff(initial_seconds=0.2).delay_seconds(blocked.failures, 0.0)
        blocked.retry_at = asyncio.get_running_loop().time() + delay
        self._keep(queue, workloads)
        self._has_blocked.set()

    def _keep(self, queue: str, workloads: Sequence[Workload]) -> None:
        kept = self._blocked[queue].workloads
        kept.update((workload.item.attempt_id, workload) for workload in workloads)
        for attempt_id in list(kept)[: max(0, len(kept) - _BLOCKED_MAX)]:
            kept.pop(attempt_id).hand_over()

    def _release(self, queue: str, workloads: Sequence[Workload]) -> None:
        """Done with these; the queue is blocked no more if nothing else waits for it."""
        _hand_over(workloads)
        blocked = self._blocked.get(queue)
        if blocked is None:
            return
        for workload in workloads:
            blocked.workloads.pop(workload.item.attempt_id, None)
        if not blocked.workloads:
            del self._blocked[queue]


def _hand_over(workloads: Sequence[Workload]) -> None:
    for workload in workloads:
        workload.hand_over()
