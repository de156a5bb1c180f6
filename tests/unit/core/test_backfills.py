"""Which dates a backfill has, and what becomes of each."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dag_specs import dag, task
from tradewind.core.backfills import (
    BackfillRequest,
    InvalidBackfill,
    Left,
    ReprocessBehavior,
    backfill_dates,
    backfill_runs,
    check_backfill,
)
from tradewind.core.spec import DagSpec, TimetableSpec
from tradewind.core.states import DagRunState
from tradewind.core.timetables.values import NextRun

NOW = datetime(2024, 1, 10, 12, tzinfo=UTC)
DAILY = TimetableSpec(kind="cron_trigger", data={"expression": "0 0 * * *", "timezone": "UTC"})
PERIODS = TimetableSpec(kind="cron_data_interval", data={"expression": "0 0 * * *", "timezone": "UTC"})


def day(number: int) -> datetime:
    return datetime(2024, 1, number, tzinfo=UTC)


def asked(first: int, last: int, **fields: Any) -> BackfillRequest:
    return BackfillRequest(dag_id="dag", from_date=day(first), to_date=day(last), **fields)


def days_of(spec: DagSpec, request: BackfillRequest) -> list[int]:
    return [run.logical_date.day for run in backfill_runs(spec, request, NOW) if run.logical_date is not None]


@pytest.mark.parametrize("timetable", [DAILY, PERIODS])
def test_both_dates_are_inclusive_and_the_dags_own_do_not_matter(timetable: TimetableSpec) -> None:
    spec = dag(timetable=timetable, start_date=day(9), end_date=day(9))
    assert days_of(spec, asked(2, 5)) == [2, 3, 4, 5]
    assert days_of(spec, asked(2, 5, run_backwards=True)) == [5, 4, 3, 2]


def test_what_is_not_over_is_left_out() -> None:
    assert days_of(dag(timetable=DAILY), asked(8, 20)) == [8, 9, 10]
    assert days_of(dag(timetable=PERIODS), asked(8, 20)) == [8, 9]


def test_partitions_lie_between_the_dates_on_the_crons_own_clock() -> None:
    data: dict[str, object] = {"expression": "0 */6 * * *", "timezone": "America/New_York", "key_format": "%dT%H"}
    spec = dag(timetable=TimetableSpec(kind="cron_partition", data={**data, "run_offset": -1}))
    request = asked(2, 3, run_backwards=True)
    keys = [run.partition.key for run in backfill_runs(spec, request, NOW) if run.partition is not None]
    assert keys == ["03T00", "02T18", "02T12", "02T06", "02T00"]
    assert backfill_runs(spec, asked(3, 3), NOW)[0].run_after == day(3) + timedelta(hours=5)


@pytest.mark.parametrize(
    ("timetable", "said"),
    [
        (None, "non-periodic"),
        (TimetableSpec(kind="once"), "non-periodic"),
        (TimetableSpec(kind="continuous"), "non-periodic"),
        (TimetableSpec(kind="custom", data={"class": "x.Y"}), "non-periodic"),
        (TimetableSpec(kind="delta_trigger", data={"delta": 1.0}), "more than 10000 runs"),
    ],
)
def test_schedules_that_cannot_be_backfilled(timetable: TimetableSpec | None, said: str) -> None:
    with pytest.raises(InvalidBackfill, match=said):
        backfill_runs(dag(timetable=timetable), asked(1, 9), NOW)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (asked(5, 4), "must not be after"),
        (asked(11, 12), "future dates"),
        (asked(1, 2, max_active_runs=0), "at least 1, not 0"),
        (asked(1, 2, run_backwards=True, reprocess_behavior=ReprocessBehavior.FAILED), "in reverse"),
        (asked(1, 2), "reprocess behavior"),
    ],
)
def test_requests_that_make_no_sense(request_: BackfillRequest, said: str) -> None:
    with pytest.raises(InvalidBackfill, match=said):
        check_backfill(dag(task("t", depends_on_past=True)), request_, NOW)


def test_a_request_that_makes_sense() -> None:
    check_backfill(dag(task("t")), asked(1, 20, run_backwards=True), NOW)
    check_backfill(dag(task("t", depends_on_past=True)), asked(1, 2, reprocess_behavior=ReprocessBehavior.FAILED), NOW)


@pytest.mark.parametrize(
    ("state", "behavior", "left", "clears"),
    [
        (None, ReprocessBehavior.NONE, None, None),
        (DagRunState.QUEUED, ReprocessBehavior.COMPLETED, Left.IN_FLIGHT, None),
        (DagRunState.RUNNING, ReprocessBehavior.FAILED, Left.IN_FLIGHT, None),
        (DagRunState.SUCCESS, ReprocessBehavior.NONE, Left.ALREADY_EXISTS, None),
        (DagRunState.FAILED, ReprocessBehavior.NONE, Left.ALREADY_EXISTS, None),
        (DagRunState.SUCCESS, ReprocessBehavior.FAILED, Left.ALREADY_EXISTS, None),
        (DagRunState.FAILED, ReprocessBehavior.FAILED, None, 7),
        (DagRunState.SUCCESS, ReprocessBehavior.COMPLETED, None, 7),
        (DagRunState.FAILED, ReprocessBehavior.COMPLETED, None, 7),
    ],
)
def test_what_becomes_of_a_date(
    state: DagRunState | None, behavior: ReprocessBehavior, left: Left | None, clears: int | None
) -> None:
    run = NextRun.exactly(day(1))
    existing = {} if state is None else {day(1): (7, state)}
    (date,) = backfill_dates([run], existing, behavior)
    assert (date.left, date.clears) == (left, clears)
    assert date.run_id(1) == "backfill__2024-01-01T00:00:00+00:00"


@given(st.integers(0, 40), st.integers(0, 40), st.booleans())
def test_dates_lie_between_and_follow_each_other(first: int, length: int, run_backwards: bool) -> None:
    start = day(1) + timedelta(hours=7 * first)
    request = BackfillRequest(
        dag_id="dag", from_date=start, to_date=start + timedelta(hours=11 * length), run_backwards=run_backwards
    )
    runs = backfill_runs(dag(timetable=PERIODS), request, NOW)
    dates = [run.logical_date for run in runs if run.logical_date is not None]
    assert dates == sorted(dates, reverse=run_backwards)
    assert len(dates) == len({*dates}) == len(runs)
    assert all(request.from_date <= date <= request.to_date for date in dates)
    assert all(run.run_after < NOW for run in runs)
