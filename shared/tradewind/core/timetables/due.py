"""Which runs of a DAG are to be made now."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tradewind.core.spec import DagSpec
from tradewind.core.timetables.from_spec import is_custom, next_run_of, partitions_of
from tradewind.core.timetables.partitions import CronPartition
from tradewind.core.timetables.run_ids import partition_run_id, run_id_of
from tradewind.core.timetables.values import DataInterval, NextRun, RunPartition

MISSED_AFTER: Final = timedelta(seconds=30)
"""A run overdue for this long (the DAG was paused, had no room, nobody scheduled) is asked for anew: the timetable says
by `now` and `catchup` whether it is still wanted."""

SCHEDULED: Final = "scheduled"


@dataclass(frozen=True, slots=True)
class RunsDue:
    """Runs to make, oldest first, and the one that is next after them (None = there is none)."""

    runs: tuple[NextRun, ...]
    following: NextRun | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDag:
    """A DAG whose next run is due, and that has room for it."""

    dag_id: str
    dag_version_id: UUID
    expected: NextRun
    last: DataInterval | None
    """What its last automated run was about."""
    room: int
    """How many more active runs it may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledRun:
    """A run to insert, in state `queued`."""

    run_id: str
    run: NextRun
    partition: RunPartition | None = None
    """Set: it has neither logical date nor data interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCreation:
    """What becomes of one DAG, if its next run and its version are still those that were seen."""

    dag_id: str
    dag_version_id: UUID
    expected_run_after: datetime
    runs: tuple[ScheduledRun, ...]
    following: NextRun | None
    asks_next: bool = False
    """The author's own class is to be asked for the following run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedRuns:
    """DAGs that were as they had been seen, and (dag_id, run_id) of the runs made."""

    dag_ids: tuple[str, ...]
    runs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NextRunTimes:
    """When to look again."""

    next_at: datetime | None
    """None = no DAG has a run to come."""
    is_due: bool
    """A DAG's next run is due already: it had no room."""


def run_creation(due: DueDag, spec: DagSpec, now: datetime, limit: int) -> RunCreation:
    """The DAG's due runs, at most `limit` and as many as there is room for. After a run of a custom timetable the
    author's class is to be asked for the next."""
    asks_next = is_custom(spec.timetable)
    if asks_next:
        found = RunsDue((due.expected,), None)
    else:
        found = runs_due(spec, due.expected, due.last, now, min(limit, due.room))
    partitions = partitions_of(spec.timetable)
    return RunCreation(
        dag_id=due.dag_id,
        dag_version_id=due.dag_version_id,
        expected_run_after=due.expected.run_after,
        runs=tuple(_scheduled(run, partitions) for run in found.runs),
        following=found.following,
        asks_next=asks_next,
    )


def _scheduled(run: NextRun, partitions: CronPartition | None) -> ScheduledRun:
    if partitions is None:
        return ScheduledRun(run_id=run_id_of(SCHEDULED, run.run_after), run=run)
    partition = partitions.partition_of(run.run_after)
    run_id = partition_run_id(SCHEDULED, run.run_after, partition.key)
    return ScheduledRun(run_id=run_id, run=run, partition=partition)


def runs_due(spec: DagSpec, expected: NextRun, last: DataInterval | None, now: datetime, limit: int) -> RunsDue:
    """What has come due since `expected`, which was the next run, at most `limit`; `last` is what the last automated
    run was about. Only of a built-in timetable."""
    run: NextRun | None = expected
    if expected.run_after <= now - MISSED_AFTER:
        run = next_run_of(spec, last, now)
    runs: list[NextRun] = []
    while run is not None and run.run_after <= now and len(runs) < limit:
        runs.append(run)
        made = run.data_interval or DataInterval(run.run_after, run.run_after)
        following = next_run_of(spec, made, now)
        is_later = following is not None and following.run_after > run.run_after
        run = following
        if not is_later:
            break
    return RunsDue(tuple(runs), run)
