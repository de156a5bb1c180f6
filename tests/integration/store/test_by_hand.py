"""A person has one task instance run: what is queued, whose slots it takes, and what becomes of the run."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from tests.integration.store.test_people import clear, loaded, mark_run, slots_used
from tests.integration.store.test_triggers import deferred
from tests.store_driver import Driver, change, created
from tradewind.core.by_hand.flags import RunByHand
from tradewind.core.by_hand.queueing import hand_limit, queue_by_hand
from tradewind.core.by_hand.values import DependenciesNotMet, HandOrder, HandQueueing, NoRoom
from tradewind.core.explain.values import Circumstances
from tradewind.core.plan import DagPlan
from tradewind.core.rows import Capacity, Committed, DagRunRow, LoadedRun, PoolCapacity, StaleRuns, TaskInstanceId
from tradewind.core.spec import TaskSpec
from tradewind.core.states import DagRunState, EndCause, Outcome, TaskInstanceState

S = TaskInstanceState
TASK = TaskSpec(task_id="task", retries=2)
ROOM = Circumstances(
    capacity=Capacity(
        pools=tuple(PoolCapacity(pool=name, slots=-1, used=0) for name in ("default_pool", "other")),
        parallelism=0,
        parallelism_used=0,
    )
)
"""What was read before says that there is room: whether there is, is for the store to count."""


async def run_by_hand(driver: Driver, run: DagRunRow, task_id: str = "task", **flags: Any) -> HandQueueing:
    (spec,) = (await driver.store.load_dag_specs([run.dag_version_id])).values()
    wished = {name: flags[name] for name in ("pool", "queue", "executor") if name in flags}
    plan = DagPlan(replace(spec, tasks=tuple(replace(task, **wished) for task in spec.tasks)))
    attempt_id = flags.pop("attempt_id", None) or driver.new_id()
    order = HandOrder(id=TaskInstanceId(run.id, task_id), attempt_id=attempt_id, flags=RunByHand(**flags))

    def rule(found: LoadedRun | None) -> HandQueueing:
        assert found is not None
        return queue_by_hand(found, plan, order, ROOM, driver.now)

    return await driver.store.queue_by_hand(run.id, hand_limit(plan, order), rule, driver.now)


async def failed_run(driver: Driver) -> DagRunRow:
    run = await driver.started_run(TASK)
    attempt = await driver.running(run, retries=2)
    await driver.end(run, "task", attempt, outcome=Outcome.FAILED_WITHOUT_RETRY, cause=EndCause.USER_ERROR)
    await mark_run(driver, run, DagRunState.FAILED)
    return (await loaded(driver, run)).run


async def test_a_task_that_nothing_stands_against_is_queued_and_can_be_claimed(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.beat()
    (attempt,) = await driver.queue(run, "task", retries=2)
    await clear(driver, run)
    queueing = await run_by_hand(driver, run, queue="fast", executor="LocalExecutor", mark_success=True)
    row = await driver.row(TaskInstanceId(run.id, "task"))
    assert (row.state, row.attempt_id, row.try_number) == (S.QUEUED, queueing.attempt_id, 2)
    assert (row.held_slots, row.end_pending, row.publish_count) == (1, False, 1)
    assert row.by_hand == RunByHand(queue="fast", executor="LocalExecutor", mark_success=True)
    assert await slots_used(driver) == (1, 1)
    assert (await driver.claim(run, "task", attempt)).verdict == "superseded"
    assert (await driver.claim(run, "task", queueing.attempt_id)).verdict == "done"
    assert await driver.store.recount_slots() == {}


async def test_asking_again_for_the_same_attempt_changes_nothing(driver: Driver) -> None:
    run = await failed_run(driver)
    first = await run_by_hand(driver, run, ignore_ti_state=True)
    revision = (await loaded(driver, run)).run.revision
    again = await run_by_hand(driver, run, ignore_ti_state=True, attempt_id=first.attempt_id)
    assert (again.is_replay, again.try_number) == (True, first.try_number)
    assert ((await loaded(driver, run)).run.revision, await slots_used(driver)) == (revision, (1, 1))
    with pytest.raises(DependenciesNotMet, match="Task Instance Not Running: it is queued already"):
        await run_by_hand(driver, run, ignore_all_deps=True)


async def test_a_run_that_has_ended_goes_on_until_the_attempt_has_ended(driver: Driver) -> None:
    run = await failed_run(driver)
    with pytest.raises(DependenciesNotMet) as caught:
        await run_by_hand(driver, run)
    assert {each.name for each in caught.value.unmet} == {"Task Instance State", "Dagrun Running"}
    queueing = await run_by_hand(driver, run, ignore_ti_state=True)
    after = (await loaded(driver, run)).run
    assert (after.state, after.owner, after.start_date) == (DagRunState.RUNNING, None, run.start_date)
    assert queueing.try_number == 2
    assert len(await driver.inside.history()) == 1
    assert await driver.store.adopt_dag_runs(driver.scheduler_id, 10) == [run.id]
    assert (await driver.claim(run, "task", queueing.attempt_id)).verdict == "done"
    await driver.end(run, "task", queueing.attempt_id)
    row = await driver.row(TaskInstanceId(run.id, "task"))
    assert (row.state, row.max_tries, row.held_slots) == (S.SUCCESS, 3, 1)
    assert await driver.store.recount_slots() == {}


async def test_whoever_decided_before_is_refused(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.queue(run, "task", retries=2)
    await clear(driver, run)
    before = await driver.run(run.id)
    queueing = await run_by_hand(driver, run)
    id_ = TaskInstanceId(run.id, "task")
    result = await driver.commit(before, change(id_, S.QUEUED, S.SKIPPED, queueing.attempt_id))
    assert result == StaleRuns((run.id,))


async def test_a_full_pool_refuses_unless_everything_is_ignored(driver: Driver) -> None:
    await driver.inside.set_pool("other", 1)
    run = await driver.started_run(TASK, TaskSpec(task_id="second", pool_slots=2))
    await driver.beat()
    await driver.queue(run, "task", "second")
    await clear(driver, run)
    before = await loaded(driver, run)
    with pytest.raises(NoRoom, match="'other'"):
        await run_by_hand(driver, run, "second", pool="other")
    assert (await loaded(driver, run), await slots_used(driver)) == (before, (0, 0))
    await run_by_hand(driver, run, "second", pool="other", ignore_all_deps=True)
    pools = {pool.pool: pool.used for pool in (await driver.store.load_capacity()).pools}
    assert pools == {"default_pool": 0, "other": 2}
    assert await driver.store.recount_slots() == {}


async def test_parallelism_and_the_limit_over_all_runs_are_counted_under_lock(driver: Driver) -> None:
    run = await driver.started_run(replace(TASK, max_active_tis_per_dag=1), TaskSpec(task_id="second"))
    await driver.beat()
    await driver.queue(run, "task", "second")
    await clear(driver, run)
    await driver.inside.set_parallelism(1)
    await run_by_hand(driver, run)
    with pytest.raises(NoRoom, match=r"core\.parallelism"):
        await run_by_hand(driver, run, "second")
    await driver.inside.set_parallelism(0)
    other = await driver.next_run(run_id="other")
    await driver.queue(other, "second")
    row = created(TaskInstanceId(other.id, "task"))
    assert isinstance(await driver.commit(await driver.run(other.id), created=(row,)), Committed)
    with pytest.raises(NoRoom, match="Task Concurrency: 1 instances of the task 'task'"):
        await run_by_hand(driver, other)
    assert (await run_by_hand(driver, other, ignore_task_deps=True)).try_number == 1


async def test_of_two_at_once_one_gets_the_last_slot(driver: Driver) -> None:
    await driver.inside.set_pool("other", 1)
    run = await driver.started_run(TASK, TaskSpec(task_id="second"))
    await driver.beat()
    await driver.queue(run, "task", "second")
    await clear(driver, run)
    both = [partial(run_by_hand, driver, run, task_id, pool="other") for task_id in ("task", "second")]
    results: list[bool] = []

    async def ask(asking: Callable[[], Awaitable[HandQueueing]]) -> None:
        try:
            await asking()
        except NoRoom:
            results.append(False)
        else:
            results.append(True)

    async with asyncio.TaskGroup() as group:
        for each in both:
            group.create_task(ask(each))
    assert sorted(results) == [False, True]
    assert {pool.pool: pool.used for pool in (await driver.store.load_capacity()).pools}["other"] == 1
    assert await driver.store.recount_slots() == {}


async def test_what_waited_for_a_trigger_begins_anew(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await deferred(driver, run)
    with pytest.raises(DependenciesNotMet, match="deferred"):
        await run_by_hand(driver, run)
    queueing = await run_by_hand(driver, run, ignore_ti_state=True)
    assert (queueing.try_number, await driver.inside.trigger_ids()) == (2, [])
    assert await driver.store.recount_slots() == {}


async def test_clearing_forgets_how_it_was_run_by_hand(driver: Driver) -> None:
    run = await failed_run(driver)
    await run_by_hand(driver, run, ignore_ti_state=True, queue="fast")
    await clear(driver, run)
    assert (await driver.row(TaskInstanceId(run.id, "task"))).by_hand is None
    assert await slots_used(driver) == (0, 0)
