"""Deadline alerts: when a run should be over."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from tradewind.core.spec import DagSpec, DeadlineSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWithoutDeadlines:
    """A run of which nobody has said yet when it should be over."""

    dag_run_id: int
    dag_version_id: UUID
    queued_at: datetime
    logical_date: datetime | None
    durations: tuple[float, ...]
    """How long the DAG's latest finished runs took, in seconds, the latest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDeadlines:
    """When a run should be over: (place in the DAG's alerts, moment)."""

    dag_run_id: int
    due: tuple[tuple[int, datetime], ...]


def interval_variables(specs: Iterable[DagSpec]) -> list[str]:
    """The variables that say how long after its reference a deadline is."""
    keys = [each.interval_variable for spec in specs for each in spec.deadlines if each.interval_variable is not None]
    return sorted(dict.fromkeys(keys))


def seconds_of(text: str) -> int | None:
    """What such a variable says; None if that is no whole number."""
    try:
        return int(text)
    except ValueError:
        return None


def run_deadlines(run: RunWithoutDeadlines, spec: DagSpec | None, intervals: Mapping[str, int]) -> RunDeadlines:
    """Alerts whose reference the run does not have (no logical date, too few runs), or whose variable is not among
    `intervals` (key → seconds), are left out."""
    deadlines = () if spec is None else spec.deadlines
    found = [(place, _due_at(deadline, run, intervals)) for place, deadline in enumerate(deadlines)]
    return RunDeadlines(dag_run_id=run.dag_run_id, due=tuple((n, at) for n, at in found if at is not None))


def _due_at(deadline: DeadlineSpec, run: RunWithoutDeadlines, intervals: Mapping[str, int]) -> datetime | None:
    base, seconds = _reference(deadline, run), deadline.interval_seconds
    if deadline.interval_variable is not None:
        seconds = intervals.get(deadline.interval_variable)
    return None if base is None or seconds is None else base + timedelta(seconds=seconds)


def _reference(deadline: DeadlineSpec, run: RunWithoutDeadlines) -> datetime | None:
    match deadline.reference:
        case "dagrun_logical_date":
            return run.logical_date
        case "dagrun_queued_at":
            return run.queued_at
        case "fixed_datetime":
            return datetime.fromisoformat(str(deadline.data["datetime"]))
        case "average_runtime":
            durations = run.durations[: cast("int", deadline.data["max_runs"])]
            average = _average(durations, cast("int", deadline.data["min_runs"]))
            return None if average is None else run.queued_at + timedelta(seconds=average)
        case _:
            return None


def _average(durations: Sequence[float], least: int) -> float | None:
    return sum(durations) / len(durations) if len(durations) >= max(least, 1) else None
