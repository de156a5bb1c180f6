"""What schedulers make of a task that a person had run, told of it or not."""

from functools import partial
from typing import Any

from tests.dag_specs import dag, task
from tests.unit.scheduler.world import FAILURE, World, in_world
from tradewind.core.by_hand.flags import RunByHand
from tradewind.core.by_hand.queueing import queue_by_hand
from tradewind.core.by_hand.values import HandOrder, HandQueueing
from tradewind.core.explain.values import Circumstances
from tradewind.core.plan import DagPlan
from tradewind.core.rows import LoadedRun, TaskInstanceId
from tradewind.core.spec import DagSpec
from tradewind.core.states import DagRunState
from tradewind.wire.task_run import parse_task_run_command


async def run_by_hand(world: World, spec: DagSpec, dag_run_id: int, task_id: str, **flags: Any) -> HandQueueing:
    """As the API, which dies before it tells anybody."""
    order = HandOrder(
        id=TaskInstanceId(dag_run_id, task_id),
        attempt_id=world.new_id(),
        flags=RunByHand(ignore_all_deps=True, **flags),
    )
    seen = Circumstances(capacity=await world.store.load_capacity())

    def rule(loaded: LoadedRun | None) -> HandQueueing:
        assert loaded is not None
        return queue_by_hand(loaded, DagPlan(spec), order, seen, world.now())

    return await world.store.queue_by_hand(dag_run_id, None, rule, world.now())


def test_an_attempt_that_nobody_was_told_of_is_sent_out_with_its_flags() -> None:
    spec = dag(task("one", retries=1, retry_delay_seconds=86_400.0), task("two", "one"))

    async def scenario(world: World) -> None:
        scheduler = world.start_scheduler()
        world.endings["one"] = [FAILURE]
        await world.add_dag(spec)
        run = await world.trigger("dag")
        await world.until(lambda: world.states(run).get("one") == "up_for_retry")
        queued = await run_by_hand(world, spec, run, "one", mark_success=True, queue="fast")
        await world.until_ended(run, timeout=7_200)
        sent = [item for item in world.dispatched if item.attempt_id == queued.attempt_id]
        assert [item.ti.queue for item in sent] == ["fast"] * len(sent)
        assert all(parse_task_run_command(item.ti.command).flags.mark_success for item in sent)
        assert [each for each in world.executed if each[0] == "one"] == [("one", 1), ("one", 2)]
        assert (world.run_state(run), world.slots_used()) == (DagRunState.SUCCESS, (0, 0))
        assert scheduler.found("slot_drift") == 0

    in_world(scenario)


def test_a_run_that_had_ended_is_adopted_and_ends_as_its_tasks_stand_then() -> None:
    spec = dag(task("one"), task("two", "one"))

    async def scenario(world: World) -> None:
        scheduler = world.start_scheduler()
        world.endings["one"] = [FAILURE]
        await world.add_dag(spec)
        run = await world.trigger("dag")
        await world.until_ended(run)
        assert world.run_state(run) is DagRunState.FAILED
        await run_by_hand(world, spec, run, "two")
        assert world.run_state(run) is DagRunState.RUNNING
        await world.until(partial(has_ended, world, run))
        assert world.run_state(run) is DagRunState.SUCCESS
        assert world.states(run) == {"one": "failed", "two": "success"}
        assert (world.slots_used(), scheduler.found("adopted_runs")) == ((0, 0), 1)

    in_world(scenario)


def has_ended(world: World, dag_run_id: int) -> bool:
    return world.run_state(dag_run_id) is not DagRunState.RUNNING
