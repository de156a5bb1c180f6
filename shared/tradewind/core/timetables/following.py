"""The runs that a schedule makes after one of its runs, for people."""

from datetime import datetime

from tradewind.core.spec import DagSpec
from tradewind.core.timetables.from_spec import timetable_of
from tradewind.core.timetables.values import DataInterval, NextRun, NoSuchMoment, TimeRestriction

FREELY = TimeRestriction(earliest=None, latest=None, catchup=True)


def following_runs(spec: DagSpec, first: NextRun | None, count: int, now: datetime) -> list[NextRun]:
    """At most so many runs, from `first` on, whatever start date, end date and catchup say. Of a custom timetable only
    `first` is known."""
    timetable, runs, run = timetable_of(spec.timetable), list[NextRun](), first
    while run is not None and len(runs) < count:
        runs.append(run)
        if timetable is None:
            break
        try:
            run = timetable.next_run(run.data_interval or DataInterval(run.run_after, run.run_after), FREELY, now)
        except NoSuchMoment:
            break
    return runs
