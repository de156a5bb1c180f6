"""The executor of the fleet: flushes, queues without workers, brokers that do not confirm, what the sweep gets."""

import asyncio

import msgspec
from structlog.testing import capture_logs

from tests.unit.dispatcher.world import ObservedBus, World, attempts_in, parts_for, queued
from tests.unit.supervisor.world import attempt, in_virtual_time, key_of
from tradewind.bus.memory import MemoryBroker
from tradewind.bus.port import Queue
from tradewind.dispatcher.executors.base import Workload
from tradewind.dispatcher.executors.celery import CeleryExecutor
from tradewind.dispatcher.settings import DispatcherSettings


class Fleet:
    """One executor, and the queues `default` and `big`."""

    def __init__(self, **celery: float) -> None:
        self.broker = MemoryBroker(max_body_bytes=10_000)
        self.bus = ObservedBus(self.broker)
        self.executor = CeleryExecutor(parts_for(self.bus, celery=celery))
        self.handed: list[int] = []
        self.stop = asyncio.Event()
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> "Fleet":
        for queue in ("default", "big"):
            await self.bus.declare(Queue(name=queue, durable=True))
        await self._group.__aenter__()
        self._group.create_task(self.executor.run(self.stop))
        return self

    async def __aexit__(self, *error: object) -> None:
        self.stop.set()
        await self._group.__aexit__(None, None, None)

    async def queue(self, *numbers: int, queue: str = "default") -> None:
        for number in numbers:
            self.executor.queue_command(queued(number, queue=queue), lambda number=number: self.handed.append(number))
        await self.executor.heartbeat()

    def depth(self, queue: str = "default") -> int | None:
        return self.broker.depth(queue)


def test_settings_have_the_names_and_defaults_of_airflow() -> None:
    celery = DispatcherSettings().celery
    assert msgspec.to_builtins(celery) == {
        "task_publish_max_retries": 3,
        "operation_timeout": 1.0,
        "task_adoption_timeout": 600.0,
    }


@in_virtual_time
async def test_a_batch_is_one_flush_for_each_of_its_queues() -> None:
    async with Fleet() as fleet:
        for number in range(1, 1001):
            queue = "big" if number % 2 else "default"
            fleet.executor.queue_command(queued(number, queue=queue), lambda: fleet.handed.append(1))
        await fleet.executor.heartbeat()
        assert sorted(fleet.bus.flushes) == [("big", 500), ("default", 500)]
        assert (fleet.depth(), fleet.depth("big"), len(fleet.handed)) == (500, 500, 1000)


@in_virtual_time
async def test_a_broker_that_does_not_confirm_in_time_is_asked_again_and_then_left_to_the_sweep() -> None:
    async with Fleet(operation_timeout=1.0, task_publish_max_retries=2) as fleet:
        fleet.bus.confirm_seconds = 5.0
        loop = asyncio.get_running_loop()
        since = loop.time()
        with capture_logs() as logs:
            await fleet.queue(1)
            assert loop.time() - since == 1.0
            assert (fleet.executor.task_publish_retries, fleet.handed) == ({attempt(1): 1}, [])
            await asyncio.sleep(30)
        assert len(fleet.bus.flushes) == 3
        assert (fleet.executor.task_publish_retries, fleet.handed) == ({}, [1])
        assert "TRADEWIND__CELERY__OPERATION_TIMEOUT" in logs[0]["error"]
        assert [entry["event"] for entry in logs] == ["tasks.unpublished"] * 3 + ["tasks.left_to_sweep"]
        fleet.bus.confirm_seconds = 0.0
        await fleet.queue(2)
        assert fleet.handed == [1, 2]


@in_virtual_time
async def test_what_waits_for_the_broker_itself_is_published_when_it_is_back() -> None:
    async with Fleet() as fleet:
        fleet.broker.stop()
        await fleet.queue(1)
        await asyncio.sleep(120)
        assert (fleet.executor.task_publish_retries, fleet.handed) == ({attempt(1): 0}, [])
        fleet.broker.start()
        await fleet.bus.declare(Queue(name="default", durable=True))
        await asyncio.sleep(6)
        assert (fleet.depth(), fleet.handed) == (1, [1])


@in_virtual_time
async def test_retries_are_counted_per_attempt() -> None:
    async with Fleet(task_publish_max_retries=1) as fleet:
        fleet.bus.confirm_seconds = 5.0
        await fleet.queue(1)
        await fleet.queue(2)
        await asyncio.sleep(1.5)
        assert fleet.executor.task_publish_retries == {attempt(2): 1}
        assert fleet.handed == [1]
        fleet.bus.confirm_seconds = 0.0
        await asyncio.sleep(10)
        assert fleet.handed == [1, 2]


@in_virtual_time
async def test_a_slow_queue_does_not_count_against_another() -> None:
    async with Fleet() as fleet:
        await fleet.queue(1, queue="nobody")
        await fleet.queue(2)
        assert fleet.handed == [1, 2]
        assert fleet.executor.has_task(attempt(1))
        assert not fleet.executor.has_task(attempt(2))


@in_virtual_time
async def test_one_that_is_too_large_holds_none_of_its_batch_up() -> None:
    async with Fleet() as fleet:
        big = queued(2, key=msgspec.structs.replace(key_of(2), run_id="x" * 10_000))
        with capture_logs() as logs:
            fleet.executor.queue_command(queued(1), lambda: fleet.handed.append(1))
            fleet.executor.queue_command(big, lambda: fleet.handed.append(2))
            fleet.executor.queue_command(queued(3), lambda: fleet.handed.append(3))
            await fleet.executor.heartbeat()
        assert (fleet.depth(), fleet.handed) == (2, [1, 2, 3])
        assert [(entry["event"], entry["task_id"]) for entry in logs] == [("task.unpublishable", "task_2")]


@in_virtual_time
async def test_what_was_published_lately_is_adopted_if_its_dispatch_is_redelivered() -> None:
    async with Fleet(task_adoption_timeout=600.0) as fleet:
        await fleet.queue(1)
        again = [Workload(queued(number), lambda number=number: fleet.handed.append(-number)) for number in (1, 2)]
        assert await fleet.executor.try_adopt_task_instances(again) == [again[1]]
        assert fleet.handed == [1, -1]
        await asyncio.sleep(601)
        late = [Workload(queued(1), lambda: None)]
        assert await fleet.executor.try_adopt_task_instances(late) == late


@in_virtual_time
async def test_what_the_scheduler_publishes_again_is_published_again() -> None:
    async with Fleet() as fleet:
        await fleet.queue(1)
        await fleet.queue(1)
        assert (fleet.depth(), fleet.handed) == (2, [1, 1])


@in_virtual_time
async def test_what_waits_for_a_worker_is_replaced_adopted_and_revoked_as_what_waits_elsewhere() -> None:
    async with Fleet() as fleet:
        for number in (1, 2):
            fleet.executor.queue_command(queued(number, queue="later", key=key_of(9)), lambda: None)
            await fleet.executor.heartbeat()
        assert [fleet.executor.has_task(attempt(number)) for number in (1, 2)] == [False, True]
        assert await fleet.executor.try_adopt_task_instances([Workload(queued(2), lambda: None)]) == []
        assert fleet.executor.revoke_task(attempt(2))
        await fleet.bus.declare(Queue(name="later", durable=True))
        await asyncio.sleep(60)
        assert fleet.depth("later") == 0


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
