"""The executor of the worker fleet: one Celery message per attempt, whole batches in one flush per queue."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from tradewind.bus.port import MessageTooLarge, QueueNotFound
from tradewind.core.errors import AdapterError
from tradewind.dispatcher.executors.base import BaseExecutor, ExecutorParts, Workload, by_priority
from tradewind.service.backoff import Backoff
from tradewind.service.lifecycle import pause
from tradewind.wire.celery import task_message

_SLOTS: Final = 1_000_000
"""A queue takes whatever comes: slots were given out before."""

_BLOCKED_MAX: Final = 10_000
"""Attempts kept per queue that cannot be reached; more are left to the sweep."""

_PUBLISHED_MAX: Final = 20_000
"""Attempts whose publishing is remembered for `try_adopt_task_instances`."""

_MESSAGES_PER_OPERATION: Final = 1000
"""`operation_timeout` is meant for one message; a flush of many has it once for each begun thousand."""

_IDLE_SECONDS: Final = 60.0


@dataclass(slots=True)
class _BlockedQueue:
    """A queue that could not be published to, and what waits for it."""

    workloads: dict[UUID, Workload] = field(default_factory=dict[UUID, Workload])
    failures: int = 0
    retry_at: float = 0.0


class CeleryExecutor(BaseExecutor):
    """Publishes, and is told nothing of what becomes of a message: claims and ends are the collector's.

    A queue that no worker has declared yet keeps its attempts here, where they are tried again every few seconds; so
    does a broker that cannot be reached. Any other failure is retried `task_publish_max_retries` times; then the
    attempt is left to the sweep. What was published less than `task_adoption_timeout` ago is not published again
    because its dispatch message is redelivered; only because the scheduler asks for it.
    """

    def __init__(self, parts: ExecutorParts) -> None:
        super().__init__(parts)
        settings = parts.settings.celery
        self.task_publish_max_retries = settings.task_publish_max_retries
        self.task_publish_retries: dict[UUID, int] = {}
        """How often publishing an attempt has failed, of those that will be tried again."""
        self._operation_timeout = settings.operation_timeout
        self._adoption_timeout = settings.task_adoption_timeout
        self._blocked: dict[str, _BlockedQueue] = {}
        self._has_blocked = asyncio.Event()
        self._published: OrderedDict[UUID, float] = OrderedDict()

    @property
    def open_slots(self) -> int:
        return _SLOTS

    def has_task(self, attempt_id: UUID) -> bool:
        blocked = any(attempt_id in queue.workloads for queue in self._blocked.values())
        return blocked or super().has_task(attempt_id)

    def revoke_task(self, attempt_id: UUID) -> bool:
        for queue, blocked in self._blocked.items():
            if attempt_id in blocked.workloads:
                self._release(queue, (blocked.workloads[attempt_id],))
                return True
        return super().revoke_task(attempt_id)

    async def execute(self, workloads: Sequence[Workload]) -> None:
        by_queue: dict[str, list[Workload]] = {}
        for workload in workloads:
            by_queue.setdefault(workload.item.ti.queue, []).append(workload)
        for queue in [queue for queue in by_queue if queue in self._blocked]:
            self._keep(queue, by_queue.pop(queue))
        if len(by_queue) == 1:
            await self._publish(*by_queue.popitem())
            return
        async with asyncio.TaskGroup() as group:
            for queue, batch in by_queue.items():
                group.create_task(self._publish(queue, batch), name=f"publish-{queue}")

    async def run(self, stop: asyncio.Event) -> None:
        """Try blocked queues again when they are due, until `stop`."""
        while not await pause(stop, self._idle_seconds(), self._has_blocked):
            now = asyncio.get_running_loop().time()
            for queue, blocked in list(self._blocked.items()):
                if blocked.retry_at <= now:
                    await self._publish(queue, by_priority(blocked.workloads.values()))

    async def end(self) -> None:
        self._blocked.clear()
        self._published.clear()
        self.task_publish_retries.clear()
        await super().end()

    def _adopt(self, workload: Workload) -> bool:
        attempt_id = workload.item.attempt_id
        for blocked in self._blocked.values():
            if attempt_id in blocked.workloads:
                blocked.workloads[attempt_id].adopt(workload.hand_over)
                return True
        published_at = self._published.get(attempt_id)
        if published_at is not None and asyncio.get_running_loop().time() - published_at < self._adoption_timeout:
            workload.hand_over()
            return True
        return super()._adopt(workload)

    def _idle_seconds(self) -> float:
        """Until a blocked queue is due."""
        now = asyncio.get_running_loop().time()
        return max(0.0, min((queue.retry_at - now for queue in self._blocked.values()), default=_IDLE_SECONDS))

    async def _publish(self, queue: str, workloads: Sequence[Workload]) -> None:
        try:
            await self._flush(queue, workloads)
        except QueueNotFound:
            self.log.warning("queue.without_worker", queue=queue, tasks=len(workloads))
            _hand_over(workloads)
            self._block(queue, workloads)
        except MessageTooLarge as exc:
            await self._publish_apart(queue, workloads, exc)
        except AdapterError as exc:
            self._on_failure(queue, workloads, exc)
        else:
            self._note_published(workloads)
            self._release(queue, workloads)

    async def _flush(self, queue: str, workloads: Sequence[Workload]) -> None:
        messages = [task_message(workload.item) for workload in workloads]
        seconds = self._operation_timeout * (1 + len(messages) // _MESSAGES_PER_OPERATION)
        try:
            async with asyncio.timeout(seconds):
                await self.parts.bus.publish(queue, messages, mandatory=True)
        except TimeoutError as exc:
            text = f"the broker did not confirm within {seconds:g} s (TRADEWIND__CELERY__OPERATION_TIMEOUT)"
            raise AdapterError(text, retryable=True) from exc

    async def _publish_apart(self, queue: str, workloads: Sequence[Workload], exc: MessageTooLarge) -> None:
        """One of them is too large: it holds none of the others up."""
        if len(workloads) > 1:
            for workload in workloads:
                await self._publish(queue, (workload,))
            return
        key = workloads[0].item.ti.key
        self.log.error("task.unpublishable", dag_id=key.dag_id, task_id=key.task_id, run_id=key.run_id, error=str(exc))
        self._release(queue, workloads)

    def _on_failure(self, queue: str, workloads: Sequence[Workload], exc: AdapterError) -> None:
        kept: list[Workload] = []
        given_up: list[Workload] = []
        tried = 1 if self.parts.bus.connected else 0  # without a connection nothing was tried
        for workload in workloads:
            retries = self.task_publish_retries.get(workload.item.attempt_id, 0) + tried
            (kept if retries <= self.task_publish_max_retries else given_up).append(workload)
            self.task_publish_retries[workload.item.attempt_id] = retries
        self.log.warning("tasks.unpublished", queue=queue, tasks=len(workloads), given_up=len(given_up), error=str(exc))
        self._block(queue, kept)
        if given_up:
            self.log.error("tasks.left_to_sweep", queue=queue, tasks=len(given_up))
            self._release(queue, given_up)

    def _note_published(self, workloads: Sequence[Workload]) -> None:
        now = asyncio.get_running_loop().time()
        for workload in workloads:
            self._published[workload.item.attempt_id] = now
            self._published.move_to_end(workload.item.attempt_id)
        while len(self._published) > _PUBLISHED_MAX:
            self._published.popitem(last=False)

    def _block(self, queue: str, workloads: Sequence[Workload]) -> None:
        blocked = self._blocked.setdefault(queue, _BlockedQueue())
        blocked.failures += 1
        delay = Backoff(initial_seconds=0.2).delay_seconds(blocked.failures, 0.0)
        blocked.retry_at = asyncio.get_running_loop().time() + delay
        self._keep(queue, workloads)
        self._has_blocked.set()

    def _keep(self, queue: str, workloads: Sequence[Workload]) -> None:
        kept = self._blocked[queue].workloads
        for workload in workloads:
            kept[workload.item.attempt_id] = workload
            self._note_waiting(workload)
        excess = max(0, len(kept) - _BLOCKED_MAX)
        if excess:
            self.log.warning("tasks.left_to_sweep", queue=queue, tasks=excess)
            self._release(queue, list(kept.values())[:excess])

    def _release(self, queue: str, workloads: Sequence[Workload]) -> None:
        """Done with these; the queue is blocked no more if nothing else waits for it."""
        _hand_over(workloads)
        for workload in workloads:
            self.task_publish_retries.pop(workload.item.attempt_id, None)
        blocked = self._blocked.get(queue)
        if blocked is None:
            return
        for workload in workloads:
            blocked.workloads.pop(workload.item.attempt_id, None)
            self._note_gone(workload)
        if not blocked.workloads:
            del self._blocked[queue]


def _hand_over(workloads: Sequence[Workload]) -> None:
    for workload in workloads:
        workload.hand_over()
