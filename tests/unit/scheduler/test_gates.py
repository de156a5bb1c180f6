"""Gates through the scheduler's real loops: what one run waits for of another, and limits over all runs."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

from tests.dag_specs import dag, task
from tests.unit.scheduler.test_service import delay_all_to, lose_all_to
from tests.unit.scheduler.world import FAILURE, World, in_world
from tradewind.bus.port import Message
from tradewind.core.rows import TaskInstanceId
from tradewind.core.states import DagRunState, EndCause, Outcome, TaskInstanceState
from tradewind.wire.codec import encode
from tradewind.wire.messages import DagRunsCreated
from tradewind.wire.queues import EVENTS, RUNS

S = TaskInstanceState
HOUR = timedelta(hours=1)


def lasting(seconds: float) -> tuple[Outcome, EndCause, float]:
    return (Outcome.SUCCESS, EndCause.NONE, seconds)


async def dated_runs(world: World, count: int) -> list[int]:
    """Runs of consecutive hours, each started by whoever hears of it first."""
    first = world.now()
    runs: list[int] = []
    for number in range(count):
        date = first + number * HOUR
        row = await world.store.create_dag_run(dag_id="dag", run_id=f"run_{number}", now=world.now(), logical_date=date)
        runs.append(row.id)
        await world.bus.publish(RUNS, [Message(body=encode(DagRunsCreated(dag_ids=("dag",))))])
        await world.until(lambda: world.run_state(runs[-1]) is not DagRunState.QUEUED)
    return runs


def began(world: World, dag_run_id: int, task_id: str) -> Any:
    (time,) = world.times(dag_run_id, task_id, S.RUNNING)
    return time


def ended(world: World, dag_run_id: int, task_id: str) -> Any:
    return max(entry.now for entry in world.store.journal if entry.id == TaskInstanceId(dag_run_id, task_id))


PAST = dag(task("a", depends_on_past=True), task("b", "a"))


def in_order(waits_for_downstream: bool, schedulers: int) -> Callable[[World], Any]:
    async def scenario(world: World) -> None:
        for _ in range(schedulers):
            world.start_scheduler(runs_per_batch=1)
        await world.add_dag(
            dag(task("a", depends_on_past=True, wait_for_downstream=waits_for_downstream), task("b", "a"))
        )
        await world.until_listening()
        world.endings = {"a": [lasting(0.5)] * 4, "b": [lasting(0.7)] * 4}
        runs = await dated_runs(world, 4)
        await world.until_ended(*runs, timeout=10)
        owners = dict.fromkeys(world.store.tables.dag_runs[run].owner for run in runs)
        assert len(owners) == schedulers
        for before, after in pairwise(runs):
            waited_for = "b" if waits_for_downstream else "a"
            gap = began(world, after, "a") - ended(world, before, waited_for)
            assert timedelta() <= gap < timedelta(seconds=0.2)

    return scenario


def test_runs_follow_their_past_at_once() -> None:
    in_world(in_order(waits_for_downstream=False, schedulers=1))


def test_runs_of_other_schedulers_follow_at_once() -> None:
    in_world(in_order(waits_for_downstream=False, schedulers=3))


def test_runs_that_wait_for_downstream_follow_at_once() -> None:
    in_world(in_order(waits_for_downstream=True, schedulers=2))


def test_a_lost_word_about_the_past_is_found_by_the_sweep() -> None:
    async def scenario(world: World) -> None:
        world.broker.deliver = lose_all_to(EVENTS)
        for _ in range(2):
            world.start_scheduler(runs_per_batch=1)
        await world.add_dag(PAST)
        await world.until_listening()
        runs = await dated_runs(world, 3)
        await world.until_ended(*runs, timeout=12)

    in_world(scenario)


def test_a_failed_past_holds_later_runs_up_for_good() -> None:
    async def scenario(world: World) -> None:
        world.start_scheduler()
        await world.add_dag(PAST)
        await world.until_listening()
        world.endings = {"a": [FAILURE]}
        first, second = await dated_runs(world, 2)
        await world.until_ended(first, timeout=5)
        await world.until(lambda: world.seconds() > 30)
        assert world.run_state(second) is DagRunState.RUNNING
        assert world.states(second) == {"a": "none", "b": "none"}

    in_world(scenario)


def active(world: World, task_id: str) -> int:
    rows = [row for run in world.store.dag_runs for row in world.store.task_instances(run.id)]
    return sum(row.id.task_id == task_id and row.state in (S.QUEUED, S.RUNNING) for row in rows)


def limited(limit: str, size: int, runs: int, schedulers: int, most: int) -> Callable[[World], Any]:
    async def scenario(world: World) -> None:
        for _ in range(schedulers):
            world.start_scheduler(runs_per_batch=2)
        tasks = [task(f"t{number}", **{limit: size}) for number in range(1)]
        await world.add_dag(dag(*tasks, task("free")))
        await world.until_listening()
        world.endings = {"t0": [lasting(1.0)] * runs}
        ids = [(await world.trigger("dag", f"run_{number}")) for number in range(runs)]
        seen: list[int] = []

        def over() -> bool:
            seen.append(active(world, "t0"))
            return all(world.run_state(run) is DagRunState.SUCCESS for run in ids)

        await world.until(over, timeout=runs / most + 3)
        assert max(seen) == most

    return scenario


def test_a_limit_over_all_runs_is_kept_and_used() -> None:
    in_world(limited("max_active_tis_per_dag", size=2, runs=8, schedulers=1, most=2))


def test_several_schedulers_keep_and_use_a_limit_over_all_runs() -> None:
    in_world(limited("max_active_tis_per_dag", size=3, runs=12, schedulers=3, most=3))


def test_a_limit_per_run_does_not_hold_up_other_runs() -> None:
    in_world(limited("max_active_tis_per_dagrun", size=1, runs=4, schedulers=1, most=4))


def test_word_about_freed_tasks_may_be_late_or_lost() -> None:
    async def scenario(world: World) -> None:
        world.broker.deliver = delay_all_to(EVENTS, 60.0)
        await limited("max_active_tis_per_dag", size=1, runs=4, schedulers=2, most=1)(world)

    in_world(scenario)


def test_a_dag_that_keeps_failing_is_paused_here_and_elsewhere() -> None:
    async def scenario(world: World) -> None:
        for _ in range(2):
            world.start_scheduler(runs_per_batch=1)
        spec = dag(task("a"), task("b", "a"), max_consecutive_failed_dag_runs=2, max_active_runs=1)
        await world.add_dag(spec)
        await world.until_listening()
        world.endings = {"a": [FAILURE] * 9}
        for number in range(2):
            assert not world.store.tables.dags["dag"].is_paused
            await world.until_ended(await world.trigger("dag", f"run_{number}"), timeout=10)
        assert world.store.tables.dags["dag"].is_paused
        await world.trigger("dag", "run_2")
        await world.until(lambda: world.seconds() > 20)
        states = [run.state for run in world.store.dag_runs]
        assert states == [DagRunState.FAILED, DagRunState.FAILED, DagRunState.QUEUED]

    in_world(scenario)


def test_urgent_tasks_that_cannot_start_starve_nobody() -> None:
    async def scenario(world: World) -> None:
        await world.store.set_pool("full", 1)
        urgent = [task(f"u{number:02}", pool="full", priority_weight=100) for number in range(60)]
        held = [task(f"h{number:02}", priority_weight=50, max_active_tis_per_dagrun=1) for number in range(3)]
        await world.add_dag(dag(*urgent, *held, dag_id="urgent", max_active_tasks=64))
        await world.add_dag(dag(*(task(f"m{number}") for number in range(8)), dag_id="modest"))
        await world.store.set_parallelism(4)
        world.start_scheduler()
        await world.until_listening()
        world.endings = {each.task_id: [lasting(30.0)] for each in urgent}
        blocked = await world.trigger("urgent", "urgent")
        await world.until(lambda: any(state == "running" for state in world.states(blocked).values()))
        modest = await world.trigger("modest", "modest")
        await world.until_ended(modest, timeout=5)
        assert world.run_state(blocked) is DagRunState.RUNNING

    in_world(scenario)
