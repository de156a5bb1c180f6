"""Which runs of a DAG are to be made now."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tradewind.core.spec import DagSpec
from tradewind.core.timetables.from_spec import next_run_of
from tradewind.core.timetables.values import DataInterval, NextRun

MISSED_AFTER: Final = timedelta(seconds=30)
"""A run overdue for this long (the DAG was paused, had no room, nobody scheduled) is asked for anew: the timetable says
by `now` and `catchup` whether it is still wanted."""


@dataclass(frozen=True, slots=True)
class RunsDue:
    """Runs to make, oldest first, and the one that is next after them (None = there is none)."""

    runs: tuple[NextRun, ...]
    following: NextRun | None


def runs_due(spec: DagSpec, expected: NextRun, last: DataInterval | None, now: datetime, limit: int) -> RunsDue:
    """What has come due since `expected`, which was the next run, at most `limit`; `last` is what the last automated
    run was about. Only of a built-in timetable."""
    run: NextRun | None = expected
    if expected.run_after <= now - MISSED_AFTER:
        run = next_run_of(spec, last, now)
    runs: list[NextRun] = []
    while run is not None and run.run_after <= now and len(runs) < limit:
        runs.append(run)
        following = next_run_of(spec, run.data_interval, now)
        is_later = following is not None and following.run_after > run.run_after
        run = following
        if not is_later:
            break
    return RunsDue(tuple(runs), run)
