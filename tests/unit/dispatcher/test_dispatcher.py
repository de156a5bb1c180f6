"""The dispatcher service and its executors, in virtual time."""

import asyncio

from tests.unit.dispatcher.world import World, attempts_in, queued
from tests.unit.supervisor.world import attempt, in_virtual_time
from tradewind.bus.port import Message
from tradewind.wire.queues import DEAD_LETTER, DISPATCH

BOTH = "LocalExecutor,CeleryExecutor"


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
