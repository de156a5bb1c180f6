"""Backfills: runs for the dates of a schedule that lie between two moments, with a limit of their own.

A date that has a run already gets none, unless the run may be processed again: then that run is cleared and becomes the
backfill's; a partition gets another run instead. A backfill is complete once none of its runs is queued or running.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Final

from tradewind.core.errors import DomainError
from tradewind.core.revisions import FINISHED_RUN_STATES
from tradewind.core.spec import DagSpec
from tradewind.core.states import DagRunState
from tradewind.core.timetables.from_spec import is_custom, timetable_of
from tradewind.core.timetables.partitions import CronPartition
from tradewind.core.timetables.run_ids import partition_run_id, run_id_of
from tradewind.core.timetables.values import DataInterval, NextRun, NoSuchMoment, TimeRestriction, Timetable

RUN_TYPE: Final = "backfill"
DATES_MAX: Final = 10_000
"""Runs of one backfill: a mistyped year does not make a million rows."""
UNPERIODIC: Final = ("once", "continuous")


class InvalidBackfill(DomainError):
    """The DAG or the request does not allow such a backfill; the text says why."""


class ReprocessBehavior(StrEnum):
    """Which runs that are there already are processed again."""

    NONE = "none"
    FAILED = "failed"
    COMPLETED = "completed"


class Left(StrEnum):
    """Why a date gets no run of the backfill."""

    IN_FLIGHT = "in flight"
    ALREADY_EXISTS = "already exists"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillRequest:
    """What is asked for; both dates are inclusive logical dates."""

    dag_id: str
    from_date: datetime
    to_date: datetime
    run_backwards: bool = False
    conf: Mapping[str, object] | None = None
    reprocess_behavior: ReprocessBehavior = ReprocessBehavior.NONE
    max_active_runs: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillDate:
    """One date of a backfill, and what becomes of it."""

    run: NextRun
    left: Left | None = None
    """Set: it gets no run."""
    clears: int | None = None
    """The run that is there and is processed again; None = a new one is made."""

    def run_id(self, backfill_id: int) -> str:
        """Of a new run."""
        partition = self.run.partition
        if partition is not None:
            return partition_run_id(RUN_TYPE, self.run.run_after, partition.key, backfill_id)
        return run_id_of(RUN_TYPE, self.run.run_after)


def check_backfill(spec: DagSpec, request: BackfillRequest, now: datetime) -> None:
    """Raises `InvalidBackfill`."""
    if request.from_date > request.to_date:
        raise InvalidBackfill(
            f"from_date ({request.from_date.isoformat()}) must not be after to_date ({request.to_date.isoformat()})."
        )
    if request.from_date >= now:
        raise InvalidBackfill("Backfill cannot be executed for future dates.")
    if request.max_active_runs < 1:
        raise InvalidBackfill(f"max_active_runs must be at least 1, not {request.max_active_runs}.")
    if not any(task.depends_on_past for task in spec.tasks):
        return
    if request.run_backwards:
        raise InvalidBackfill("Backfill cannot be run in reverse when the Dag has tasks where depends_on_past=True.")
    if request.reprocess_behavior is ReprocessBehavior.NONE:
        raise InvalidBackfill(
            "Dag has tasks for which depends_on_past=True. "
            "You must set reprocess behavior to reprocess completed or reprocess failed."
        )


def backfill_runs(spec: DagSpec, request: BackfillRequest, now: datetime) -> list[NextRun]:
    """The schedule's runs of these dates whose data intervals are over, or of these partitions, in the order in which
    they are to run; what an author's own class must be asked (`asks_author`) is not known here. Raises
    `InvalidBackfill` for a DAG without a period, and for too many."""
    timetable = None if spec.timetable is None else timetable_of(spec.timetable)
    if timetable is None or spec.timetable is None or spec.timetable.kind in UNPERIODIC:
        raise InvalidBackfill(f"{spec.dag_id} has a non-periodic schedule that does not support backfills")
    by_partition = isinstance(timetable, CronPartition)
    found = timetable.past_runs(request.from_date, request.to_date) if by_partition else _past(timetable, request, now)
    return in_order(list(islice(found, DATES_MAX + 1)), request)


def asks_author(spec: DagSpec) -> bool:
    """Whether the author's own class says which runs a backfill has."""
    return is_custom(spec.timetable) and spec.timetable_periodic


def in_order(runs: Sequence[NextRun], request: BackfillRequest) -> list[NextRun]:
    """The runs as they are to run; raises `InvalidBackfill` if they are too many."""
    if len(runs) > DATES_MAX:
        raise InvalidBackfill(f"the backfill of {request.dag_id} would make more than {DATES_MAX} runs")
    return list(runs[::-1] if request.run_backwards else runs)


def _past(timetable: Timetable, request: BackfillRequest, now: datetime) -> Iterator[NextRun]:
    restriction = TimeRestriction(earliest=request.from_date, latest=request.to_date, catchup=True)
    last: DataInterval | None = None
    while (run := _next(timetable, last, restriction, now)) is not None and run.run_after < now:
        yield run
        last = run.data_interval


def backfill_dates(
    runs: Sequence[NextRun], existing: Mapping[datetime, tuple[int, DagRunState]], behavior: ReprocessBehavior
) -> list[BackfillDate]:
    """What becomes of each date. `existing`: logical date, or moment of the partition → id and state of the latest run
    that is there."""
    return [_date(run, existing, behavior) for run in runs]


def _date(
    run: NextRun, existing: Mapping[datetime, tuple[int, DagRunState]], behavior: ReprocessBehavior
) -> BackfillDate:
    moment = run.partition.date if run.partition is not None else run.logical_date
    found = None if moment is None else existing.get(moment)
    if found is None:
        return BackfillDate(run=run)
    dag_run_id, state = found
    if state not in FINISHED_RUN_STATES:
        return BackfillDate(run=run, left=Left.IN_FLIGHT)
    again = (DagRunState.FAILED,) if behavior is ReprocessBehavior.FAILED else FINISHED_RUN_STATES
    if behavior is ReprocessBehavior.NONE or state not in again:
        return BackfillDate(run=run, left=Left.ALREADY_EXISTS)
    return BackfillDate(run=run, clears=None if run.partition is not None else dag_run_id)


def _next(
    timetable: Timetable, last: DataInterval | None, restriction: TimeRestriction, now: datetime
) -> NextRun | None:
    try:
        return timetable.next_run(last, restriction, now)
    except NoSuchMoment:
        return None
