"""Which run is next, and what manual runs are about. Expected values are those of Airflow 3.3.2."""

from datetime import UTC, datetime

import pytest

from tradewind.core.spec import DagSpec, TaskSpec, TimetableSpec
from tradewind.core.timetables.due import runs_due
from tradewind.core.timetables.from_spec import is_custom, manual_interval_of, next_run_of, restriction_of, timetable_of
from tradewind.core.timetables.run_ids import run_id_of
from tradewind.core.timetables.values import DataInterval, NextRun, TimeRestriction

NOW = "2024-07-03T10:20"
DAILY = TimetableSpec(kind="cron_trigger", data={"expression": "@daily", "timezone": "UTC"})
DAILY_INTERVALS = TimetableSpec(kind="cron_data_interval", data={"expression": "@daily", "timezone": "UTC"})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def next_of(
    spec: TimetableSpec,
    *,
    last: tuple[str, str] | None = None,
    earliest: str | None = None,
    latest: str | None = None,
    catchup: bool = False,
    now: str = NOW,
) -> tuple[str, str] | None:
    """(logical date, run_after) of the next run, as far as they are not zero."""
    timetable = timetable_of(spec)
    assert timetable is not None
    run = timetable.next_run(
        None if last is None else DataInterval(at(last[0]), at(last[1])),
        TimeRestriction(
            earliest=at(earliest) if earliest else None, latest=at(latest) if latest else None, catchup=catchup
        ),
        at(now),
    )
    if run is None:
        return None
    assert run.logical_date is not None
    return (f"{run.logical_date:%m-%dT%H:%M}", f"{run.run_after:%m-%dT%H:%M}")


def test_without_catchup_a_trigger_starts_with_the_moment_just_gone() -> None:
    assert next_of(DAILY, earliest="2024-01-01") == ("07-03T00:00", "07-03T00:00")
    assert next_of(DAILY, earliest="2024-01-01", last=("2024-07-03", "2024-07-03")) == ("07-04T00:00", "07-04T00:00")


def test_with_catchup_it_starts_at_the_start_date() -> None:
    assert next_of(DAILY, earliest="2024-01-01T01:00", catchup=True) == ("01-02T00:00", "01-02T00:00")


def test_without_a_start_date_it_starts_with_what_comes_unless_the_last_moment_is_just_gone() -> None:
    assert next_of(DAILY) == ("07-04T00:00", "07-04T00:00")
    assert next_of(DAILY, now="2024-07-03T02:20") == ("07-03T00:00", "07-03T00:00")


@pytest.mark.parametrize(("immediately", "day"), [(True, "07-03"), (3600, "07-04"), (40_000, "07-03")])
def test_run_immediately_decides_about_the_moment_just_gone(immediately: object, day: str) -> None:
    spec = TimetableSpec(kind="cron_trigger", data={**DAILY.data, "run_immediately": immediately})
    assert next_of(spec) == (f"{day}T00:00", f"{day}T00:00")


def test_an_interval_reaches_back_from_the_moment() -> None:
    spec = TimetableSpec(kind="cron_trigger", data={**DAILY.data, "interval": 86_400})
    assert next_of(spec, earliest="2024-01-01") == ("07-02T00:00", "07-03T00:00")


def test_data_intervals_are_run_when_they_are_over() -> None:
    assert next_of(DAILY_INTERVALS, earliest="2024-01-01") == ("07-02T00:00", "07-03T00:00")
    assert next_of(DAILY_INTERVALS, earliest="2024-01-01", catchup=True) == ("01-01T00:00", "01-02T00:00")
    assert next_of(DAILY_INTERVALS, last=("2024-07-02", "2024-07-03")) == ("07-03T00:00", "07-04T00:00")
    assert next_of(DAILY_INTERVALS, catchup=True) is None


def test_the_end_date_is_inclusive() -> None:
    assert next_of(DAILY, earliest="2024-01-01", latest="2024-07-03") == ("07-03T00:00", "07-03T00:00")
    assert next_of(DAILY, earliest="2024-01-01", latest="2024-07-02T23:59") is None
    assert next_of(DAILY_INTERVALS, latest="2024-07-01") is None


