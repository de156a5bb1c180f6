"""Deadline alerts: when a run should be over."""

from collections.abc import Sequence
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


def run_deadlines(run: RunWithoutDeadlines, spec: DagSpec | None) -> RunDeadlines:
    """Alerts whose reference the run does not have (no logical date, too few runs) are left out."""
    found = [] if spec is None else [(n, _due_at(deadline, run)) for n, deadline in enumerate(spec.deadlines)]
    return RunDeadlines(dag_run_id=run.dag_run_id, due=tuple((n, at) for n, at in found if at is not None))


def _due_at(deadline: DeadlineSpec, run: RunWithoutDeadlines) -> datetime | None:
    base = _reference(deadline, run)
    return None if base is None else base + timedelta(seconds=deadline.interval_seconds)


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
