"""What people do to runs: clearing, marking, moving to another version; and what becomes of what was under way."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from tests.dag_specs import dag, task
from tests.integration.store.test_triggers import FIRST, deferred, taken
from tests.store_driver import Driver, change, queued
from tradewind.core.clearing import Clearing, RunningTask, clear_dag_runs
from tradewind.core.errors import Conflict
from tradewind.core.marking import Marking, mark_dag_run, mark_task_instances
from tradewind.core.relatives import Choice, ChoiceRequest, Relatives
from tradewind.core.revisions import Revised, RunRevision
from tradewind.core.rows import (
    AttemptHolder,
    Committed,
    DagRunRow,
    EndEffectsRecord,
    LoadedRun,
    StaleRuns,
    TaskInstanceId,
)
from tradewind.core.spec import TaskSpec
from tradewind.core.states import DagRunState, EndCause, Outcome, TaskInstanceState
from tradewind.core.triggers import resumed

S = TaskInstanceState
TASK = TaskSpec(task_id="task", retries=2)


async def clear(driver: Driver, run: DagRunRow, choice: Choice | None = None, **fields: Any) -> Revised:
    specs = await driver.store.load_dag_specs([run.dag_version_id])
    clearing = replace(Clearing(specs=specs, choice=choice), **fields)
    return await driver.store.revise_dag_runs([run.id], partial(clear_dag_runs, clearing=clearing), driver.now)


async def mark(driver: Driver, run: DagRunRow, task_id: str, state: S) -> Revised:
    specs = await driver.store.load_dag_specs([run.dag_version_id])
    below = Relatives(specs[run.dag_version_id]).choice(ChoiceRequest(markers=(task_id,), include_downstream=True))
    marking = Marking(
        state=state,
        choice={task_id: None},
        cleared=Clearing(specs=specs, choice=below, left_out={task_id: None}, only_failed=True),
    )
    return await driver.store.revise_dag_runs([run.id], partial(mark_task_instances, marking=marking), driver.now)


async def mark_run(driver: Driver, run: DagRunRow, state: DagRunState) -> Revised:
    specs = await driver.store.load_dag_specs([run.dag_version_id])

    def rule(runs: Sequence[LoadedRun]) -> Sequence[RunRevision]:
        return [mark_dag_run(each, specs[run.dag_version_id], state) for each in runs]

    return await driver.store.revise_dag_runs([run.id], rule, driver.now)


async def loaded(driver: Driver, run: DagRunRow) -> LoadedRun:
    (found,) = await driver.store.read_dag_runs([run.id])
    return found


async def slots_used(driver: Driver) -> tuple[int, int]:
    capacity = await driver.store.load_capacity()
    return sum(pool.used for pool in capacity.pools), capacity.parallelism_used


async def test_a_cleared_attempt_that_runs_is_told_to_stop_and_its_end_makes_way_for_another_try(
    driver: Driver,
) -> None:
    run = await driver.started_run(TASK)
    attempt = await driver.running(run, retries=2)
    revised = await clear(driver, run)
    assert revised.holders == (AttemptHolder(attempt_id=attempt, worker_id=driver.worker_id),)
    id_ = TaskInstanceId(run.id, "task")
    assert ((await driver.row(id_)).state, await slots_used(driver)) == (S.RESTARTING, (1, 1))
    assert (await driver.beat(attempt)).kill == (attempt,)
    effects = EndEffectsRecord(skipped=(("task", -1),), map_length=3)
    answer = await driver.end(run, "task", attempt, xcoms=(("return_value", b"1"),), log=b"{}\n", effects=effects)
    row = await driver.row(id_)
    assert (answer.state, answer.skipped, answer.map_length) == (S.NONE, (), None)
    assert (row.state, row.try_number, row.max_tries, row.end_pending, row.skip_requested) == (
        S.NONE,
        1,
        2,
        True,
        False,
    )
    assert await driver.inside.xcoms(run.id) == {}
    assert await driver.inside.log(attempt) == b"{}\n"
    assert await driver.inside.history() == [(id_, 1, attempt)]
    assert (await driver.end(run, "task", attempt, effects=effects)).skipped == ()


async def test_a_cleared_attempt_in_the_queue_is_void_and_gives_its_slots_back(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.beat()
    (attempt,) = await driver.queue(run, "task", retries=2)
    revised = await clear(driver, run)
    assert (revised.holders, revised.freed_pools, revised.dag_ids) == ((), ("default_pool",), ("dag",))
    row = await driver.row(TaskInstanceId(run.id, "task"))
    assert (row.state, row.held_slots, row.max_tries, row.end_pending) == (S.NONE, 0, 3, True)
    assert await slots_used(driver) == (0, 0)
    assert (await driver.claim(run, "task", attempt)).verdict == "superseded"
    assert (
        await driver.end(run, "task", attempt, outcome=Outcome.FAILED, cause=EndCause.NOT_STARTED)
    ).verdict == "superseded"
    assert await driver.store.recount_slots() == {}


async def test_a_finished_run_is_queued_again_and_starts_under_a_new_epoch(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    attempt = await driver.running(run, retries=2)
    await driver.end(run, "task", attempt)
    await mark_run(driver, run, DagRunState.FAILED)
    assert (await loaded(driver, run)).run.state is DagRunState.FAILED
    await clear(driver, run)
    after = await loaded(driver, run)
    (row,) = after.task_instances
    assert (after.run.state, after.run.start_date, after.run.revision) == (DagRunState.QUEUED, None, run.revision + 2)
    assert (row.state, row.try_number, row.max_tries, row.end_pending) == (S.NONE, 1, 3, False)
    assert await driver.inside.history() == [(row.id, 1, attempt)]
    assert await driver.store.start_dag_runs(driver.scheduler_id, ["dag"], driver.now, 10) == [run.id]
    assert (await driver.run(run.id)).owner_epoch == run.owner_epoch + 1


async def test_whoever_decided_before_a_person_changed_the_run_is_refused(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.beat()
    (attempt,) = await driver.queue(run, "task")
    await clear(driver, run)
    id_ = TaskInstanceId(run.id, "task")
    result = await driver.commit(run, change(id_, S.QUEUED, S.SKIPPED, attempt))
    assert result == StaleRuns((run.id,))
    again = driver.new_id()
    anew = queued(id_, again, expected_attempt_id=attempt, try_number=2)
    assert isinstance(await driver.commit(await driver.run(run.id), anew), Committed)
    assert (await driver.claim(run, "task", again)).verdict == "done"


async def test_a_sweep_finds_a_run_whose_owner_was_not_told(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    attempt = await driver.running(run)
    await driver.end(run, "task", attempt, outcome=Outcome.FAILED, cause=EndCause.USER_ERROR)
    await mark(driver, run, "task", S.SUCCESS)
    at = driver.now
    await driver.tick(3)
    assert await driver.store.pending_dag_runs(driver.scheduler_id, at) == []
    assert await driver.store.pending_dag_runs(driver.scheduler_id, driver.now) == [run.id]


async def test_a_mark_closes_the_attempt_that_runs(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    attempt = await driver.running(run)
    revised = await mark(driver, run, "task", S.SUCCESS)
    assert revised.holders == (AttemptHolder(attempt_id=attempt, worker_id=driver.worker_id),)
    assert await slots_used(driver) == (0, 0)
    assert (await driver.beat(attempt)).kill == (attempt,)
    answer = await driver.end(run, "task", attempt, outcome=Outcome.FAILED, xcoms=(("return_value", b"1"),))
    assert (answer.verdict, await driver.inside.xcoms(run.id)) == ("superseded", {})
    assert (await driver.row(TaskInstanceId(run.id, "task"))).state is S.SUCCESS


async def test_a_mark_clears_the_failures_below_and_the_run_goes_on(driver: Driver) -> None:
    spec = dag(task("task"), task("below", "task"), task("aside"))
    run = await driver.started_run(*spec.tasks)
    await driver.queue(run, "task", "below", "aside")
    await mark(driver, run, "below", S.FAILED)
    await mark(driver, run, "aside", S.FAILED)
    await mark_run(driver, run, DagRunState.FAILED)
    revised = await mark(driver, run, "task", S.SUCCESS)
    after = await loaded(driver, run)
    assert {row.id.task_id: row.state for row in after.task_instances} == {
        "task": S.SUCCESS,
        "below": S.NONE,
        "aside": S.FAILED,
    }
    assert (after.run.state, revised.dag_ids) == (DagRunState.QUEUED, ("dag",))


async def test_a_mark_that_says_nothing_new_changes_nothing(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.running(run)
    await mark(driver, run, "task", S.FAILED)
    before = await loaded(driver, run)
    assert await mark(driver, run, "task", S.FAILED) == Revised()
    assert await loaded(driver, run) == before


async def test_a_run_that_is_marked_ends_what_runs_and_skips_what_has_not_begun(driver: Driver) -> None:
    run = await driver.started_run(TaskSpec(task_id="task"), TaskSpec(task_id="waits"))
    attempt = await driver.running(run)
    await driver.queue(run, "waits")
    revised = await mark_run(driver, run, DagRunState.SUCCESS)
    assert [holder.attempt_id for holder in revised.holders] == [attempt]
    after = await loaded(driver, run)
    assert [(row.id.task_id, row.state) for row in after.task_instances] == [("task", S.SUCCESS), ("waits", S.SKIPPED)]
    assert (after.run.state, await slots_used(driver)) == (DagRunState.SUCCESS, (0, 0))
    assert await driver.store.load_dag_runs(driver.scheduler_id, [run.id]) == []


async def test_a_run_that_has_not_started_gets_its_rows_when_it_is_marked(driver: Driver) -> None:
    await driver.write_dag(TaskSpec(task_id="a"), TaskSpec(task_id="b"))
    number = await driver.inside.create_dag_run("dag", "run", driver.now)
    (before,) = await driver.store.read_dag_runs([number])
    await mark_run(driver, before.run, DagRunState.FAILED)
    after = await loaded(driver, before.run)
    assert [(row.id.task_id, row.state) for row in after.task_instances] == [("a", S.SKIPPED), ("b", S.SKIPPED)]
    await clear(driver, before.run)
    assert {row.state for row in (await loaded(driver, before.run)).task_instances} == {S.NONE}


async def test_a_run_moves_to_a_version_without_one_of_its_tasks(driver: Driver) -> None:
    run = await driver.started_run(TASK, TaskSpec(task_id="gone"))
    await driver.beat()
    attempts = await driver.queue(run, "task", "gone")
    assert (await driver.claim(run, "gone", attempts[1])).verdict == "done"
    await driver.write_dag(replace(TASK, pool="other", queue="far"), TaskSpec(task_id="new"))
    latest = await driver.next_run(run_id="second")
    specs = await driver.store.load_dag_specs([run.dag_version_id, latest.dag_version_id])
    revised = await clear(driver, run, {"task": None}, specs=specs, latest_version_id=latest.dag_version_id)
    assert [holder.attempt_id for holder in revised.holders] == [attempts[1]]
    after = await loaded(driver, run)
    assert {row.id.task_id: row.state for row in after.task_instances} == {"task": S.NONE, "gone": S.REMOVED}
    assert after.run.dag_version_id == latest.dag_version_id
    assert await slots_used(driver) == (0, 0)


async def test_an_error_of_the_rule_writes_nothing(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.running(run)
    before = await loaded(driver, run)
    with pytest.raises(RunningTask, match="running"):
        await clear(driver, run, spares_running=True)
    with pytest.raises(Conflict, match="meanwhile"):
        await clear(driver, run, specs={})
    assert await loaded(driver, run) == before


async def test_two_people_clear_at_once_and_the_attempt_ends_meanwhile(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    attempt = await driver.running(run, retries=2)
    async with asyncio.TaskGroup() as group:
        for name in ("one", "two"):
            group.create_task(clear(driver, run), name=name)
        group.create_task(driver.end(run, "task", attempt), name="end")
    row = await driver.row(TaskInstanceId(run.id, "task"))
    assert (row.state, row.try_number) == (S.NONE, 1)
    assert (await loaded(driver, run)).run.revision == run.revision + 2
    assert await driver.store.recount_slots() == {}
    assert await driver.inside.history() == [(row.id, 1, attempt)]


async def test_a_mark_and_a_claim_at_once_leave_a_mark(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await driver.beat()
    (attempt,) = await driver.queue(run, "task")
    async with asyncio.TaskGroup() as group:
        marked = group.create_task(mark(driver, run, "task", S.FAILED), name="mark")
        claimed = group.create_task(driver.claim(run, "task", attempt), name="claim")
    was_running = claimed.result().verdict == "done"
    assert bool(marked.result().holders) is was_running
    assert (await driver.row(TaskInstanceId(run.id, "task"))).state is S.FAILED
    assert await slots_used(driver) == (0, 0)


async def test_a_deferred_task_that_is_cleared_waits_for_its_trigger_no_more(driver: Driver) -> None:
    run = await driver.started_run(TASK)
    await deferred(driver, run)
    (waiting,) = await taken(driver)
    await clear(driver, run)
    assert await driver.store.keep_triggers(FIRST) == []
    (answer,) = await driver.store.fire_triggers([resumed(waiting.id, b"{}", b"1")], driver.now)
    assert answer.verdict == "superseded"
    row = await driver.row(TaskInstanceId(run.id, "task"))
    assert (row.state, row.is_resuming, row.try_number) == (S.NONE, False, 1)