def test_deltas_run_each_time_that_much_has_passed() -> None:
    trigger = TimetableSpec(kind="delta_trigger", data={"delta": 3600.0, "interval": 0})
    assert next_of(trigger, earliest="2024-01-01") == ("07-03T10:20", "07-03T10:20")
    assert next_of(trigger, earliest="2024-01-01", catchup=True) == ("01-01T00:00", "01-01T00:00")
    assert next_of(trigger, last=("2024-07-03T10:00", "2024-07-03T10:00")) == ("07-03T11:00", "07-03T11:00")
    periods = TimetableSpec(kind="delta_data_interval", data={"delta": 3600.0})
    assert next_of(periods, earliest="2024-01-01") == ("07-03T09:00", "07-03T10:00")


def test_months_step_from_the_start_date() -> None:
    monthly = TimetableSpec(kind="delta_data_interval", data={"delta": {"months": 1}})
    assert next_of(monthly, earliest="2024-01-31") == ("05-29T00:00", "06-29T00:00")
    assert next_of(monthly, earliest="2024-01-31", catchup=True) == ("01-31T00:00", "02-29T00:00")


def test_of_several_crons_the_one_due_last_without_catchup_and_first_with_it() -> None:
    spec = TimetableSpec(
        kind="multiple_cron_trigger", data={"expressions": ["0 9 * * *", "0 10 * * *"], "timezone": "UTC"}
    )
    assert next_of(spec, earliest="2024-07-01") == ("07-03T10:00", "07-03T10:00")
    assert next_of(spec, earliest="2024-07-01", catchup=True) == ("07-01T09:00", "07-01T09:00")
    assert next_of(spec, last=("2024-07-03T10:00", "2024-07-03T10:00")) == ("07-04T09:00", "07-04T09:00")


def test_events() -> None:
    dates = [f"2024-07-0{day}T00:00:00+00:00" for day in (2, 4, 6)]
    spec = TimetableSpec(kind="events", data={"dates": dates, "restrict_to_events": True})
    assert next_of(spec) == ("07-04T00:00", "07-04T00:00")
    assert next_of(spec, catchup=True) == ("07-02T00:00", "07-02T00:00")
    assert next_of(spec, last=("2024-07-04", "2024-07-04"), latest="2024-07-05") is None
    dag = DagSpec(dag_id="d", relative_fileloc="d.py", timetable=spec)
    for moment, event in (("2024-07-05", "2024-07-04"), ("2024-07-01", "2024-07-02"), ("2024-07-06", "2024-07-06")):
        assert manual_interval_of(dag, at(moment)) == DataInterval(at(event), at(event))


def test_once_is_once_missed_or_not() -> None:
    once = TimetableSpec(kind="once")
    assert next_of(once, earliest="2024-01-01") == ("01-01T00:00", "01-01T00:00")
    assert next_of(once) == ("07-03T10:20", "07-03T10:20")
    assert next_of(once, last=("2024-01-01", "2024-01-01")) is None


def test_continuous_runs_are_about_the_time_since_the_last_one() -> None:
    continuous = TimetableSpec(kind="continuous")
    assert next_of(continuous, earliest="2024-07-01") == ("07-01T00:00", "07-03T10:20")
    assert next_of(continuous, last=("2024-07-01", "2024-07-02")) == ("07-02T00:00", "07-03T10:20")
    assert next_of(continuous, last=("2024-07-04", "2024-07-05"), earliest="2024-07-06") == (
        "07-06T00:00",
        "07-07T00:00",
    )


def test_continuous_runs_never_share_a_date_even_if_the_clock_is_behind() -> None:
    timetable = timetable_of(TimetableSpec(kind="continuous"))
    assert timetable is not None
    last, dates = None, list[datetime]()
    for _ in range(4):
        run = timetable.next_run(last, TimeRestriction(earliest=at(NOW), latest=None, catchup=True), at(NOW))
        assert run is not None
        assert run.logical_date is not None
        dates.append(run.logical_date)
        last = run.data_interval
    assert dates == sorted(set(dates))


