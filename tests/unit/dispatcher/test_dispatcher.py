"""The dispatcher service and its executors, in virtual time."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from tests.unit.supervisor.world import (
    Collector,
    Launcher,
    LogStore,
    attempt,
    in_virtual_time,
    key_of,
    virtual_now,
)
from tradewind.bus.memory import MemoryBroker, MemoryBus
from tradewind.bus.port import Delivery, Message, Queue
from tradewind.core.errors import ConfigError
from tradewind.dispatcher.executors.base import BaseExecutor, ExecutorParts, Workload
from tradewind.dispatcher.executors.celery import CeleryExecutor
from tradewind.dispatcher.executors.loading import load_executors
from tradewind.dispatcher.executors.local import LocalExecutor, SequentialExecutor
from tradewind.dispatcher.service import run
from tradewind.dispatcher.settings import DispatcherSettings
from tradewind.service.metrics import Telemetry
from tradewind.task_runner.children import Children
from tradewind.task_runner.settings import TaskRunningSettings
from tradewind.task_runner.supervisor_metrics import SupervisorMetrics
from tradewind.wire.celery import TASK_NAME, parse_task_message
from tradewind.wire.codec import encode
from tradewind.wire.messages import DispatchBatch, QueuedTaskInstance, TaskInstanceInCelery
from tradewind.wire.queues import DEAD_LETTER, DISPATCH

BOTH = "LocalExecutor,CeleryExecutor"


def queued(
    number: int, *, queue: str = "default", executor: str | None = None, priority: int = 1
) -> QueuedTaskInstance:
    ti = TaskInstanceInCelery(key_of(number), ("tradewind", "tasks", "run"), queue, TASK_NAME)
    return QueuedTaskInstance(ti, attempt(number), priority=priority, executor=executor, relative_fileloc="file.py")


class World:
    """One dispatcher, a collector, and whoever publishes and consumes."""

    def __init__(self, executor: str = "LocalExecutor", *, parallelism: int = 2, **options: Any) -> None:
        self.broker = MemoryBroker()
        self.bus = MemoryBus(self.broker)
        self.own_bus = MemoryBus(self.broker)
        self.collector = Collector(MemoryBus(self.broker))
        self.launcher = Launcher()
        self.stop = asyncio.Event()
        self.registry = CollectorRegistry()
        self._settings = DispatcherSettings.model_validate(
            {"core": {"executor": executor, "parallelism": parallelism}, "dispatcher": options}
        )
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> "World":
        await self._group.__aenter__()
        self._collecting = self._group.create_task(self.collector.run())
        self.dispatching = self._group.create_task(self._run())
        await self.until(lambda: self.broker.depth(DISPATCH) is not None)
        return self

    async def __aexit__(self, *error: Any) -> None:
        if error[0] is None:
            self.stop.set()
            await self.dispatching
        self._collecting.cancel()
        await self._group.__aexit__(*error)

    async def _run(self) -> None:
        ids = (UUID(int=1_000_000 + count) for count in range(1_000_000))
        await run(
            settings=self._settings,
            bus=self.own_bus,
            clock=virtual_now,
            new_id=lambda: next(ids),
            stop=self.stop,
            registry=self.registry,
            open_children=self._children,
        )

    @asynccontextmanager
    async def _children(self, settings: TaskRunningSettings) -> AsyncGenerator[Children]:
        yield Children(self.launcher, LogStore())

    async def dispatch(self, *items: QueuedTaskInstance) -> None:
        await self.bus.publish(DISPATCH, [Message(body=encode(DispatchBatch(items)))])

    async def until(self, condition: Callable[[], bool], seconds: float = 300.0) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while not condition():
            assert asyncio.get_running_loop().time() < deadline, f"not within {seconds:g} s of virtual time"
            await asyncio.sleep(0.005)

    def unsettled(self) -> int:
        return sum(len(consumer.unsettled) for consumer in self.own_bus.consumers)

    async def take(self, queue: str, count: int, *, durable: bool = True) -> list[Delivery]:
        """Declare the queue and take messages from it."""
        taken: list[Delivery] = []
        async with self.bus.consume(Queue(name=queue, durable=durable), prefetch=1000, max_batch=1000) as batches:
            async for batch in batches:
                taken += batch.deliveries
                await batch.ack()
                if len(taken) >= count:
                    return taken
        return taken


def attempts_in(deliveries: Sequence[Delivery]) -> list[int]:
    return [parse_task_message(delivery.message).attempt_id.int for delivery in deliveries]


@in_virtual_time
async def test_local_executor_runs_attempts_and_acknowledges_once_all_are_claimed() -> None:
    async with World() as world:
        await world.dispatch(queued(1), queued(2), queued(3))
        await world.until(lambda: world.launcher.launches == [1, 2])
        await asyncio.sleep(1)
        assert world.unsettled() == 1
        world.launcher.children[1].finish()
        await world.until(lambda: world.launcher.launches == [1, 2, 3])
        await world.until(lambda: world.unsettled() == 0)
        world.launcher.children[2].finish()
        world.launcher.children[3].finish()
        await world.until(lambda: len(world.collector.ended) == 3)
        assert world.collector.beats[0].kind == "local"


@in_virtual_time
async def test_local_executor_takes_the_highest_priority_first() -> None:
    async with World(parallelism=1) as world:
        await world.dispatch(queued(1))
        await world.until(lambda: world.launcher.launches == [1])
        await world.dispatch(queued(2), queued(3, priority=5), queued(4, priority=9))
        await asyncio.sleep(0.1)
        world.launcher.finishes_at_once = True
        world.launcher.children[1].finish()
        await world.until(lambda: len(world.collector.ended) == 4)
        assert world.launcher.launches == [1, 4, 3, 2]


@in_virtual_time
async def test_sequential_executor_runs_one_at_a_time() -> None:
    async with World("SequentialExecutor", parallelism=32) as world:
        await world.dispatch(queued(1), queued(2))
        await world.until(lambda: world.launcher.launches == [1])
        await asyncio.sleep(10)
        assert world.launcher.launches == [1]
        world.launcher.children[1].finish()
        await world.until(lambda: world.launcher.launches == [1, 2])
        world.launcher.children[2].finish()
        assert world.collector.beats[0].kind == "sequential"


@in_virtual_time
async def test_parallelism_0_means_no_limit() -> None:
    async with World(parallelism=0) as world:
        await world.dispatch(*(queued(number) for number in range(1, 301)))
        await world.until(lambda: len(world.launcher.launches) == 300)
        for child in world.launcher.children.values():
            child.finish()
        await world.until(lambda: len(world.collector.ended) == 300)


@in_virtual_time
async def test_celery_executor_publishes_batches_per_queue_in_order_of_priority() -> None:
    async with World("CeleryExecutor") as world, asyncio.TaskGroup() as group:
        default = group.create_task(world.take("default", 2))
        big = group.create_task(world.take("big", 1))
        await world.until(lambda: world.broker.depth("big") is not None)
        await world.dispatch(queued(1), queued(2, priority=7), queued(3, queue="big"))
        assert attempts_in(await default) == [2, 1]
        assert attempts_in(await big) == [3]
        await world.until(lambda: world.unsettled() == 0)
        assert world.launcher.launches == []


@in_virtual_time
async def test_tasks_for_a_queue_without_workers_wait_for_one_and_hold_nobody_up() -> None:
    async with World("CeleryExecutor") as world, asyncio.TaskGroup() as group:
        default = group.create_task(world.take("default", 1))
        await world.until(lambda: world.broker.depth("default") is not None)
        await world.dispatch(queued(1, queue="later"))
        await world.dispatch(queued(2))
        assert attempts_in(await default) == [2]
        await world.until(lambda: world.unsettled() == 0)
        await asyncio.sleep(600)
        since = asyncio.get_running_loop().time()
        assert attempts_in(await world.take("later", 1)) == [1]
        assert asyncio.get_running_loop().time() - since <= 5.5


@in_virtual_time
async def test_broker_that_is_away_for_long_leaves_attempts_to_redelivery() -> None:
    async with World("CeleryExecutor") as world:
        await world.dispatch(queued(1))
        world.broker.stop()
        await asyncio.sleep(60)
        world.broker.start()
        await world.dispatch(queued(2))
        assert 2 in attempts_in(await world.take("default", 1))


@in_virtual_time
async def test_each_task_goes_to_the_executor_that_it_names() -> None:
    async with World(BOTH) as world, asyncio.TaskGroup() as group:
        default = group.create_task(world.take("default", 1))
        await world.until(lambda: world.broker.depth("default") is not None)
        await world.dispatch(queued(1), queued(2, executor="CeleryExecutor"), queued(3, executor="LocalExecutor"))
        assert attempts_in(await default) == [2]
        await world.until(lambda: world.launcher.launches == [1, 3])
        for child in world.launcher.children.values():
            child.finish()


@in_virtual_time
async def test_unknown_executor_is_dead_lettered_with_its_reason_and_the_rest_goes_on() -> None:
    async with World() as world:
        await world.dispatch(queued(1, executor="KubernetesExecutor"), queued(2))
        await world.until(lambda: world.launcher.launches == [2])
        (letter,) = await world.take(DEAD_LETTER, 1)
        assert "'KubernetesExecutor'" in str(letter.message.headers["x-reason"])
        assert "TRADEWIND__CORE__EXECUTOR" in str(letter.message.headers["x-reason"])
        await world.until(lambda: world.unsettled() == 0)
        world.launcher.children[2].finish()


@in_virtual_time
async def test_undecodable_batch_is_dead_lettered_and_the_queue_moves_on() -> None:
    async with World() as world:
        await world.bus.publish(DISPATCH, [Message(body=b"nonsense")])
        await world.dispatch(queued(1))
        await world.until(lambda: world.broker.depth(DEAD_LETTER) == 1)
        await world.until(lambda: world.launcher.launches == [1])
        world.launcher.children[1].finish()


@in_virtual_time
async def test_what_was_not_claimed_at_the_stop_is_delivered_to_another_dispatcher() -> None:
    async with World(parallelism=1, shutdown_grace_seconds=50) as world:
        await world.dispatch(queued(1))
        await world.dispatch(queued(2))
        await world.until(lambda: world.launcher.launches == [1])
        world.stop.set()
        await world.until(lambda: world.broker.depth(DISPATCH) == 1)
        world.launcher.children[1].finish()
        await world.dispatching
        assert attempt(1) in world.collector.ended


def parts_for(broker: MemoryBroker) -> ExecutorParts:
    telemetry = Telemetry(CollectorRegistry(), service="dispatcher")

    @asynccontextmanager
    async def children(settings: TaskRunningSettings) -> AsyncGenerator[Children]:
        yield Children(Launcher(), LogStore())

    return ExecutorParts(
        settings=DispatcherSettings(),
        bus=MemoryBus(broker),
        clock=virtual_now,
        new_id=lambda: UUID(int=1),
        telemetry=telemetry,
        supervisor_metrics=SupervisorMetrics(telemetry),
        open_children=children,
    )


class RecordingExecutor(BaseExecutor):
    """Takes two at a time and writes down what it was given."""

    name = "RecordingExecutor"

    def __init__(self, parts: ExecutorParts) -> None:
        super().__init__(parts)
        self.executed: list[int] = []

    @property
    def open_slots(self) -> int:
        return 2

    async def execute(self, workloads: Sequence[Workload]) -> None:
        self.executed += [workload.item.attempt_id.int for workload in workloads]
        for workload in workloads:
            workload.hand_over()

    async def run(self, stop: asyncio.Event) -> None:
        await stop.wait()


@in_virtual_time
async def test_base_executor_refuses_the_same_attempt_twice_and_orders_by_priority() -> None:
    executor = RecordingExecutor(parts_for(MemoryBroker()))
    handed: list[int] = []
    for number, priority in ((1, 1), (2, 5), (3, 5), (4, 9)):
        assert executor.queue_task_instance(queued(number, priority=priority), lambda n=number: handed.append(n))
    assert not executor.queue_task_instance(queued(2), lambda: handed.append(-2))
    assert handed == [-2]
    ordered = [workload.item.attempt_id.int for workload in executor.order_queued_tasks_by_priority()]
    assert ordered == [4, 2, 3, 1]
    await executor.heartbeat()
    assert executor.executed == [4, 2]
    await executor.trigger_tasks(5)
    assert executor.executed == handed[1:] == [4, 2, 3, 1]


@in_virtual_time
async def test_loading_executors_by_name() -> None:
    parts = parts_for(MemoryBroker())
    loaded = load_executors(" CeleryExecutor, LocalExecutor,SequentialExecutor", parts)
    assert [type(executor) for executor in loaded.values()] == [CeleryExecutor, LocalExecutor, SequentialExecutor]
    custom = load_executors(f"{__name__}:RecordingExecutor", parts)
    assert isinstance(custom["RecordingExecutor"], RecordingExecutor)
    assert custom["RecordingExecutor"] is custom[f"{__name__}:RecordingExecutor"]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ("MesosExecutor", "LocalExecutor, SequentialExecutor, CeleryExecutor"),
        ("", "TRADEWIND__CORE__EXECUTOR is empty"),
        ("no_such_module:Class", "no_such_module"),
        ("os:path", "no subclass of"),
        ("os:no_such_name", "no_such_name"),
    ],
)
def test_wrong_executor_names_the_setting_and_the_choices(names: str, told: str) -> None:
    async def load() -> None:
        with pytest.raises(ConfigError) as caught:
            load_executors(names, parts_for(MemoryBroker()))
        assert "TRADEWIND__CORE__EXECUTOR" in str(caught.value)
        assert told in str(caught.value)

    asyncio.run(load())
