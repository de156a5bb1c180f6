"""Our timetables against Airflow's own, for the schedules and situations of `tests/oracle/timetables.json`."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import pytest

from tests.oracle.timetables import FACTS
from tradewind.core.spec import TimetableSpec
from tradewind.core.timetables.from_spec import timetable_of
from tradewind.core.timetables.partitions import CronPartition
from tradewind.core.timetables.values import DataInterval, NoSuchMoment, TimeRestriction

RUNS: Final = 4
NO_MOMENT: Final = "CroniterBadDateError"
DRAWS: Final[Sequence[Mapping[str, Any]]] = json.loads(FACTS.read_text())["draws"]
KINDS: Final = sorted({draw["kind"] for draw in DRAWS})
LEAST_COMPARED: Final = 0.97


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_runs_follow_each_other(kind: str) -> None:
    draws = [draw for draw in DRAWS if draw["kind"] == kind]
    compared = [draw for draw in draws if kind != "continuous" or is_a_history(draw)]
    assert [draw for draw in compared if runs_of(draw) != draw["runs"]] == []
    assert len(compared) >= LEAST_COMPARED * len(draws) or kind == "continuous"
    assert compared


@pytest.mark.parametrize("kind", KINDS)
def test_manual_runs_are_about_the_same(kind: str) -> None:
    draws = [draw for draw in DRAWS if draw["kind"] == kind]
    assert [draw for draw in draws if manual_of(draw) != draw["manual"]] == []


def is_a_history(draw: Mapping[str, Any]) -> bool:
    """Whether Airflow's answers could be made into runs: with a clock that stands still, its continuous timetable says
    the logical date of the last run again, which no DAG may have twice."""
    runs = [run for run in draw["runs"] if run is not None]
    dates = [*([] if draw["last"] is None else [draw["last"][0]]), *(run[1] for run in runs)]
    return all(moment(date) < moment(after) for date, after in pairwise(dates))


def runs_of(draw: Mapping[str, Any]) -> list[object]:
    """As Airflow was asked."""
    timetable = timetable_of(TimetableSpec(kind=draw["kind"], data=draw["data"]))
    assert timetable is not None
    now = moment(draw["now"])
    earliest, latest = (None if draw[name] is None else moment(draw[name]) for name in ("earliest", "latest"))
    allowed = TimeRestriction(earliest=earliest, latest=latest, catchup=draw["catchup"])
    last = None if draw["last"] is None else DataInterval(*map(moment, draw["last"]))
    runs: list[object] = []
    while len(runs) < RUNS:
        try:
            run = timetable.next_run(last, allowed, now)
        except NoSuchMoment:
            return [*runs, NO_MOMENT]
        if run is None:
            return [*runs, None]
        ends = (None, None) if run.data_interval is None else map(as_text, run.data_interval)
        key = timetable.partition_of(run.run_after).key if isinstance(timetable, CronPartition) else None
        runs.append([as_text(run.run_after), *ends, key])
        last = run.data_interval or DataInterval(run.run_after, run.run_after)
        now += timedelta(seconds=draw["step"])
    return runs


def manual_of(draw: Mapping[str, Any]) -> object:
    timetable = timetable_of(TimetableSpec(kind=draw["kind"], data=draw["data"]))
    assert timetable is not None
    try:
        return [as_text(end) for end in timetable.manual_interval(moment(draw["now"]))]
    except NoSuchMoment:
        return NO_MOMENT


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def as_text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
