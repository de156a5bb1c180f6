"""A worker whose slots follow its load."""

from tests.unit.supervisor.world import in_virtual_time
from tests.unit.worker.test_worker import Fleet, until


@in_virtual_time
async def test_slots_grow_with_what_waits_and_shrink_after_a_while() -> None:
    async with Fleet() as fleet:
        autoscale = {"worker_autoscale": "5,2", "worker_autoscale_keep_seconds": 30}
        worker = await fleet.add_worker(celery=autoscale)
        await fleet.publish(*range(1, 8))
        await until(lambda: len(fleet.launched) == 5)
        await until(lambda: fleet.collector.beats[-1].concurrency == 5)
        worker.launcher.children[1].finish()
        await until(lambda: len(fleet.launched) == 6)
        for number in list(worker.launcher.children):
            if number != 1:
                worker.launcher.children[number].finish()
        await until(lambda: len(fleet.launched) == 7)
        worker.launcher.children[max(worker.launcher.children)].finish()
        await until(lambda: fleet.collector.beats[-1].concurrency == 2)
