"""commit_decisions: whole or not at all, guarded, slots exact."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.store_driver import Driver, acknowledged, change, created, guard_of, number, queued
from tradewind.core.rows import (
    CommitResult,
    Committed,
    DagRunRow,
    DecisionBatch,
    PoolCapacity,
    SlotsRefused,
    StaleRuns,
    TaskInstanceId,
)
from tradewind.core.spec import TaskSpec
from tradewind.core.states import DagRunState, TaskInstanceState

S = TaskInstanceState
TASK = TaskSpec(task_id="task")


async def used(driver: Driver, pool: str = "default_pool") -> tuple[int, int]:
    """Slots in use of (pool, parallelism)."""
    capacity = await driver.store.load_capacity()
    (slots,) = [each.used for each in capacity.pools if each.pool == pool]
    return slots, capacity.parallelism_used


async def test_created_rows_are_queued_at_once(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    task, other = TaskInstanceId(run.id, "task"), TaskInstanceId(run.id, "other")
    attempt = driver.new_id()
    result = await driver.commit(run, queued(task, attempt), created=[created(task), created(other)])
    assert isinstance(result, Committed)
    row = await driver.row(task)
    assert (row.state, row.attempt_id, row.try_number, row.held_slots) == (S.QUEUED, attempt, 1, 1)
    assert (row.queued_at, row.published_at, row.publish_count) == (driver.now, driver.now, 1)
    assert (await driver.row(other)).state is S.NONE


async def test_the_scheduler_ends_what_has_nothing_to_run(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    id_ = TaskInstanceId(run.id, "task")
    result = await driver.commit(run, change(id_, S.NONE, S.SUCCESS), created=[created(id_)])
    assert result == Committed(None)
    assert (await driver.row(id_)).state is S.SUCCESS
    assert await used(driver) == (0, 0)


async def test_committing_a_batch_again_is_stale_and_changes_nothing(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    id_, attempt = TaskInstanceId(run.id, "task"), driver.new_id()
    for expected in (Committed, StaleRuns):
        result = await driver.commit(run, queued(id_, attempt), created=[created(id_)])
        assert type(result) is expected
    assert await used(driver) == (1, 1)
    assert (await driver.row(id_)).attempt_id == attempt


@pytest.mark.parametrize("stale", ["epoch", "revision", "owner", "ended", "absent"])
async def test_a_run_that_moved_on_refuses_the_batch(driver: Driver, stale: str) -> None:
    run = await driver.started_run(TASK)
    guard = guard_of(run)
    if stale == "epoch":
        guard = replace(guard, expected_epoch=run.owner_epoch - 1)
    elif stale == "revision":
        await driver.inside.revise(run.id)
    elif stale == "owner":
        driver.scheduler_id = number(99)
    elif stale == "ended":
        await driver.commit(run, guard=replace(guard, state=DagRunState.SUCCESS, end_date=driver.now))
    else:
        guard = replace(guard, dag_run_id=404)
    id_ = TaskInstanceId(run.id, "task")
    result = await driver.commit(run, queued(id_, driver.new_id()), created=[created(id_)], guard=guard)
    assert result == StaleRuns((guard.dag_run_id,))
    assert await driver.inside.task_instances(run.id) == []
    assert await used(driver) == (0, 0)


async def test_a_row_that_changed_refuses_the_whole_batch(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    (first, second) = await driver.queue(run, "a", "b")
    a, b = TaskInstanceId(run.id, "a"), TaskInstanceId(run.id, "b")
    stale = change(a, S.SCHEDULED, S.FAILED, first)
    assert await driver.commit(run, stale, change(b, S.QUEUED, S.SCHEDULED, second)) == StaleRuns((run.id,))
    stale = change(a, S.QUEUED, S.FAILED, driver.new_id())
    assert await driver.commit(run, stale, change(b, S.QUEUED, S.SCHEDULED, second)) == StaleRuns((run.id,))
    assert (await driver.row(b)).state is S.QUEUED


async def test_only_the_stale_runs_are_named(driver: Driver) -> None:
    first = await driver.started_run(TASK)
    second = await driver.next_run(run_id="second")
    guards = (guard_of(first), guard_of(second, expected_revision=9))
    batch = DecisionBatch(scheduler_id=driver.scheduler_id, now=driver.now, runs=guards)
    assert await driver.store.commit_decisions(batch) == StaleRuns((second.id,))


async def test_an_end_is_acknowledged_and_its_slots_go_to_the_successor(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    attempt = await driver.running(run)
    await driver.end(run, "task", attempt)
    assert await used(driver) == (1, 1)
    task, after, next_attempt = TaskInstanceId(run.id, "task"), TaskInstanceId(run.id, "after"), driver.new_id()
    result = await driver.commit(
        run, queued(after, next_attempt), created=[created(after)], acknowledged=[acknowledged(task, attempt)]
    )
    assert result == Committed(None), "net zero touches no limit"
    assert await used(driver) == (1, 1)
    row = await driver.row(task)
    assert (row.end_pending, row.held_slots, row.state) == (False, 0, S.SUCCESS)


async def test_acknowledging_twice_is_stale(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    attempt = await driver.running(run)
    await driver.end(run, "task", attempt)
    acknowledgement = acknowledged(TaskInstanceId(run.id, "task"), attempt)
    assert isinstance(await driver.commit(run, acknowledged=[acknowledgement]), Committed)
    assert await driver.commit(run, acknowledged=[acknowledgement]) == StaleRuns((run.id,))
    assert await used(driver) == (0, 0)


async def test_a_retry_is_queued_in_the_batch_that_acknowledges(driver: Driver) -> None:
    run = await driver.started_run(replace(TASK, retries=1))
    attempt = await driver.running(run, retries=1)
    assert (await driver.fail(run, "task", attempt)).state is S.UP_FOR_RETRY
    id_, retry = TaskInstanceId(run.id, "task"), driver.new_id()
    requeued = queued(id_, retry, S.UP_FOR_RETRY, expected_attempt_id=attempt, try_number=2)
    result = await driver.commit(run, requeued, acknowledged=[acknowledged(id_, attempt)])
    assert isinstance(result, Committed)
    row = await driver.row(id_)
    assert (row.state, row.try_number, row.attempt_id, row.held_slots) == (S.QUEUED, 2, retry, 1)
    assert (row.end_pending, row.next_action_at) == (False, None)
    assert await used(driver) == (1, 1)


async def test_a_full_pool_refuses_the_whole_batch(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.inside.set_pool("default_pool", 2)
    await driver.queue(run, "first")
    id_ = TaskInstanceId(run.id, "task")
    result = await driver.commit(run, queued(id_, driver.new_id(), held_slots=2), created=[created(id_)])
    assert isinstance(result, SlotsRefused)
    assert result.capacity.pools == (PoolCapacity(pool="default_pool", slots=2, used=1),)
    assert await driver.commit(run, queued(id_, driver.new_id()), created=[created(id_)]) == Committed(
        replace(result.capacity, pools=(PoolCapacity(pool="default_pool", slots=2, used=2),), parallelism_used=2)
    )


async def test_parallelism_refuses_and_zero_means_no_cap(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.inside.set_parallelism(1)
    await driver.queue(run, "first")
    id_ = TaskInstanceId(run.id, "task")
    refused = await driver.commit(run, queued(id_, driver.new_id()), created=[created(id_)])
    assert isinstance(refused, SlotsRefused)
    assert (refused.capacity.parallelism, refused.capacity.parallelism_used) == (1, 1)
    await driver.inside.set_parallelism(0)
    assert isinstance(await driver.commit(run, queued(id_, driver.new_id()), created=[created(id_)]), Committed)


async def test_an_unknown_pool_has_no_room_and_minus_one_has_all(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    id_ = TaskInstanceId(run.id, "task")
    wish = queued(id_, driver.new_id(), pool="other", held_slots=500)
    assert isinstance(await driver.commit(run, wish, created=[created(id_, pool="other")]), SlotsRefused)
    await driver.inside.set_pool("other", -1)
    assert isinstance(await driver.commit(run, wish, created=[created(id_, pool="other")]), Committed)
    assert await used(driver, "other") == (500, 1)


async def test_slots_stay_exact_under_concurrent_commits(driver: Driver) -> None:
    await driver.inside.set_pool("default_pool", 5)
    await driver.started_run(TASK, max_active_runs=50, run_id="run_0")
    runs = [await driver.run(1)] + [await driver.next_run(run_id=f"run_{n}") for n in range(1, 12)]

    async def take(run: DagRunRow) -> CommitResult:
        id_ = TaskInstanceId(run.id, "task")
        return await driver.commit(run, queued(id_, driver.new_id()), created=[created(id_)])

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(take(run), name=f"take {run.id}") for run in runs]
    results = [task.result() for task in tasks]
    assert sum(isinstance(result, Committed) for result in results) == 5
    assert sum(isinstance(result, SlotsRefused) for result in results) == 7
    assert await used(driver) == (5, 5)
    assert await driver.store.recount_slots() == {}


async def test_a_recount_repairs_and_reports_drift(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.queue(run, "task", slots=2)
    await driver.inside.leak_slots("default_pool", 3)
    assert await driver.store.recount_slots() == {"default_pool": -3, "parallelism": -1}
    assert await used(driver) == (2, 1)
    assert await driver.store.recount_slots() == {}


async def test_a_fan_out_of_two_hundred_is_one_batch(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.inside.set_pool("default_pool", 1000)
    await driver.inside.set_parallelism(0)
    attempts = await driver.queue(run, *(f"task_{n:03d}" for n in range(200)))
    rows = await driver.inside.task_instances(run.id)
    assert [row.attempt_id for row in rows] == attempts
    assert await used(driver) == (200, 200)


async def test_a_run_ends_with_its_last_task(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    attempt = await driver.running(run)
    await driver.end(run, "task", attempt)
    guard = guard_of(run, state=DagRunState.SUCCESS, end_date=driver.now)
    await driver.commit(run, acknowledged=[acknowledged(TaskInstanceId(run.id, "task"), attempt)], guard=guard)
    assert (await driver.inside.dag_run_states())[run.id][0] == "success"
    assert await driver.store.load_dag_runs(driver.scheduler_id, [run.id]) == []


async def test_losses_are_forgotten_when_a_new_try_begins(driver: Driver) -> None:
    run = await driver.started_run(replace(TASK, retries=1))
    attempt = await driver.running(run, retries=1)
    await driver.tick(11)
    await driver.store.renew_scheduler(driver.scheduler_id, driver.now)
    await driver.tick(11)
    (ended,) = await driver.store.expire_workers(driver.now, timedelta(seconds=10))
    id_ = TaskInstanceId(run.id, "task")
    assert (ended.id, ended.state, (await driver.row(id_)).lost_attempts) == (id_, S.SCHEDULED, 1)
    again = queued(id_, driver.new_id(), S.SCHEDULED, expected_attempt_id=attempt, try_number=1, resets_losses=False)
    await driver.commit(run, again, acknowledged=[acknowledged(id_, attempt)])
    assert (await driver.row(id_)).lost_attempts == 1
    fresh = queued(id_, driver.new_id(), S.QUEUED, expected_attempt_id=again.attempt_id, try_number=2)
    await driver.commit(run, fresh)
    assert (await driver.row(id_)).lost_attempts == 0
