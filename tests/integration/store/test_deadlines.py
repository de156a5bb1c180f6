"""When runs should be over: on both stores."""

from datetime import timedelta
from typing import Any

import pytest

from tests.store_driver import Driver, guard_of
from tradewind.core.dag_requests import RequestKind
from tradewind.core.deadlines import RunDeadlines, run_deadlines
from tradewind.core.rows import DagRunRow
from tradewind.core.spec import DeadlineSpec
from tradewind.core.states import DagRunState

HOUR = timedelta(hours=1)
FROM_QUEUED = DeadlineSpec(reference="dagrun_queued_at", interval_seconds=3600.0)
FROM_AVERAGE = DeadlineSpec(reference="average_runtime", interval_seconds=60.0, data={"max_runs": 2, "min_runs": 2})


async def started(driver: Driver, *deadlines: DeadlineSpec, **fields: Any) -> DagRunRow:
    return await driver.started_run(deadlines=deadlines or (FROM_QUEUED,), **fields)


async def end(driver: Driver, run: DagRunRow, state: DagRunState = DagRunState.SUCCESS) -> None:
    guard = guard_of(run, state=state, end_date=driver.now)
    assert type(await driver.commit(run, guard=guard)).__name__ == "Committed"


async def set_deadlines(driver: Driver, run: DagRunRow, *offsets: timedelta) -> None:
    due = tuple((place, driver.now + offset) for place, offset in enumerate(offsets))
    await driver.store.set_deadlines([RunDeadlines(dag_run_id=run.id, due=due)], driver.now)


async def missed(driver: Driver) -> list[str | None]:
    """The reasons of the callbacks that were requested."""
    count = await driver.store.miss_deadlines(driver.now, 10)
    requests = await driver.store.take_dag_requests(driver.now, 24 * HOUR, 10)
    assert [request.kind for request in requests] == [RequestKind.DEADLINE] * count
    return [request.reason for request in requests]


async def test_only_dags_with_deadlines_are_asked_about_and_once(driver: Driver) -> None:
    await driver.started_run(dag_id="without")
    run = await started(driver)
    (found,) = await driver.store.runs_without_deadlines(10)
    assert (found.dag_run_id, found.queued_at, found.durations) == (run.id, driver.now, ())
    await set_deadlines(driver, run, HOUR)
    assert await driver.store.runs_without_deadlines(10) == []
    await set_deadlines(driver, run, -HOUR)
    assert await missed(driver) == []


async def test_a_run_that_is_not_over_misses_it_once(driver: Driver) -> None:
    run = await started(driver)
    await set_deadlines(driver, run, HOUR, 3 * HOUR)
    driver.now += HOUR
    assert await missed(driver) == ["0 2030-01-01T13:00:00.000000+00:00"]
    driver.now += HOUR
    assert await missed(driver) == []


@pytest.mark.parametrize(
    ("state", "after", "is_missed"),
    [
        (DagRunState.SUCCESS, HOUR / 2, False),
        (DagRunState.SUCCESS, HOUR * 2, True),
        (DagRunState.FAILED, HOUR / 2, True),
    ],
)
async def test_only_a_run_that_ended_well_before_has_met_it(
    driver: Driver, state: DagRunState, after: timedelta, is_missed: bool
) -> None:
    run = await started(driver)
    await set_deadlines(driver, run, HOUR)
    driver.now += after
    await end(driver, run, state)
    driver.now += 2 * HOUR
    assert bool(await missed(driver)) is is_missed


async def test_averages_are_of_the_latest_runs(driver: Driver) -> None:
    spec = await driver.write_dag(deadlines=(FROM_AVERAGE, FROM_QUEUED))
    for minutes in (10, 20):
        run = await driver.next_run(run_id=f"run_{minutes}")
        driver.now += timedelta(minutes=minutes)
        await end(driver, run)
    run = await driver.next_run(run_id="third")
    (found,) = await driver.store.runs_without_deadlines(10)
    assert sorted(found.durations) == [600.0, 1200.0]
    offsets = [(place, at - driver.now) for place, at in run_deadlines(found, spec, {}).due]
    assert offsets == [(0, timedelta(minutes=16)), (1, HOUR)]
    assert run.id == found.dag_run_id


async def test_variables_are_read_as_they_are_kept(driver: Driver) -> None:
    await driver.inside.set_variable("a", b"1")
    await driver.inside.set_variable("b", b"2")
    assert await driver.store.variable_values(["a", "none"]) == {"a": b"1"}
