"""Runs made by time: on both stores."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.store_driver import START, Driver, guard_of
from tradewind.core.rows import DagRunRow
from tradewind.core.spec import DagSpec, TimetableSpec
from tradewind.core.states import DagRunState
from tradewind.core.timetables.due import DueDag, NextRunTimes, RunCreation, run_creation

HOURLY = TimetableSpec(kind="cron_trigger", data={"expression": "0 * * * *", "timezone": "UTC"})
PERIODS = TimetableSpec(kind="cron_data_interval", data={"expression": "0 * * * *", "timezone": "UTC"})
HOUR = timedelta(hours=1)


def at(hour: int, day: int = 1) -> datetime:
    """START is 12 o'clock of day 1."""
    return datetime(2030, 1, day, hour, tzinfo=UTC)


async def write(driver: Driver, dag_id: str = "dag", **fields: Any) -> DagSpec:
    values: dict[str, Any] = {"timetable": HOURLY, "start_date": START, "catchup": True} | fields
    return await driver.write_dag(dag_id=dag_id, **values)


async def due(driver: Driver, limit: int = 10) -> list[DueDag]:
    return list(await driver.store.due_dags(driver.now, limit))


async def creations(driver: Driver, *specs: DagSpec, limit: int = 10) -> list[RunCreation]:
    by_id = {spec.dag_id: spec for spec in specs}
    return [run_creation(dag, by_id[dag.dag_id], driver.now, limit) for dag in await due(driver)]


async def create(driver: Driver, *specs: DagSpec, limit: int = 10) -> list[str]:
    """The ids of the runs made."""
    made = await driver.store.create_scheduled_runs(await creations(driver, *specs, limit=limit), driver.now)
    return [run_id for _, run_id in made.runs]


async def start(driver: Driver, limit: int = 100) -> list[DagRunRow]:
    assert await driver.store.renew_scheduler(driver.scheduler_id, driver.now)
    started = await driver.store.start_dag_runs(driver.scheduler_id, None, driver.now, limit)
    return [loaded.run for loaded in await driver.store.load_dag_runs(driver.scheduler_id, started)]


async def test_a_parse_says_when_the_first_run_is_due(driver: Driver) -> None:
    await write(driver, timetable=PERIODS)
    assert await due(driver) == []
    assert await driver.store.next_run_times(driver.now) == NextRunTimes(next_at=at(13), is_due=False)
    driver.now = at(13)
    (dag,) = await due(driver)
    assert dag.expected.data_interval == (at(12), at(13))
    assert (dag.last, dag.room) == (None, 16)


async def test_runs_are_made_and_the_next_one_is_set(driver: Driver) -> None:
    spec = await write(driver, timetable=PERIODS)
    driver.now = at(13)
    assert await create(driver, spec) == ["scheduled__2030-01-01T13:00:00+00:00"]
    (run,) = await start(driver)
    assert (run.run_type, run.logical_date, run.run_after) == ("scheduled", at(12), at(13))
    assert await driver.store.next_run_times(driver.now) == NextRunTimes(next_at=at(14), is_due=False)
    driver.now = at(14)
    (dag,) = await due(driver)
    assert dag.last == (at(12), at(13))


async def test_what_was_missed_is_caught_up_as_far_as_there_is_room(driver: Driver) -> None:
    spec = await write(driver, max_active_runs=3)
    driver.now = at(20)
    assert await create(driver, spec, limit=2) == [f"scheduled__2030-01-01T{hour}:00:00+00:00" for hour in (12, 13)]
    assert await create(driver, spec, limit=2) == ["scheduled__2030-01-01T14:00:00+00:00"]
    assert await due(driver) == []
    assert await driver.store.next_run_times(driver.now) == NextRunTimes(next_at=None, is_due=True)


async def test_two_schedulers_make_each_run_once(driver: Driver) -> None:
    spec = await write(driver)
    driver.now = at(12)
    mine, yours = await creations(driver, spec), await creations(driver, spec)
    results = await asyncio.gather(*(driver.store.create_scheduled_runs(each, driver.now) for each in (mine, yours)))
    assert sorted(len(result.runs) for result in results) == [0, 1]
    assert sorted(len(result.dag_ids) for result in results) == [0, 1]


async def test_a_paused_dag_makes_no_runs_not_even_one_that_was_seen_before(driver: Driver) -> None:
    spec = await write(driver)
    seen = await creations(driver, spec)
    await driver.inside.pause("dag", is_paused=True)
    assert (await driver.store.create_scheduled_runs(seen, driver.now)).dag_ids == ()
    assert await due(driver) == []
    assert await driver.store.next_run_times(driver.now) == NextRunTimes(next_at=None, is_due=False)


async def test_a_dag_with_import_errors_or_left_its_file_makes_no_runs(driver: Driver) -> None:
    await write(driver)
    await driver.store.write_import_error("dag.py", "other", "no", driver.now)
    assert await due(driver) == []
    await write(driver)
    assert [dag.dag_id for dag in await due(driver)] == ["dag"]
    await driver.store.write_dag_file("dag.py", "third", [], driver.now)
    assert await due(driver) == []


async def test_a_run_made_by_hand_for_the_same_moment_is_passed_over(driver: Driver) -> None:
    spec = await write(driver)
    await driver.inside.create_dag_run("dag", "scheduled__2030-01-01T12:00:00+00:00", driver.now)
    assert await create(driver, spec) == []
    assert await driver.store.next_run_times(driver.now) == NextRunTimes(next_at=at(13), is_due=False)


async def test_a_changed_schedule_sets_the_next_run_anew_and_voids_what_was_seen(driver: Driver) -> None:
    spec = await write(driver)
    assert len(await create(driver, spec)) == 1
    driver.now = at(13)
    seen = await creations(driver, spec)
    nightly = replace(HOURLY, data={**HOURLY.data, "expression": "0 3 * * *"})
    await write(driver, timetable=nightly)
    assert (await driver.store.create_scheduled_runs(seen, driver.now)).dag_ids == ()
    assert await driver.store.next_run_times(driver.now) == NextRunTimes(next_at=at(3, day=2), is_due=False)
    await write(driver, timetable=None)
    assert await driver.store.next_run_times(driver.now) == NextRunTimes(next_at=None, is_due=False)


async def test_those_due_longest_come_first_and_those_without_room_do_not_count(driver: Driver) -> None:
    specs = [
        await write(driver, dag_id=dag_id, start_date=START - offset * HOUR, max_active_runs=1)
        for dag_id, offset in (("a", 1), ("b", 3), ("c", 2))
    ]
    assert [dag.dag_id for dag in await due(driver, limit=2)] == ["b", "c"]
    assert len(await create(driver, *specs)) == 3
    assert await due(driver) == []


async def test_an_ended_run_makes_room(driver: Driver) -> None:
    spec = await write(driver, max_active_runs=1)
    driver.now = at(14)
    assert len(await create(driver, spec)) == 1
    (run,) = await start(driver)
    assert await due(driver) == []
    guard = guard_of(run, state=DagRunState.SUCCESS, end_date=driver.now)
    assert type(await driver.commit(run, guard=guard)).__name__ == "Committed"
    assert await create(driver, spec) == ["scheduled__2030-01-01T13:00:00+00:00"]