def test_manual_runs_are_about_the_latest_complete_period() -> None:
    dag = DagSpec(dag_id="d", relative_fileloc="d.py", timetable=DAILY_INTERVALS)
    assert manual_interval_of(dag, at(NOW)) == DataInterval(at("2024-07-02"), at("2024-07-03"))
    delta = DagSpec(
        dag_id="d", relative_fileloc="d.py", timetable=TimetableSpec(kind="delta_data_interval", data={"delta": 60})
    )
    assert manual_interval_of(delta, at(NOW)) == DataInterval(at("2024-07-03T10:19"), at(NOW))
    assert manual_interval_of(DagSpec(dag_id="d", relative_fileloc="d.py"), at(NOW)) == DataInterval(at(NOW), at(NOW))


def test_tasks_widen_what_the_dag_allows() -> None:
    tasks = (
        TaskSpec(task_id="a", start_date=at("2024-01-02"), end_date=at("2024-02-01")),
        TaskSpec(task_id="b", start_date=at("2024-01-01"), end_date=at("2024-03-01")),
    )
    dag = DagSpec(dag_id="d", relative_fileloc="d.py", tasks=tasks, start_date=at("2024-01-03"))
    expected = TimeRestriction(earliest=at("2024-01-01"), latest=at("2024-03-01"), catchup=False)
    assert restriction_of(dag) == expected
    assert restriction_of(DagSpec(dag_id="d", relative_fileloc="d.py", tasks=(TaskSpec(task_id="a"),))) == (
        TimeRestriction(earliest=None, latest=None, catchup=False)
    )


def test_a_schedule_that_never_comes_makes_no_runs() -> None:
    never = TimetableSpec(kind="cron_trigger", data={"expression": "0 0 30 2 *", "timezone": "UTC"})
    dag = DagSpec(dag_id="d", relative_fileloc="d.py", timetable=never)
    assert next_run_of(dag, None, at(NOW)) is None
    assert manual_interval_of(dag, at(NOW)) == DataInterval(at(NOW), at(NOW))


def test_custom_and_asset_timetables() -> None:
    custom = TimetableSpec(kind="custom", data={"class": "x.Y"})
    both = TimetableSpec(kind="asset_or_time", data={"timetable": {"kind": DAILY.kind, "data": DAILY.data}})
    assert is_custom(custom)
    assert timetable_of(custom) is None
    assert timetable_of(TimetableSpec(kind="assets")) is None
    assert timetable_of(both) == timetable_of(DAILY)


def _dag(*, catchup: bool) -> DagSpec:
    return DagSpec(dag_id="d", relative_fileloc="d.py", timetable=DAILY, catchup=catchup, start_date=at("2024-06-01"))


def test_what_was_missed_is_caught_up_in_order_and_bounded() -> None:
    expected = NextRun.exactly(at("2024-06-20"))
    due = runs_due(_dag(catchup=True), expected, DataInterval(at("2024-06-19"), at("2024-06-19")), at(NOW), 3)
    assert [run.run_after.day for run in due.runs] == [20, 21, 22]
    assert due.following == NextRun.exactly(at("2024-06-23"))


def test_what_was_missed_is_left_out_without_catchup() -> None:
    due = runs_due(_dag(catchup=False), NextRun.exactly(at("2024-06-20")), None, at(NOW), 3)
    assert due.runs == (NextRun.exactly(at("2024-07-03")),)
    assert due.following == NextRun.exactly(at("2024-07-04"))


def test_a_run_that_is_just_due_is_made_as_it_was_expected() -> None:
    now = at("2024-07-03T00:00:05")
    due = runs_due(_dag(catchup=False), NextRun.exactly(at("2024-07-03")), None, now, 3)
    assert due.runs == (NextRun.exactly(at("2024-07-03")),)


def test_nothing_is_made_before_it_is_due() -> None:
    expected = NextRun.exactly(at("2024-07-04"))
    due = runs_due(_dag(catchup=False), expected, None, at(NOW), 3)
    assert (due.runs, due.following) == ((), expected)


def test_run_ids_name_type_and_moment() -> None:
    assert run_id_of("scheduled", at("2024-07-03")) == "scheduled__2024-07-03T00:00:00+00:00"
