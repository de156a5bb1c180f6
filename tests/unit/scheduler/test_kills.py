"""What runs when `fail_fast` ends it is killed by a push to its worker, not only by an answer to a heartbeat."""

from tests.dag_specs import dag, task
from tests.unit.scheduler.world import FlakyStore, World, in_world
from tradewind.bus.port import Queue
from tradewind.core.states import EndCause, Outcome
from tradewind.db.store import StoreUnavailable
from tradewind.wire.codec import decode
from tradewind.wire.messages import KillAttempts
from tradewind.wire.queues import worker_queue

SPEC = dag(task("fails"), task("runs"), task("waits", "runs"), fail_fast=True)


async def failing_run(world: World) -> int:
    """`fails` ends after a second, when `runs` has been running for as long."""
    world.endings["fails"] = [(Outcome.FAILED, EndCause.USER_ERROR, 1.0)]
    world.endings["runs"] = [(Outcome.SUCCESS, EndCause.NONE, 60.0)]
    world.start_scheduler()
    await world.until_listening()
    await world.add_dag(SPEC)
    return await world.trigger("dag")


def test_its_worker_is_told_at_once() -> None:
    async def scenario(world: World) -> None:
        async with world.bus.consume(Queue(name=worker_queue("worker")), prefetch=10, max_batch=10) as batches:
            run = await failing_run(world)
            batch = await anext(batches)
            (delivery,) = batch.deliveries
            (running,) = [item for item in world.dispatched if item.ti.key.task_id == "runs"]
            assert decode(delivery.message.body, KillAttempts).attempts == (running.attempt_id,)
            assert world.seconds() < 2.0
            await world.until_ended(run)
            assert world.states(run) == {"fails": "failed", "runs": "failed", "waits": "skipped"}

    in_world(scenario)


def test_a_store_that_cannot_be_asked_who_holds_it_stops_nothing() -> None:
    class Forgetful(FlakyStore):
        async def attempt_holders(self, attempt_ids: object) -> object:  # pyright: ignore[reportIncompatibleMethodOverride] - it always fails
            raise StoreUnavailable("before the call")

    async def scenario(world: World) -> None:
        run = await failing_run(world)
        await world.until_ended(run, timeout=3)
        assert world.states(run) == {"fails": "failed", "runs": "failed", "waits": "skipped"}

    store = Forgetful()
    store.failing = lambda method, when: False
    in_world(scenario, store=store)
