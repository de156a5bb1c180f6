"""Slots of coroutine tasks beside those of processes."""

from tests.unit.supervisor.world import World, in_virtual_time, key_of


@in_virtual_time
async def test_coroutine_tasks_take_no_slots_of_processes_nor_the_reverse() -> None:
    async with World(concurrency=1, async_concurrency=3) as world:
        world.launcher.lane_tasks = tuple(key_of(number).task_id for number in range(10, 20))
        world.offer(1, 2, 10, 11, 12, 13)
        await world.until(lambda: len(world.launcher.launches) == 4)
        assert sorted(world.launcher.launches) == [1, 10, 11, 12]
        assert world.supervisor.room.is_set() is False
        (await world.child(10)).finish()
        await world.until(lambda: 13 in world.launcher.launches)
        assert 2 not in world.launcher.launches
        (await world.child(1)).finish()
        await world.until(lambda: 2 in world.launcher.launches)
        for number in (2, 11, 12, 13):
            (await world.child(number)).finish()


@in_virtual_time
async def test_coroutine_tasks_that_find_no_slot_can_be_handed_back_while_processes_are_free() -> None:
    async with World(concurrency=2, async_concurrency=1) as world:
        world.launcher.lane_tasks = tuple(key_of(number).task_id for number in range(10, 20))
        offers = world.offer(10, 11)
        await world.until(world.supervisor.saturated.is_set)
        world.supervisor.hand_back(offers)
        assert not world.supervisor.room.is_set(), "the queue is left to other workers until a slot of the lane is free"
        (await world.child(10)).finish()
        await world.until(world.supervisor.room.is_set)
