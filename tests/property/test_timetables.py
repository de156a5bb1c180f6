"""What holds of every schedule, also where the clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.core.spec import DagSpec, TimetableSpec
from tradewind.core.timetables.cron import Cron
from tradewind.core.timetables.deltas import delta_as_json, delta_from_json
from tradewind.core.timetables.due import runs_due
from tradewind.core.timetables.from_spec import next_run_of, timetable_of
from tradewind.core.timetables.values import DataInterval, NextRun, TimeRestriction

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo"]
CHANGES = [datetime(2024, *day, tzinfo=UTC) for day in ((3, 31), (10, 27), (3, 10), (11, 3), (4, 6), (10, 5))]

minutes = st.sampled_from(["0", "30", "*/15", "59", "5,35"])
hours = st.sampled_from(["*", "2", "1-3", "*/2", "0", "23", "2,3"])
days = st.sampled_from(["* * *", "1 * *", "* * 0"])
zones = st.sampled_from(ZONES)
deltas = st.sampled_from([60.0, 3600.0, 86_400.0, 5400.5])


@st.composite
def expressions(draw: st.DrawFn) -> str:
    return f"{draw(minutes)} {draw(hours)} {draw(days)}"


@st.composite
def moments(draw: st.DrawFn) -> datetime:
    seconds = draw(st.one_of(st.integers(-200_000, 200_000), st.integers(-200, 200).map(_quarters)))
    return draw(st.sampled_from(CHANGES)) + timedelta(seconds=seconds)


def _quarters(count: int) -> int:
    return count * 900


@st.composite
def crons(draw: st.DrawFn) -> Cron:
    return Cron(draw(expressions()), ZoneInfo(draw(zones)))


@st.composite
def timetables(draw: st.DrawFn) -> TimetableSpec:
    kind = draw(st.sampled_from(["cron_trigger", "cron_data_interval", "delta_trigger", "delta_data_interval"]))
    if kind.startswith("cron"):
        data: dict[str, object] = {"expression": draw(expressions()), "timezone": draw(zones)}
    else:
        data = {"delta": draw(st.one_of(deltas, st.integers(1, 14).map(_months)))}
    if kind.endswith("trigger"):
        data["interval"] = draw(st.sampled_from([0, 3600]))
    return TimetableSpec(kind=kind, data=data)


def _months(count: int) -> dict[str, int]:
    return {"months": count}


@given(crons(), moments())
def test_time_moves_on_in_both_directions(cron: Cron, moment: datetime) -> None:
    assert cron.previous(moment) < moment < cron.next(moment)
    assert cron.at_or_before(moment) <= moment <= cron.at_or_after(moment)


@given(crons(), moments())
def test_next_and_previous_are_neighbours_where_the_clocks_do_not_change(cron: Cron, moment: datetime) -> None:
    following, before = cron.next(moment), cron.previous(moment)
    if len({_offset(cron, at) for at in (before, moment, following)}) == 1 and not _is_near_a_change(cron, moment):
        assert cron.previous(following) == cron.at_or_before(moment)
        assert cron.next(before) == cron.at_or_after(moment)
        assert cron.at_or_before(following) == following == cron.at_or_after(following)


def _offset(cron: Cron, moment: datetime) -> timedelta | None:
    return moment.astimezone(cron.zone).utcoffset()


def _is_near_a_change(cron: Cron, moment: datetime) -> bool:
    return _offset(cron, moment - timedelta(hours=3)) != _offset(cron, moment + timedelta(hours=3))


@settings(deadline=None)
@given(crons(), moments())
def test_a_schedule_of_every_hour_is_exactly_the_matching_wall_times(cron: Cron, moment: datetime) -> None:
    following = cron.next(moment)
    if cron.has_every_hour and following - moment <= timedelta(hours=4):
        clock = Cron(cron.expression, ZoneInfo("UTC"))

        def matches(at: datetime) -> bool:
            wall = at.astimezone(cron.zone).replace(tzinfo=UTC)
            return clock.at_or_after(wall) == wall

        assert matches(following)
        at = moment.replace(minute=moment.minute - moment.minute % 5, second=0) + timedelta(minutes=5)
        while at < following:
            assert not matches(at)
            at += timedelta(minutes=5)


@settings(max_examples=60)
@given(timetables(), moments(), st.booleans(), st.none() | moments(), st.none() | moments())
def test_runs_follow_each_other_and_keep_to_what_the_dag_allows(
    spec: TimetableSpec, now: datetime, catchup: bool, earliest: datetime | None, latest: datetime | None
) -> None:
    timetable = timetable_of(spec)
    assert timetable is not None
    restriction = TimeRestriction(earliest=earliest, latest=latest, catchup=catchup)
    last: DataInterval | None = None
    previous: NextRun | None = None
    for _ in range(6):
        run = timetable.next_run(last, restriction, now)
        if run is None:
            return
        assert run.data_interval is not None
        assert run.data_interval.start <= run.data_interval.end == run.run_after
        allowed = run.run_after if spec.kind.endswith("trigger") else run.data_interval.start
        assert earliest is None or allowed >= earliest
        assert latest is None or allowed <= latest
        if previous is not None:
            assert run.run_after > previous.run_after
            assert run.logical_date is not None
            assert previous.logical_date is not None
            assert run.logical_date > previous.logical_date
        previous, last = run, run.data_interval


@settings(max_examples=60)
@given(timetables(), moments(), st.booleans(), st.integers(1, 5), st.integers(0, 100_000))
def test_what_is_made_is_due_bounded_and_never_made_twice(
    spec: TimetableSpec, start: datetime, catchup: bool, limit: int, later_seconds: int
) -> None:
    dag = DagSpec(dag_id="d", relative_fileloc="d.py", timetable=spec, catchup=catchup, start_date=start)
    now, last = start, None
    expected = next_run_of(dag, None, now)
    made: list[datetime] = []
    for _ in range(4):
        if expected is None:
            break
        now += timedelta(seconds=later_seconds)
        due = runs_due(dag, expected, last, now, limit)
        assert len(due.runs) <= limit
        assert all(run.run_after <= now for run in due.runs)
        assert (
            len(due.runs) == limit
            or due.following is None
            or due.following.run_after > now
            or spec.kind == "delta_trigger"
        )
        made += [run.logical_date for run in due.runs if run.logical_date is not None]
        last = due.runs[-1].data_interval if due.runs else last
        expected = due.following
    assert made == sorted(set(made))


@given(moments(), st.integers(-3, 20), st.integers(-40, 40), st.sampled_from([None, [0, -1], [4, 2], [2, None]]))
def test_deltas_survive_the_spec(moment: datetime, months: int, days: int, weekday: list[int | None] | None) -> None:
    data: dict[str, object] = {"months": months, "days": days, "weekday": weekday, "hour": 3}
    delta = delta_from_json({name: value for name, value in data.items() if value is not None})
    assert moment + delta_from_json(delta_as_json(delta)) == moment + delta
