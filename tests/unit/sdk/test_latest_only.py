"""Which run of a schedule is its latest, as Airflow has it."""
# pyright: reportUnusedExpression=false
# (`a >> b` is an edge)

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tradewind.sdk import DAG
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.operators.latest_only import LatestOnlyOperator
from tradewind.sdk.timetables.interval import CronDataIntervalTimetable, DeltaDataIntervalTimetable
from tradewind.sdk.timetables.trigger import CronTriggerTimetable, DeltaTriggerTimetable

SCHEDULES: dict[str, Any] = {
    "preset": "@daily",
    "cron": CronTriggerTimetable("0 0 * * *", timezone="UTC"),
    "delta trigger": DeltaTriggerTimetable(timedelta(days=1)),
    "cron interval": CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    "delta interval": DeltaDataIntervalTimetable(timedelta(days=1)),
    "once": "@once",
    "none": None,
}
POINTS = ("preset", "cron", "delta trigger")
"""Their intervals have no length."""
DAYS = ("cron interval", "delta interval")
LAST = ("once", "none")
"""No run follows."""


def goes_on(schedule: str, first: int, last: int, run_type: str = "scheduled") -> bool:
    """Whether the run of an interval goes on whose bounds are so many days from the midnight before now."""
    with DAG("d", schedule=SCHEDULES[schedule], start_date=datetime(2021, 1, 1, tzinfo=UTC)):
        latest = LatestOnlyOperator(task_id="latest")
        latest >> EmptyOperator(task_id="behind")
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start, end = midnight + timedelta(days=first), midnight + timedelta(days=last)
    run = SimpleNamespace(
        run_type=run_type, data_interval_start=start, data_interval_end=end, logical_date=start, run_after=end
    )
    return latest.choose_branch({"dag_run": run}) == ["behind"]


@pytest.mark.parametrize(
    ("schedules", "first", "last", "expected"),
    [
        (POINTS, 0, 0, True),
        (POINTS, -1, -1, False),
        (POINTS, -5, -5, False),
        (DAYS, -1, 0, True),
        (DAYS, 0, 1, True),
        (DAYS, -2, -1, False),
        (DAYS, 1, 2, False),
        (LAST, -5, -5, True),
        (LAST, -5, -4, True),
    ],
)
def test_runs_of_a_schedule(schedules: tuple[str, ...], first: int, last: int, expected: bool) -> None:
    assert {schedule: goes_on(schedule, first, last) for schedule in schedules} == dict.fromkeys(schedules, expected)


@pytest.mark.parametrize(("run_type", "expected"), [("manual", True), ("backfill", False), ("asset_triggered", False)])
def test_old_runs_of_another_kind(run_type: str, expected: bool) -> None:
    assert goes_on("preset", -5, -5, run_type) is expected
