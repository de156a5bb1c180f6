"""Limits over all runs of a DAG, the past of a task, DAGs that keep failing, pools that count deferred tasks."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from tests.store_driver import Driver, PostgresBackdoor, acknowledged, change, created, guard_of, queued
from tradewind.core.gates import Past, PastQuestion
from tradewind.core.rows import Committed, DagRunRow, DecisionBatch, FailingDag, LimitedTask, SlotsRefused
from tradewind.core.rows import TaskInstanceId as Id
from tradewind.core.spec import TaskSpec
from tradewind.core.states import DagRunState, TaskInstanceState
from tradewind.db.pool import Database
from tradewind.db.postgres.store import PostgresStore

S = TaskInstanceState
TASK = TaskSpec(task_id="task")
DAY = timedelta(days=1)


def batch(driver: Driver, *runs: DagRunRow, limit: int, added: int | None = None, **fields: object) -> DecisionBatch:
    """Queue the task in each of these runs."""
    ids = [Id(run.id, "task") for run in runs]
    whole = DecisionBatch(
        scheduler_id=driver.scheduler_id,
        now=driver.now,
        runs=tuple(guard_of(run) for run in runs),
        created=tuple(created(id_) for id_ in ids),
        changes=tuple(queued(id_, driver.new_id()) for id_ in ids),
        limited=(LimitedTask("dag", "task", limit, len(ids) if added is None else added),),
    )
    return replace(whole, **fields)


async def runs_of(driver: Driver, count: int) -> list[DagRunRow]:
    await driver.write_dag(TASK)
    return [await driver.next_run(run_id=f"run_{number}") for number in range(count)]


async def test_a_limit_over_all_runs_is_never_passed(driver: Driver) -> None:
    first, second, third = await runs_of(driver, 3)
    assert isinstance(await driver.store.commit_decisions(batch(driver, first, limit=2)), Committed)
    assert await driver.store.count_active([("dag", "task"), ("dag", "nothing")]) == [1, 0]
    refused = await driver.store.commit_decisions(batch(driver, second, third, limit=2))
    assert isinstance(refused, SlotsRefused)
    assert refused.capacity.parallelism_used == 1
    assert await driver.inside.task_instances(second.id) == []
    assert isinstance(await driver.store.commit_decisions(batch(driver, second, limit=2)), Committed)


async def test_a_deferred_task_counts_as_active_and_an_ended_one_does_not(driver: Driver) -> None:
    (run,) = await runs_of(driver, 1)
    (attempt,) = await driver.queue(run, "task")
    for state, active in ((S.RUNNING, 1), (S.DEFERRED, 1), (S.AWAITING_INPUT, 1), (S.SUCCESS, 0)):
        before = (await driver.row(Id(run.id, "task"))).state
        step = change(Id(run.id, "task"), before, state, attempt, held_slots=1)
        assert isinstance(await driver.commit(run, step), Committed)
        assert await driver.store.count_active([("dag", "task")]) == [active]


async def test_concurrent_schedulers_fill_a_limit_exactly(database: Database) -> None:
    driver = Driver(PostgresStore(database), PostgresBackdoor(database))
    runs = await runs_of(driver, 12)
    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(driver.store.commit_decisions(batch(driver, run, limit=5)), name=run.run_id)
            for run in runs
        ]
    assert sum(isinstance(each.result(), Committed) for each in asked) == 5
    assert await driver.store.count_active([("dag", "task")]) == [5]


async def end_run(driver: Driver, run: DagRunRow, state: DagRunState, limit: int) -> tuple[str, ...]:
    guard = guard_of(run, state=state, end_date=driver.now)
    whole = DecisionBatch(scheduler_id=driver.scheduler_id, now=driver.now, runs=(guard,))
    failing = (FailingDag("dag", limit),) if state is DagRunState.FAILED else ()
    result = await driver.store.commit_decisions(replace(whole, failing=failing))
    assert isinstance(result, Committed)
    return result.paused_dag_ids


async def test_a_dag_is_paused_when_its_latest_runs_have_all_failed(driver: Driver) -> None:
    await driver.write_dag(TASK)
    outcomes = [DagRunState.FAILED, DagRunState.SUCCESS, DagRunState.FAILED, DagRunState.FAILED]
    paused: list[tuple[str, ...]] = []
    for number, outcome in enumerate(outcomes):
        driver.now += DAY
        run = await driver.next_run(run_id=f"run_{number}")
        paused.append(await end_run(driver, run, outcome, limit=2))
    assert paused == [(), (), (), ("dag",)]
    assert (await driver.inside.dag("dag"))[2]


async def test_a_running_run_after_the_failed_ones_leaves_the_dag_as_it_is(driver: Driver) -> None:
    first, second = await runs_of(driver, 2)
    assert await end_run(driver, first, DagRunState.FAILED, limit=1) == ()
    assert await end_run(driver, second, DagRunState.FAILED, limit=2) == ("dag",)


async def test_the_past_of_a_task(driver: Driver) -> None:
    await driver.write_dag(TASK, TaskSpec(task_id="below"))
    oldest = await driver.next_run(run_id="oldest", logical_date=driver.now - 3 * DAY)
    scheduled = await driver.next_run(run_id="scheduled", logical_date=driver.now - 2 * DAY, run_type="scheduled")
    by_hand = await driver.next_run(run_id="by_hand", logical_date=driver.now - DAY)
    latest = await driver.next_run(run_id="latest", logical_date=driver.now)
    undated = await driver.next_run(run_id="undated")
    for run, states in ((oldest, (S.SUCCESS, S.NONE)), (scheduled, (S.FAILED, S.SUCCESS))):
        for task_id, state in zip(("task", "below"), states, strict=True):
            id_ = Id(run.id, task_id)
            steps = () if state is S.NONE else (change(id_, S.NONE, state),)
            await driver.commit(run, *steps, created=[created(id_)])
    questions = [
        PastQuestion(oldest.id, "task", False, ()),
        PastQuestion(scheduled.id, "task", False, ("below",)),
        PastQuestion(scheduled.id, "task", True, ()),
        PastQuestion(by_hand.id, "task", False, ("below", "task")),
        PastQuestion(latest.id, "task", False, ()),
        PastQuestion(latest.id, "task", True, ()),
        PastQuestion(latest.id, "unheard_of", False, ()),
        PastQuestion(undated.id, "task", False, ()),
        PastQuestion(404, "task", False, ()),
    ]
    before = Past(run_id="scheduled", logical_date=scheduled.logical_date, found=1, unsuccessful=1, has_any_before=True)
    assert await driver.store.load_past(questions) == [
        Past(),
        Past(
            run_id="oldest",
            logical_date=oldest.logical_date,
            found=1,
            unsuccessful_downstream=1,
            has_any_before=True,
        ),
        Past(has_any_before=True),
        replace(before, unsuccessful_downstream=1),
        Past(run_id="by_hand", logical_date=by_hand.logical_date, has_any_before=True),
        before,
        Past(run_id="by_hand", logical_date=by_hand.logical_date),
        Past(),
        Past(),
    ]


async def used(driver: Driver) -> tuple[int, int]:
    capacity = await driver.store.load_capacity()
    return sum(pool.used for pool in capacity.pools), capacity.parallelism_used


async def test_a_deferred_task_keeps_its_slots_but_not_its_place(driver: Driver) -> None:
    await driver.inside.set_pool("default_pool", 4, include_deferred=True)
    (pool,) = [pool for pool in (await driver.store.load_capacity()).pools if pool.pool == "default_pool"]
    assert pool.include_deferred
    (run,) = await runs_of(driver, 1)
    id_ = Id(run.id, "task")
    attempt = await driver.running(run, slots=2)
    assert await used(driver) == (2, 1)
    await driver.end(run, "task", attempt, outcome="deferred")
    kept = replace(acknowledged(id_, attempt, 2), kept_slots=2)
    assert isinstance(await driver.commit(run, acknowledged=[kept]), Committed)
    row = await driver.row(id_)
    assert (row.state, row.held_slots, row.kept_slots, row.end_pending) == (S.DEFERRED, 0, 2, False)
    assert await used(driver) == (2, 0)
    assert await driver.store.recount_slots() == {}
    again = queued(id_, driver.new_id(), S.DEFERRED, expected_attempt_id=attempt, held_slots=2)
    assert isinstance(await driver.commit(run, again), Committed)
    assert await used(driver) == (2, 1)
    assert (await driver.row(id_)).kept_slots == 0


async def test_kept_slots_are_given_back_when_the_wait_is_over(driver: Driver) -> None:
    (run,) = await runs_of(driver, 1)
    id_ = Id(run.id, "task")
    attempt = await driver.running(run)
    await driver.end(run, "task", attempt, outcome="deferred")
    await driver.commit(run, acknowledged=[replace(acknowledged(id_, attempt), kept_slots=1)])
    assert await used(driver) == (1, 0)
    skipped = change(id_, S.DEFERRED, S.SKIPPED, attempt)
    returned = replace(acknowledged(id_, attempt, 0), returned_slots=1)
    assert isinstance(await driver.commit(run, skipped, acknowledged=[returned]), Committed)
    assert await used(driver) == (0, 0)
