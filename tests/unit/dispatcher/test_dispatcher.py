"""The dispatcher service and its executors, in virtual time."""

import asyncio
from collections.abc import Sequence

from tests.unit.dispatcher.world import World, attempts_in, queued, with_command
from tests.unit.supervisor.world import attempt, in_virtual_time
from tradewind.bus.port import Message
from tradewind.core.states import Outcome
from tradewind.dispatcher.executors.base import BaseExecutor, Workload
from tradewind.wire.codec import encode
from tradewind.wire.messages import DispatchBatch
from tradewind.wire.queues import DEAD_LETTER, DISPATCH

BOTH = "LocalExecutor,CeleryExecutor"


class Failing(BaseExecutor):
    """Can neither pass on nor look after what runs."""

    @property
    def open_slots(self) -> int:
        return 1

    async def run(self, stop: asyncio.Event) -> None:
        await stop.wait()

    async def execute(self, workloads: Sequence[Workload]) -> None:
        raise RuntimeError("no cluster")

    async def sync(self) -> None:
        raise RuntimeError("no cluster, either")


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


@in_virtual_time
async def test_queues_choose_where_tasks_do_not() -> None:
    world = World("LocalExecutor,fleet:CeleryExecutor", executor_queues="big=fleet", parallelism=4)
    async with world, asyncio.TaskGroup() as group:
        big = group.create_task(world.take("big", 2))
        await world.until(lambda: world.broker.depth("big") is not None)
        named = queued(2, queue="big", executor="LocalExecutor")
        await world.dispatch(queued(1, queue="big"), named, queued(3), queued(4, queue="big", executor="fleet"))
        assert attempts_in(await big) == [1, 4]
        await world.until(lambda: world.launcher.launches == [2, 3])
        assert world.metric("dispatched_total", executor="fleet") == 2
        assert world.metric("dispatched_total", executor="LocalExecutor") == 2
        for child in world.launcher.children.values():
            child.finish()


@in_virtual_time
async def test_a_finished_task_frees_its_slot_at_once() -> None:
    async with World(parallelism=2) as world:
        await world.dispatch(*(queued(number) for number in range(1, 7)))
        loop = asyncio.get_running_loop()
        for finished in (1, 2, 3, 4):
            await world.until(lambda finished=finished: len(world.launcher.launches) == finished + 1)
            await asyncio.sleep(60)
            since = loop.time()
            world.launcher.children[finished].finish()
            await world.until(lambda finished=finished: len(world.launcher.launches) == finished + 2)
            assert loop.time() - since < 0.02
        world.launcher.children[5].finish()
        world.launcher.children[6].finish()


@in_virtual_time
async def test_mark_success_needs_no_child_in_a_local_executor() -> None:
    async with World() as world:
        await world.dispatch(queued(1, options=("--mark-success",)))
        await world.until(lambda: attempt(1) in world.collector.ended)
        assert world.collector.ended[attempt(1)].outcome == Outcome.SUCCESS
        assert world.launcher.launches == []


@in_virtual_time
async def test_what_cannot_be_run_is_dead_lettered_with_reasons_counted_and_disturbs_nothing() -> None:
    async with World() as world:
        world.launcher.finishes_at_once = True
        versions = encode(DispatchBatch((queued(9),))).replace(b"dispatch_batch.1", b"dispatch_batch.7")
        await world.bus.publish(DISPATCH, [Message(body=b"nonsense"), Message(body=versions)])
        await world.dispatch(
            with_command(queued(1), "rm", "-rf", "/"),
            queued(2, options=("--in-another-way",)),
            queued(3),
            queued(4, executor="KubernetesExecutor"),
            with_command(queued(5), *queued(6).ti.command),
        )
        await world.dispatch(queued(7))
        letters = await world.take(DEAD_LETTER, 6)
        await world.until(lambda: sorted(world.launcher.launches) == [3, 7])
        await world.until(lambda: world.unsettled() == 0)
        reasons = sorted(str(letter.message.headers["x-reason"]) for letter in letters)
        told = [
            "not a DispatchBatch: Expected `array`, got `int`",
            "not a DispatchBatch: it has the version '7', and only '1' is known here",
            "task 'task_1' of the DAG 'dag': the command is not `tradewind tasks run` but 'rm -rf /'",
            "task 'task_2' of the DAG 'dag': the command has '--in-another-way'",
            "task 'task_4' of the DAG 'dag' names the executor 'KubernetesExecutor', and TRADEWIND__CORE__EXECUTOR has",
            "task 'task_5' of the DAG 'dag': the command is for another attempt than the message: dag.task_6 of ",
        ]
        assert [reason[: len(start)] for reason, start in zip(reasons, told, strict=True)] == told
        counts = {cause: world.metric("refused_total", cause=cause) for cause in ("undecodable", "command", "executor")}
        assert counts == {"undecodable": 2, "command": 3, "executor": 1}


@in_virtual_time
async def test_what_a_dispatcher_held_when_its_connection_broke_is_adopted_and_runs_once() -> None:
    async with World(parallelism=1) as world:
        await world.dispatch(queued(1))
        await world.until(lambda: world.launcher.launches == [1])
        await world.dispatch(queued(2), queued(3))
        await world.until(lambda: world.metric("executor_queued_tasks", executor="LocalExecutor") == 2)
        world.own_bus.lose_channels()
        await world.until(lambda: world.metric("adopted_total") == 2)
        world.launcher.finishes_at_once = True
        world.launcher.children[1].finish()
        await world.until(lambda: world.launcher.launches == [1, 2, 3])
        await world.until(lambda: world.unsettled() == 0)
        await asyncio.sleep(60)
        assert world.launcher.launches == [1, 2, 3]


@in_virtual_time
async def test_an_executor_that_raises_disturbs_neither_the_others_nor_the_dispatcher() -> None:
    async with World(f"LocalExecutor,{__name__}.Failing") as world:
        world.launcher.finishes_at_once = True
        await world.dispatch(queued(1, executor="Failing"), queued(2))
        await world.dispatch(queued(3))
        await world.until(lambda: sorted(world.launcher.launches) == [2, 3])
        await world.until(lambda: (world.metric("executor_failures_total", executor="Failing") or 0) > 3)
        await world.until(lambda: world.unsettled() == 0)
        assert not world.dispatching.done()


@in_virtual_time
async def test_a_crash_terminates_executors_and_kills_what_runs() -> None:
    async with World("LocalExecutor,CeleryExecutor", shutdown_grace_seconds=50) as world:
        await world.dispatch(queued(1))
        await world.until(lambda: world.launcher.launches == [1])
        world.dispatching.cancel()
        await asyncio.wait([world.dispatching])
        assert [grace for _, grace in world.launcher.children[1].kills] == [5.0]


@in_virtual_time
async def test_what_runs_is_counted_over_all_local_executors() -> None:
    async with World("LocalExecutor,SequentialExecutor") as world:
        await world.dispatch(queued(1), queued(2), queued(3, executor="SequentialExecutor"))
        await world.until(lambda: len(world.launcher.launches) == 3)
        assert world.metric("running_attempts") == 3
        assert world.metric("executor_open_slots", executor="LocalExecutor") == 0
        for child in world.launcher.children.values():
            child.finish()
        await world.until(lambda: world.metric("running_attempts") == 0)
