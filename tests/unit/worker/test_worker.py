"""The worker service: Celery queues, slots, acknowledgements; with children that end when they are told to."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from tests.unit.supervisor.world import Collector, Launcher, LogStore, attempt, in_virtual_time, key_of, virtual_now
from tradewind.bus.memory import MemoryBroker, MemoryBus
from tradewind.bus.port import Message, Queue
from tradewind.core.states import EndCause, Outcome
from tradewind.service.environment import with_given
from tradewind.service.settings import load_settings
from tradewind.task_runner.settings import TaskRunningSettings
from tradewind.task_runner.supervising.children import Children
from tradewind.wire.celery import TASK_NAME, task_message
from tradewind.wire.messages import QueuedTaskInstance, TaskInstanceInCelery
from tradewind.wire.queues import DEAD_LETTER
from tradewind.worker.service import run
from tradewind.worker.settings import CelerySettings, WorkerOptions, WorkerSettings


def queued(number: int, queue: str = "default", *options: str, pool: str = "") -> QueuedTaskInstance:
    command = ("tradewind", "tasks", "run", "dag", f"task_{number}", "manual", "--attempt-id", str(attempt(number)))
    ti = TaskInstanceInCelery(key_of(number), (*command, *options), queue, TASK_NAME)
    return QueuedTaskInstance(ti, attempt(number), relative_fileloc="file.py", pool=pool)


class Worker:
    """One worker process."""

    def __init__(self, fleet: "Fleet", number: int, settings: WorkerSettings) -> None:
        self.bus = MemoryBus(fleet.broker)
        self.launcher = Launcher()
        self.logs = LogStore()
        self.stop = asyncio.Event()
        self.registry = CollectorRegistry()
        self.task = fleet.group.create_task(self._run(number, settings))

    async def _run(self, number: int, settings: WorkerSettings) -> None:
        ids = (UUID(int=number * 1_000_000 + count) for count in range(1_000_000))
        await run(
            settings=settings,
            bus=self.bus,
            clock=virtual_now,
            new_id=lambda: next(ids),
            stop=self.stop,
            registry=self.registry,
            open_children=self._children,
        )

    @asynccontextmanager
    async def _children(self, settings: TaskRunningSettings) -> AsyncGenerator[Children]:
        yield Children(self.launcher, self.logs)

    async def leave(self) -> None:
        self.stop.set()
        await self.task


class Fleet:
    """Workers, a collector, and somebody who publishes task messages."""

    def __init__(self) -> None:
        self.broker = MemoryBroker()
        self.bus = MemoryBus(self.broker)
        self.collector = Collector(MemoryBus(self.broker))
        self.group = asyncio.TaskGroup()
        self.workers: list[Worker] = []

    async def __aenter__(self) -> "Fleet":
        await self.group.__aenter__()
        self._collecting = self.group.create_task(self.collector.run())
        return self

    async def __aexit__(self, *error: Any) -> None:
        if error[0] is None:
            for worker in self.workers:
                await worker.leave()
        self._collecting.cancel()
        await self.group.__aexit__(*error)

    async def add_worker(
        self, *, queues: Sequence[str] = ("default",), concurrency: int = 2, celery: Any = None, **options: Any
    ) -> Worker:
        own: dict[str, Any] = {"worker_concurrency": concurrency, **(celery or {})}
        settings = WorkerSettings(
            celery=with_given(CelerySettings(), own, str), worker=WorkerOptions(queues=tuple(queues), **options)
        )
        worker = Worker(self, len(self.workers) + 1, settings)
        self.workers.append(worker)
        await until(lambda: self.broker.depth(queues[-1]) is not None)
        return worker

    async def publish(self, *numbers: int, queue: str = "default", pool: str = "") -> None:
        messages = [task_message(queued(number, queue, pool=pool)) for number in numbers]
        await self.bus.publish(queue, messages, mandatory=True)

    @property
    def launched(self) -> list[int]:
        return sorted(number for worker in self.workers for number in worker.launcher.launches)

    def unsettled(self) -> int:
        return sum(len(consumer.unsettled) for worker in self.workers for consumer in worker.bus.consumers)


async def until(condition: Any, seconds: float = 300.0) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not condition():
        assert loop.time() < deadline, f"not within {seconds:g} s of virtual time"
        await asyncio.sleep(0.005)


@in_virtual_time
async def test_messages_are_acknowledged_once_claimed_and_long_before_the_end() -> None:
    async with Fleet() as fleet:
        worker = await fleet.add_worker()
        await fleet.publish(1)
        await until(lambda: fleet.launched == [1])
        await until(lambda: fleet.unsettled() == 0)
        assert attempt(1) not in fleet.collector.ended
        worker.launcher.children[1].finish()
        await until(lambda: attempt(1) in fleet.collector.ended)


@in_virtual_time
async def test_superseded_message_is_acknowledged_and_runs_nothing() -> None:
    async with Fleet() as fleet:
        await fleet.add_worker()
        fleet.collector.void.append(attempt(1))
        await fleet.publish(1)
        await until(lambda: len(fleet.collector.claims) == 1)
        await until(lambda: fleet.unsettled() == 0)
        assert fleet.launched == []


@in_virtual_time
async def test_message_of_a_worker_that_dies_before_its_claim_is_answered_runs_elsewhere() -> None:
    async with Fleet() as fleet:
        first = await fleet.add_worker()
        await until(lambda: len(fleet.collector.beats) > 0)
        fleet.collector.loses_replies = {"tradewind.collector.claims": 1000}
        fleet.collector.void.append(attempt(1))
        await fleet.publish(1)
        await until(lambda: len(fleet.collector.claims) > 0)
        first.bus.crash()
        first.task.cancel()
        fleet.workers.remove(first)
        fleet.collector.loses_replies = {}
        fleet.collector.void.clear()
        fleet.collector.granted.clear()
        await fleet.add_worker()
        await until(lambda: fleet.launched == [1])
        fleet.workers[0].launcher.children[1].finish()


@in_virtual_time
async def test_undecodable_messages_go_to_the_dead_letter_queue_and_the_queue_moves_on() -> None:
    async with Fleet() as fleet:
        worker = await fleet.add_worker()
        worker.launcher.finishes_at_once = True
        await fleet.bus.publish("default", [Message(body=b"nonsense", headers={"task": TASK_NAME})])
        await fleet.publish(1)
        await until(lambda: fleet.broker.depth(DEAD_LETTER) == 1)
        await until(lambda: attempt(1) in fleet.collector.ended)
        async with fleet.bus.consume(Queue(name=DEAD_LETTER, durable=True), prefetch=1, max_batch=1) as batches:
            batch = await anext(batches)
            assert "content_type" in str(batch.deliveries[0].message.headers["x-reason"])
            assert batch.deliveries[0].message.headers["x-source-queue"] == "default"


@in_virtual_time
async def test_commands_that_are_not_ours_are_refused_counted_and_run_nothing() -> None:
    async with Fleet() as fleet:
        worker = await fleet.add_worker()
        worker.launcher.finishes_at_once = True
        item = queued(1)
        rogue = msgspec.structs.replace(item, ti=msgspec.structs.replace(item.ti, command=("rm", "-rf", "/")))
        newer = queued(2, "default", "--in-another-way")
        await fleet.bus.publish("default", [task_message(rogue), task_message(newer), task_message(queued(3))])
        await until(lambda: fleet.broker.depth(DEAD_LETTER) == 2)
        await until(lambda: attempt(3) in fleet.collector.ended)
        assert fleet.launched == [3]
        assert worker.registry.get_sample_value("tradewind_worker_refused_total") == 2
        async with fleet.bus.consume(Queue(name=DEAD_LETTER, durable=True), prefetch=9, max_batch=9) as batches:
            reasons = [str(delivery.message.headers["x-reason"]) for delivery in (await anext(batches)).deliveries]
            assert "'rm -rf /'" in reasons[0]
            assert "'--in-another-way'" in reasons[1]


@in_virtual_time
async def test_mark_success_ends_an_attempt_without_a_child() -> None:
    async with Fleet() as fleet:
        await fleet.add_worker(concurrency=1)
        messages = [task_message(queued(number, "default", "--mark-success")) for number in (1, 2, 3)]
        await fleet.bus.publish("default", messages, mandatory=True)
        await until(lambda: len(fleet.collector.ended) == 3)
        assert fleet.launched == []
        end = fleet.collector.ended[attempt(1)]
        assert (end.outcome, end.cause, end.is_silent) == (Outcome.SUCCESS, EndCause.NONE, False)
        assert b"its code was not run" in end.log
        assert [item.attempt_id for item in fleet.collector.claims] == [attempt(1), attempt(2), attempt(3)]


def test_queues_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWIND__WORKER__QUEUES", "default, big,")
    assert load_settings(WorkerSettings).worker.queues == ("default", "big")


@in_virtual_time
async def test_every_queue_is_served() -> None:
    async with Fleet() as fleet:
        worker = await fleet.add_worker(queues=("default", "big"), concurrency=4)
        worker.launcher.finishes_at_once = True
        await fleet.publish(1)
        await fleet.publish(2, queue="big")
        await until(lambda: len(fleet.collector.ended) == 2)


@in_virtual_time
async def test_excess_goes_to_another_worker_within_seconds() -> None:
    async with Fleet() as fleet:
        busy = await fleet.add_worker(concurrency=2)
        await fleet.publish(1, 2, 3, 4)
        await until(lambda: fleet.launched == [1, 2])
        idle = await fleet.add_worker(concurrency=2)
        since = asyncio.get_running_loop().time()
        await until(lambda: fleet.launched == [1, 2, 3, 4])
        assert asyncio.get_running_loop().time() - since < 3.0
        assert sorted(idle.launcher.launches) == [3, 4]
        for child in [*busy.launcher.children.values(), *idle.launcher.children.values()]:
            child.finish()


@in_virtual_time
async def test_a_worker_that_was_full_takes_messages_again() -> None:
    async with Fleet() as fleet:
        worker = await fleet.add_worker(concurrency=1)
        await fleet.publish(1, 2, 3)
        await until(lambda: fleet.launched == [1])
        await asyncio.sleep(30)
        assert fleet.broker.depth("default") == 2
        for count in (1, 2, 3):
            await until(lambda count=count: len(worker.launcher.launches) == count)
            worker.launcher.children[worker.launcher.launches[-1]].finish()
        await until(lambda: len(fleet.collector.ended) == 3)


@in_virtual_time
async def test_stop_hands_back_what_was_not_claimed() -> None:
    async with Fleet() as fleet:
        worker = await fleet.add_worker(concurrency=1, hand_back_after_seconds=1000)
        await fleet.publish(1, 2)
        await until(lambda: fleet.launched == [1])
        worker.stop.set()
        await until(lambda: fleet.broker.depth("default") == 1)
        assert not worker.task.done()
        worker.launcher.children[1].finish()
        await worker.task


@in_virtual_time
async def test_broker_restart_loses_no_running_task() -> None:
    async with Fleet() as fleet:
        worker = await fleet.add_worker(concurrency=2)
        await fleet.publish(1)
        await until(lambda: fleet.launched == [1])
        fleet.broker.stop()
        worker.launcher.children[1].finish()
        await asyncio.sleep(60)
        fleet.broker.start()
        await until(lambda: attempt(1) in fleet.collector.ended)
        await fleet.publish(2)
        await until(lambda: fleet.launched == [1, 2])
        worker.launcher.children[2].finish()


@in_virtual_time
async def test_tasks_of_other_pools_are_left_to_other_workers() -> None:
    async with Fleet() as fleet:
        picky = await fleet.add_worker(concurrency=10, pools=("gpu",))
        await fleet.publish(1, 2, pool="cpu")
        await fleet.publish(3, 4, pool="gpu")
        await until(lambda: fleet.launched == [3, 4])
        assert sorted(picky.launcher.launches) == [3, 4]
        other = await fleet.add_worker(concurrency=10)
        await until(lambda: sorted(other.launcher.launches) == [1, 2], seconds=10)
        await until(lambda: fleet.unsettled() == 0)
        assert fleet.collector.beats[0].pools == ("gpu",)
