"""Coroutine tasks of local executors: slots of their own, beside those of processes."""

from tests.unit.dispatcher.world import World, queued
from tests.unit.supervisor.world import in_virtual_time, key_of

COROUTINES = range(10, 30)
"""Numbers of attempts whose tasks are coroutines."""


def world(executor: str = "LocalExecutor", *, parallelism: int = 2, async_concurrency: int = 3) -> World:
    made = World(executor, parallelism=parallelism, async_concurrency=async_concurrency)
    made.launcher.lane_tasks = tuple(key_of(number).task_id for number in COROUTINES)
    return made


async def settled(world: World, *launched: int) -> None:
    """These have been launched in this order, whatever else waits."""
    await world.until(lambda: len(world.launcher.launches) >= len(launched))
    assert world.launcher.launches == list(launched)


@in_virtual_time
async def test_neither_kind_waits_behind_the_other() -> None:
    async with world() as local:
        await local.dispatch(*(queued(number) for number in (1, 2, 3, 4)))
        await settled(local, 1, 2)
        await local.dispatch(*(queued(number) for number in (10, 11, 12, 13)))
        await settled(local, 1, 2, 10, 11, 12)
        local.launcher.children[1].finish()
        await settled(local, 1, 2, 10, 11, 12, 3)
        local.launcher.children[11].finish()
        await settled(local, 1, 2, 10, 11, 12, 3, 13)
        for number in (2, 3, 10, 12, 13):
            local.launcher.children[number].finish()
        await settled(local, 1, 2, 10, 11, 12, 3, 13, 4)
        local.launcher.children[4].finish()


@in_virtual_time
async def test_each_kind_goes_by_priority() -> None:
    async with world(parallelism=1, async_concurrency=1) as local:
        await local.dispatch(queued(1, priority=9), queued(10, priority=9))
        await settled(local, 1, 10)
        await local.dispatch(*(queued(number, priority=number) for number in (2, 3, 11, 12)))
        for ended, following in ((1, 3), (10, 12), (3, 2), (12, 11)):
            local.launcher.children[ended].finish()
            await local.until(lambda following=following: local.launcher.launches[-1] == following)
        for number in (2, 11):
            local.launcher.children[number].finish()


@in_virtual_time
async def test_no_more_run_at_once_than_there_are_slots_where_processes_have_no_limit() -> None:
    async with world(parallelism=0, async_concurrency=2) as local:
        await local.dispatch(*(queued(number) for number in (1, 2, 3, 10, 11, 12)))
        await local.until(lambda: len(local.launcher.launches) == 5)
        assert sorted(local.launcher.launches) == [1, 2, 3, 10, 11]
        for number in (1, 2, 3, 10, 11):
            local.launcher.children[number].finish()
        await local.until(lambda: 12 in local.launcher.launches)
        local.launcher.children[12].finish()


@in_virtual_time
async def test_one_task_at_a_time_is_one_of_any_kind() -> None:
    async with world("SequentialExecutor", parallelism=32) as sequential:
        await sequential.dispatch(*(queued(number) for number in (10, 1, 11)))
        for number in (10, 1, 11):
            await sequential.until(lambda number=number: sequential.launcher.launches[-1:] == [number])
            assert len(sequential.launcher.children) == sequential.launcher.launches.index(number) + 1
            sequential.launcher.children[number].finish()
