"""Questions to authors' code: on both stores."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.store_driver import Driver, guard_of
from tradewind.core.dag_requests import DagRequest, NewDagRequest, RequestKind
from tradewind.core.rows import CommitResult, DagRunChange, DecisionBatch
from tradewind.core.spec import DagSpec, TaskSpec, TimetableSpec
from tradewind.core.states import DagRunState
from tradewind.core.timetables.due import run_creation
from tradewind.core.timetables.values import NextRun

CUSTOM = TimetableSpec(kind="custom", data={"class": "own.Own", "data": {}})
LEASE = timedelta(seconds=30)
RUN = NextRun.of_interval(datetime(2030, 1, 1, 11, tzinfo=UTC), datetime(2030, 1, 1, 12, tzinfo=UTC))


async def take(driver: Driver, limit: int = 10) -> list[DagRequest]:
    return list(await driver.store.take_dag_requests(driver.now, LEASE, limit))


async def write(driver: Driver, dag_id: str = "dag", **fields: Any) -> DagSpec:
    return await driver.write_dag(dag_id=dag_id, timetable=CUSTOM, **fields)


async def test_a_custom_timetable_is_asked_when_its_dag_is_parsed(driver: Driver) -> None:
    await write(driver)
    (request,) = await take(driver)
    assert (request.dag_id, request.kind, request.relative_fileloc) == ("dag", RequestKind.NEXT_RUN, "dag.py")
    assert (request.attempts, request.last, request.run) == (1, None, None)
    assert await driver.store.set_next_run(request, RUN)
    (due,) = await driver.store.due_dags(driver.now, 10)
    assert due.expected == RUN
    assert await take(driver) == []


async def test_after_each_run_it_is_asked_for_the_next(driver: Driver) -> None:
    spec = await write(driver)
    (first,) = await take(driver)
    await driver.store.set_next_run(first, RUN)
    (due,) = await driver.store.due_dags(driver.now, 10)
    created = await driver.store.create_scheduled_runs([run_creation(due, spec, driver.now, 10)], driver.now)
    assert created.runs == (("dag", "scheduled__2030-01-01T12:00:00+00:00"),)
    assert await driver.store.due_dags(driver.now, 10) == []
    (second,) = await take(driver)
    assert second.last == RUN.data_interval
    assert await driver.store.set_next_run(second, None)
    assert await driver.store.due_dags(driver.now, 10) == []


async def test_a_parse_makes_the_question_begin_anew_and_voids_answers_under_way(driver: Driver) -> None:
    await write(driver)
    (old,) = await take(driver)
    await write(driver, catchup=True)
    assert not await driver.store.set_next_run(old, RUN)
    assert await driver.store.due_dags(driver.now, 10) == []
    (new,) = await take(driver)
    assert (new.id, new.attempts) == (old.id, 1)
    assert await driver.store.set_next_run(new, RUN)


async def test_a_lease_keeps_others_away_until_it_is_over(driver: Driver) -> None:
    await write(driver)
    assert len(await take(driver)) == 1
    driver.now += LEASE - timedelta(seconds=1)
    assert await take(driver) == []
    driver.now += timedelta(seconds=2)
    (again,) = await take(driver)
    assert again.attempts == 2


async def test_two_dag_processors_share_what_there_is(driver: Driver) -> None:
    for number in range(6):
        await write(driver, dag_id=f"dag_{number}")
    taken = await asyncio.gather(*(take(driver, 3) for _ in range(2)))
    assert sorted(request.dag_id for each in taken for request in each) == [f"dag_{number}" for number in range(6)]


async def test_what_is_put_off_waits_and_comes_after_the_others(driver: Driver) -> None:
    await write(driver, dag_id="slow")
    (slow,) = await take(driver)
    await driver.store.postpone_dag_request(slow, driver.now + timedelta(minutes=1))
    await write(driver, dag_id="other")
    assert [request.dag_id for request in await take(driver)] == ["other"]
    driver.now += timedelta(minutes=1)
    assert [request.dag_id for request in await take(driver)] == ["slow", "other"]


async def test_a_run_that_ends_asks_for_its_callbacks_in_the_same_transaction(driver: Driver) -> None:
    run = await driver.started_run(TaskSpec(task_id="task"), run_id="r")
    request = NewDagRequest(dag_id="dag", kind=RequestKind.DAG_CALLBACK, dag_run_id=run.id, reason="success")
    stale = guard_of(run, state=DagRunState.SUCCESS, end_date=driver.now, expected_epoch=99)
    assert type(await end(driver, stale, request)).__name__ == "StaleRuns"
    assert await take(driver) == []
    guard = guard_of(run, state=DagRunState.SUCCESS, end_date=driver.now)
    assert type(await end(driver, guard, request)).__name__ == "Committed"
    (taken,) = await take(driver)
    assert (taken.kind, taken.reason) == (RequestKind.DAG_CALLBACK, "success")
    assert taken.run is not None
    assert (taken.run.run_id, taken.run.state, taken.run.end_date, taken.run.conf) == (
        "r",
        "success",
        driver.now,
        b"{}",
    )
    await driver.store.finish_dag_request(taken)
    driver.now += LEASE * 2
    assert await take(driver) == []


async def test_weights_of_a_run_are_kept_with_it_and_raise_its_revision(driver: Driver) -> None:
    run = await driver.started_run(TaskSpec(task_id="a"), TaskSpec(task_id="b"), run_id="r")
    await driver.running(run, "a")
    request = NewDagRequest(dag_id="dag", kind=RequestKind.RUN_WEIGHTS, dag_run_id=run.id)
    await end(driver, guard_of(run), request)
    (taken,) = await take(driver)
    assert taken.run is not None
    assert await driver.store.set_run_weights(taken, {"a": (30, 20)}) == run.id
    assert await driver.store.set_run_weights(taken, {"a": (1,)}) is None
    told = await driver.run(run.id)
    assert (told.try_weights, told.revision) == ({"a": (30, 20)}, run.revision + 1)
    late = guard_of(run, state=DagRunState.SUCCESS, end_date=driver.now)
    assert type(await end(driver, late, request)).__name__ == "StaleRuns"
    await end(driver, guard_of(told, state=DagRunState.SUCCESS, end_date=driver.now), request)
    (after,) = await take(driver)
    assert await driver.store.set_run_weights(after, {"a": (1,)}) is None
    driver.now += LEASE * 2
    assert await take(driver) == []


async def end(driver: Driver, guard: DagRunChange, request: NewDagRequest) -> CommitResult:
    batch = DecisionBatch(scheduler_id=driver.scheduler_id, now=driver.now, runs=(guard,), requests=(request,))
    return await driver.store.commit_decisions(batch)
