"""What an executor is: Airflow's vocabulary, asynchronous. How to write one: docs/executors.md.

An executor is handed attempts and passes them on to whatever runs them. It decides nothing: slots are counted in
Postgres, permission to run is a claim, ends report themselves to the collector, and its memory may vanish at any time.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec

from tradewind.bus.port import Bus
from tradewind.core.clock import Clock, IdFactory
from tradewind.dispatcher.settings import DispatcherSettings
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.task_runner.supervising.children import OpenChildren
from tradewind.task_runner.supervising.metrics import SupervisorMetrics
from tradewind.wire.codec import UndecodableMessage
from tradewind.wire.messages import QueuedTaskInstance
from tradewind.wire.task_run import PROGRAM, RunFlags, TaskRun, parse_task_run_command, task_run_command

QUEUED_MAX: Final = 100_000
"""Attempts that one executor keeps waiting; more are left to the sweep, which publishes them again."""

FAILURES_MAX: Final = 3
"""So often may `execute` raise with an attempt in hand before it is left to the sweep."""


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
    name: str = ""
    """What the configuration calls the executor: its alias; empty = its class's name."""


class Workload:
    """An attempt that waits in an executor."""

    __slots__ = ("_handed_over", "failures", "item")

    def __init__(self, item: QueuedTaskInstance, handed_over: Callable[[], None]) -> None:
        self.item = item
        self.failures = 0
        """How often `execute` has raised with it in hand."""
        self._handed_over: tuple[Callable[[], None], ...] | None = (handed_over,)

    @property
    def is_handed_over(self) -> bool:
        return self._handed_over is None

    @property
    def command(self) -> tuple[str, ...]:
        """argv of the process that runs it: `tradewind tasks run … --attempt-id …`."""
        return self.item.ti.command

    @property
    def flags(self) -> RunFlags:
        """What the command asks for beyond running the task."""
        return parse_task_run_command(self.command).flags

    def hand_over(self) -> None:
        """This executor need not remember it any more: somebody else does, or the sweep will. Harmless when
        repeated."""
        callbacks, self._handed_over = self._handed_over or (), None
        for callback in callbacks:
            callback()

    def adopt(self, handed_over: Callable[[], None]) -> None:
        """It was delivered again: this is to be called, too, once it is handed over."""
        if self._handed_over is None:
            handed_over()
        else:
            self._handed_over = (*self._handed_over, handed_over)


