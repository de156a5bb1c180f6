"""Every executor of ours conforms, in memory; and the checks notice when one does not."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

import pytest

from tests.simulation.virtual_time import run_in_virtual_time
from tests.unit.dispatcher.celery_subject import CelerySubject
from tests.unit.dispatcher.world import parts_for, with_command
from tests.unit.supervisor.world import Collector, Launcher, LogStore
from tradewind.bus.memory import MemoryBroker, MemoryBus
from tradewind.bus.open import open_bus
from tradewind.dispatcher.executors.base import BaseExecutor, ExecutorParts, Workload
from tradewind.dispatcher.executors.conformance import CHECKS, Check, Nonconforming, Subject
from tradewind.dispatcher.executors.local import LocalExecutor, SequentialExecutor
from tradewind.task_runner.settings import TaskRunningSettings
from tradewind.task_runner.supervising.children import Children
from tradewind.wire.messages import QueuedTaskInstance


class LocalSubject:
    """A local executor with a collector; its children end when they are told to."""

    queue = "default"

    def __init__(self, kind: type[BaseExecutor], slots: int) -> None:
        self.slots = slots
        self._kind = kind
        self._broker = MemoryBroker()
        self._collector = Collector(MemoryBus(self._broker))
        self._launcher = Launcher()

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[BaseExecutor]:
        parts = parts_for(MemoryBus(self._broker), core={"parallelism": self.slots})
        async with asyncio.TaskGroup() as group:
            collecting = group.create_task(self._collector.run())
            yield self._kind(replace(parts, open_children=self._children))
            collecting.cancel()

    @asynccontextmanager
    async def _children(self, settings: TaskRunningSettings) -> AsyncGenerator[Children]:
        yield Children(self._launcher, LogStore())

    async def passed_on(self) -> Sequence[UUID]:
        return [UUID(int=number) for number in self._launcher.launches]

    async def marked(self) -> Sequence[UUID]:
        launched = await self.passed_on()
        return [attempt_id for attempt_id in self._collector.ended if attempt_id not in launched]

    async def finish(self, attempt_id: UUID) -> None:
        self._launcher.children[attempt_id.int].finish()


def celery_subject() -> CelerySubject:
    broker = MemoryBroker()
    return CelerySubject(lambda: open_bus(None, broker=broker))


SUBJECTS: Mapping[str, Callable[[], Subject]] = {
    "LocalExecutor, 2": lambda: LocalSubject(LocalExecutor, 2),
    "LocalExecutor, 0": lambda: LocalSubject(LocalExecutor, 0),
    "SequentialExecutor": lambda: LocalSubject(SequentialExecutor, 1),
    "CeleryExecutor": celery_subject,
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", list(SUBJECTS))
def test_every_executor_conforms(name: str, check: Check) -> None:
    run_in_virtual_time(_run(check, name))


async def _run(check: Check, name: str) -> None:
    await check(SUBJECTS[name]())


class Simple(BaseExecutor):
    """Two slots; what it passes on runs until `finished` is set."""

    slots = 2

    def __init__(self, parts: ExecutorParts) -> None:
        super().__init__(parts)
        self.out: list[Workload] = []
        self.finished: dict[UUID, asyncio.Event] = {}
        self.running = 0

    @property
    def open_slots(self) -> int:
        return self.slots - self.running

    async def execute(self, workloads: Sequence[Workload]) -> None:
        self.running += len(workloads)
        for workload in workloads:
            self.out.append(workload)
            self.finished[workload.item.attempt_id] = asyncio.Event()
            workload.hand_over()

    async def finish(self, attempt_id: UUID) -> None:
        if not self.finished[attempt_id].is_set():
            self.finished[attempt_id].set()
            self.running -= 1
            await self.heartbeat()

    async def run(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self.slots = 0
        for finished in [*self.finished.values()]:
            await finished.wait()

    async def terminate(self) -> None:
        for finished in self.finished.values():
            finished.set()
        await self.end()


class SimpleSubject:
    """A `Simple` executor, or one that is broken."""

    queue = "default"
    slots = 2

    def __init__(self, kind: type[Simple]) -> None:
        self._executor = kind(parts_for(MemoryBus(MemoryBroker())))

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[BaseExecutor]:
        yield self._executor

    async def passed_on(self) -> Sequence[UUID]:
        return [workload.item.attempt_id for workload in self._executor.out]

    async def marked(self) -> Sequence[UUID]:
        return [workload.item.attempt_id for workload in self._executor.out if workload.flags.mark_success]

    async def finish(self, attempt_id: UUID) -> None:
        await self._executor.finish(attempt_id)


class _Twice(Simple):
    async def execute(self, workloads: Sequence[Workload]) -> None:
        self.out += workloads
        await super().execute(workloads)


class _NeverHandsOver(Simple):
    async def execute(self, workloads: Sequence[Workload]) -> None:
        for workload in workloads:
            self.out.append(workload)
            self.finished[workload.item.attempt_id] = asyncio.Event()


class _LastComeFirst(Simple):
    def order_queued_tasks_by_priority(self) -> list[Workload]:
        return super().order_queued_tasks_by_priority()[::-1]


class _ManySlots(Simple):
    slots = 3


class _WaitsForHeartbeats(Simple):
    async def finish(self, attempt_id: UUID) -> None:
        self.finished[attempt_id].set()
        self.running -= 1


class _GoesOnAfterTheStop(Simple):
    async def run(self, stop: asyncio.Event) -> None:
        await stop.wait()
        for finished in [*self.finished.values()]:
            await finished.wait()


class _WaitsForTasks(Simple):
    async def execute(self, workloads: Sequence[Workload]) -> None:
        await super().execute(workloads)
        for workload in workloads:
            await self.finished[workload.item.attempt_id].wait()


class _TakesEverything(Simple):
    def queue_command(
        self, item: QueuedTaskInstance, handed_over: Callable[[], None], *, redelivered: bool = False
    ) -> bool:
        self.queued_tasks[item.attempt_id] = Workload(item, handed_over)
        return True


class _AdoptsEverything(Simple):
    async def try_adopt_task_instances(self, workloads: Sequence[Workload]) -> Sequence[Workload]:
        return ()


class _NeverEnds(Simple):
    async def run(self, stop: asyncio.Event) -> None:
        await asyncio.Event().wait()


class _ForgetsFlags(Simple):
    async def execute(self, workloads: Sequence[Workload]) -> None:
        await super().execute([Workload(_plain(workload.item), workload.hand_over) for workload in workloads])


def _plain(item: QueuedTaskInstance) -> QueuedTaskInstance:
    return with_command(item, *(word for word in item.ti.command if word != "--mark-success"))


FLAWS: Mapping[type[Simple], str] = {
    _Twice: "an attempt that was queued comes out: 2 came out instead of 1",
    _NeverHandsOver: "1 attempts are handed over",
    _LastComeFirst: "attempts come out by priority, then as they came",
    _ManySlots: "2 are out at once: 3 came out instead of 2",
    _WaitsForHeartbeats: "3 of what was queued come out, as slots come free",
    _GoesOnAfterTheStop: "an attempt that still waits at the end is not handed over",
    _WaitsForTasks: "heartbeat waits for tasks",
    _TakesEverything: "queue_command returns False for an attempt that waits already",
    _AdoptsEverything: "returns what the executor does not hold, only that",
    _NeverEnds: "`run` returns within 10 s of the stop",
    _ForgetsFlags: "`--mark-success` of a command arrives",
}


def failures(kind: type[Simple]) -> list[str]:
    """What the checks say of it."""
    said: list[str] = []
    for check in CHECKS:
        try:
            run_in_virtual_time(_check(check, kind))
        except Nonconforming as exc:
            said.append(str(exc))
    return said


async def _check(check: Check, kind: type[Simple]) -> None:
    await check(SimpleSubject(kind))


def test_a_simple_executor_conforms() -> None:
    assert failures(Simple) == []


@pytest.mark.parametrize("kind", list(FLAWS), ids=lambda kind: kind.__name__)
def test_the_checks_notice_what_is_wrong(kind: type[Simple]) -> None:
    said = failures(kind)
    assert any(FLAWS[kind] in text for text in said), said
