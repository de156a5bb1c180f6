"""The runs that come after one, for people."""

from datetime import UTC, datetime, timedelta

from tests.dag_specs import dag
from tradewind.core.spec import TimetableSpec
from tradewind.core.timetables.following import following_runs
from tradewind.core.timetables.values import NextRun

NOW = datetime(2024, 1, 10, tzinfo=UTC)
FIRST = NextRun.exactly(NOW)
DAILY = TimetableSpec(kind="cron_trigger", data={"expression": "0 0 * * *", "timezone": "UTC"})


def test_they_go_on_beyond_the_end_date() -> None:
    runs = following_runs(dag(timetable=DAILY, end_date=NOW), FIRST, 3, NOW)
    assert [run.run_after - NOW for run in runs] == [timedelta(days=days) for days in (0, 1, 2)]


def test_there_may_be_none_or_one() -> None:
    assert following_runs(dag(timetable=DAILY), None, 3, NOW) == []
    assert following_runs(dag(timetable=TimetableSpec(kind="once")), FIRST, 3, NOW) == [FIRST]
    assert following_runs(dag(timetable=TimetableSpec(kind="custom", data={})), FIRST, 3, NOW) == [FIRST]
    never = TimetableSpec(kind="cron_trigger", data={"expression": "0 0 30 2 *", "timezone": "UTC"})
    assert following_runs(dag(timetable=never), FIRST, 3, NOW) == [FIRST]


def test_runs_about_partitions_follow_each_other_by_when_they_are_due() -> None:
    data: dict[str, object] = {"expression": "@daily", "timezone": "UTC", "key_format": "%Y", "run_offset": -1}
    partitions = dag(timetable=TimetableSpec(kind="cron_partition", data=data))
    runs = following_runs(partitions, NextRun(NOW, None), 3, NOW)
    assert [run.run_after - NOW for run in runs] == [timedelta(days=days) for days in (0, 1, 2)]