class BaseExecutor(ABC):
    """Base of executors. One dispatcher calls it from one event loop; nothing here may block that loop."""

    def __init__(self, parts: ExecutorParts) -> None:
        self.parts = parts
        self.name = parts.name or type(self).__name__
        self.queued_tasks: dict[UUID, Workload] = {}
        """By attempt: waiting to be passed on, in order of arrival."""
        self._waiting: dict[_Instance, UUID] = {}
        """The attempt that waits for each task instance; of several, the one that is taken for current."""
        self.log = get_logger(executor=self.name)

    def queue_task_instance(
        self,
        item: QueuedTaskInstance,
        handed_over: Callable[[], None],
        *,
        mark_success: bool = False,
        ignore_all_deps: bool = False,
        ignore_depends_on_past: bool = False,
        ignore_task_deps: bool = False,
        ignore_ti_state: bool = False,
        pool: str | None = None,
    ) -> bool:
        """`queue_command` with a command that is made here, for the item's attempt and with these flags."""
        flags = RunFlags(
            mark_success=mark_success,
            ignore_all_deps=ignore_all_deps,
            ignore_depends_on_past=ignore_depends_on_past,
            ignore_task_deps=ignore_task_deps,
            ignore_ti_state=ignore_ti_state,
            pool=pool,
        )
        key = item.ti.key
        run = TaskRun(
            dag_id=key.dag_id,
            task_id=key.task_id,
            run_id=key.run_id,
            map_index=key.map_index,
            attempt_id=item.attempt_id,
            flags=flags,
        )
        ti = msgspec.structs.replace(item.ti, command=task_run_command(run))
        return self.queue_command(msgspec.structs.replace(item, ti=ti), handed_over)

    def queue_command(
        self, item: QueuedTaskInstance, handed_over: Callable[[], None], *, redelivered: bool = False
    ) -> bool:
        """Take one attempt in; the next `heartbeat` passes it on. `handed_over` is called once, when its message may
        be forgotten; it must not block. The same attempt twice is refused (False): the first one counts.

        Another attempt of the task instance that waits here is replaced, for the scheduler has said something newer;
        unless this message was delivered before, when it may be the older one: then both wait, and their claims say
        which is current. Raises `UndecodableMessage`, and takes nothing in, if the command is not one of
        `tradewind tasks run` for this attempt.
        """
        check_command(item)
        if self.has_task(item.attempt_id):
            return self._refuse(item, "it is queued already", handed_over)
        if len(self.queued_tasks) >= QUEUED_MAX:
            return self._refuse(item, f"{QUEUED_MAX} others are", handed_over)
        older = self._waiting.get(_instance(item))
        if older is not None and not redelivered:
            self.log.info("task.replaced", attempt_id=str(older), by=str(item.attempt_id))
            self.revoke_task(older)
        self._enqueue(Workload(item, handed_over))
        return True

    def has_task(self, attempt_id: UUID) -> bool:
        """Whether the attempt waits here."""
        return attempt_id in self.queued_tasks

    def revoke_task(self, attempt_id: UUID) -> bool:
        """Forget an attempt that waits here, and its message with it. False: it does not wait here."""
        workload = self.queued_tasks.get(attempt_id)
        if workload is None:
            return False
        self._forget(workload)
        workload.hand_over()
        return True

    def order_queued_tasks_by_priority(self) -> list[Workload]:
        """What waits, the highest priority first, then as it came."""
        return by_priority(self.queued_tasks.values())

    @property
    @abstractmethod
    def open_slots(self) -> int:
        """How many attempts may be passed on now."""

    async def heartbeat(self) -> None:
        """Pass on what may be passed on, then `sync`. Called whenever something was queued, and every few seconds;
        whoever knows that a slot has come free calls it at once."""
        if self.queued_tasks and (open_slots := self.open_slots) > 0:
            await self.trigger_tasks(open_slots)
        await self.sync()

    async def trigger_tasks(self, open_slots: int) -> None:
        """Pass on as many as there are slots, by priority. If `execute` raises, what it had not handed over waits for
        the next heartbeat, and is left to the sweep after some times: the dispatcher and the others go on."""
        chosen = self.choose_tasks(open_slots)
        for workload in chosen:
            self._forget(workload)
        try:
            await self.execute(chosen)
        except Exception:
            self.log.exception("executor.failed", tasks=len(chosen))
            self._take_back([workload for workload in chosen if not workload.is_handed_over])

    def choose_tasks(self, open_slots: int) -> Sequence[Workload]:
        """What is passed on now, of what waits: so many, by priority."""
        return self.order_queued_tasks_by_priority()[:open_slots]

    @abstractmethod
    async def execute(self, workloads: Sequence[Workload]) -> None:
        """Pass these on, and call `hand_over` of each that is safe elsewhere. Each holds a slot from now on."""

    async def sync(self) -> None:
        """Look after what runs; nothing to do where ends report themselves."""
        return

    async def try_adopt_task_instances(self, workloads: Sequence[Workload]) -> Sequence[Workload]:
        """These were delivered before, to this dispatcher or to one that is gone, and are delivered again. Returns
        those that this executor does not hold any more: they are queued anew. Nothing else is there to adopt: what
        runs is in Postgres, with its worker's lease."""
        return [workload for workload in workloads if not self._adopt(workload)]

    @abstractmethod
    async def run(self, stop: asyncio.Event) -> None:
        """What the executor does by itself, until `stop`; what runs then may finish."""

    async def end(self) -> None:
        """Stopped in good order: whatever still waits is left to be delivered to another dispatcher."""
        self.queued_tasks.clear()
        self._waiting.clear()

    async def terminate(self) -> None:
        """Stopped at once: likewise, and nothing that runs is waited for."""
        await self.end()

    def _refuse(self, item: QueuedTaskInstance, reason: str, handed_over: Callable[[], None]) -> bool:
        key = item.ti.key
        event = f"could not queue task {key.dag_id}.{key.task_id}: {reason}"
        attempt_id = str(item.attempt_id)
        self.log.warning(event, run_id=key.run_id, map_index=key.map_index, attempt_id=attempt_id)
        handed_over()
        return False

    def _adopt(self, workload: Workload) -> bool:
        held = self.queued_tasks.get(workload.item.attempt_id)
        if held is None:
            return False
        held.adopt(workload.hand_over)
        return True

    def _enqueue(self, workload: Workload) -> None:
        self.queued_tasks[workload.item.attempt_id] = workload
        self._note_waiting(workload)

    def _forget(self, workload: Workload) -> None:
        del self.queued_tasks[workload.item.attempt_id]
        self._note_gone(workload)

    def _note_waiting(self, workload: Workload) -> None:
        self._waiting.setdefault(_instance(workload.item), workload.item.attempt_id)

    def _note_gone(self, workload: Workload) -> None:
        instance = _instance(workload.item)
        if self._waiting.get(instance) == workload.item.attempt_id:
            del self._waiting[instance]

    def _take_back(self, workloads: Sequence[Workload]) -> None:
        for workload in workloads:
            workload.failures += 1
            if workload.failures > FAILURES_MAX:
                self.log.error("task.left_to_sweep", attempt_id=str(workload.item.attempt_id))
                workload.hand_over()
            else:
                self._enqueue(workload)


def by_priority(workloads: Iterable[Workload]) -> list[Workload]:
    """The highest priority first, then as they came."""
    return sorted(workloads, key=lambda workload: -workload.item.priority)


def check_command(item: QueuedTaskInstance) -> None:
    """Raises `UndecodableMessage` unless the item's command is one of `tradewind tasks run` for its attempt."""
    key = item.ti.key
    options = ("--map-index", str(key.map_index), "--attempt-id", str(item.attempt_id))
    if item.ti.command == (*PROGRAM, key.dag_id, key.task_id, key.run_id, *options):
        return  # nearly all are; reading them costs ten times as much
    run = parse_task_run_command(item.ti.command)
    asked = (run.dag_id, run.task_id, run.run_id, run.map_index, run.attempt_id)
    if asked != (key.dag_id, key.task_id, key.run_id, key.map_index, item.attempt_id):
        raise UndecodableMessage(
            f"the command is for another attempt than the message: {run.dag_id}.{run.task_id} of {run.run_id}, "
            f"map_index {run.map_index}, attempt {run.attempt_id}"
        )


_Instance = tuple[str, str, str, int]


def _instance(item: QueuedTaskInstance) -> _Instance:
    key = item.ti.key
    return key.dag_id, key.run_id, key.task_id, key.map_index
