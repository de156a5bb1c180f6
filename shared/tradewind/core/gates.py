"""What may keep a task from starting although its trigger rule would let it: the past, its own dates, its own limits.

`core.decide` asks these, and `core.explain` shows the same answers to people.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from tradewind.core.rows import DagRunRow
from tradewind.core.slots import TaskLimit
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.core.states import TaskInstanceState

BACKFILL: Final = "backfill"
"""The run type that pays no heed to the dates of its tasks."""

ACTIVE_STATES: Final = (
    TaskInstanceState.QUEUED,
    TaskInstanceState.RUNNING,
    TaskInstanceState.RESTARTING,
    TaskInstanceState.DEFERRED,
    TaskInstanceState.AWAITING_INPUT,
)
"""States that count towards a task's own limits: those that wait without a slot too."""

PAST_SUCCESS_STATES: Final = (TaskInstanceState.SUCCESS, TaskInstanceState.SKIPPED)
"""How a task, or what is downstream of it, must have ended in the run before for `depends_on_past` to let it start."""


class Gate(NamedTuple):
    """One condition of starting, with its numbers in words."""

    name: str
    is_open: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What a decision has to know that is not in the run."""

    past: Mapping[int, bool] = field(default_factory=dict[int, bool])
    """By place: whether the run before lets the task start. A place that is missing is asked for."""
    deferring_pools: Collection[str] = ()
    """Pools whose tasks keep their slots while they are deferred."""


class PastQuestion(NamedTuple):
    """What is to be known of a task with `depends_on_past`, of the run before its own."""

    dag_run_id: int
    task_id: str
    only_scheduled: bool
    """The run before is the latest that was not triggered by hand (of a DAG with `catchup`)."""
    downstream_task_ids: tuple[str, ...]
    """Those that must be done too; none without `wait_for_downstream`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The store's answer to a `PastQuestion`."""

    run_id: str | None = None
    """The run before; None = there is none."""
    logical_date: datetime | None = None
    """Its logical date."""
    found: int = 0
    """Instances of the task in it."""
    unsuccessful: int = 0
    """Those of them that did not end in success or a skip, or have not ended."""
    unsuccessful_downstream: int = 0
    """The same of the tasks downstream."""
    has_any_before: bool = False
    """An instance of the task exists in some run before, however far back."""
    is_first_of_backfill: bool = False


def past_question(run: DagRunRow, dag: DagSpec, task: TaskSpec) -> PastQuestion:
    """What to ask the store before `past_gate` can answer."""
    below = task.downstream_task_ids if task.wait_for_downstream else ()
    return PastQuestion(run.id, task.task_id, dag.catchup, below)


def past_gate(dag: DagSpec, task: TaskSpec, past: Past) -> Gate:
    """Whether `depends_on_past` and `wait_for_downstream` let the task start."""
    is_open, reason = _past(dag, task, past)
    return Gate("depends_on_past", is_open, reason)


def _past(dag: DagSpec, task: TaskSpec, past: Past) -> tuple[bool, str]:
    if not task.depends_on_past:
        return True, "the task does not depend on its past"
    if past.is_first_of_backfill:
        return True, "this is the first run of a backfill"
    if past.run_id is None:
        return True, "there is no run before this one"
    if _was_not_there_yet(dag, task, past):
        return True, f"the task begins later than the run before, {past.run_id!r}"
    if not past.found:
        if task.ignore_first_depends_on_past and not past.has_any_before:
            return True, "ignore_first_depends_on_past: this is the task's first instance"
        return False, f"the run before, {past.run_id!r}, has no instance of the task"
    if past.unsuccessful:
        return False, f"{past.unsuccessful} of {past.found} in the run before, {past.run_id!r}, not success or skipped"
    if past.unsuccessful_downstream:
        count = past.unsuccessful_downstream
        return False, f"wait_for_downstream: {count} task instances downstream of it in {past.run_id!r} not done"
    return True, f"it ended well in the run before, {past.run_id!r}"


def _was_not_there_yet(dag: DagSpec, task: TaskSpec, past: Past) -> bool:
    dates = task.start_date, past.logical_date
    return dag.catchup and dates[0] is not None and dates[1] is not None and dates[1] < dates[0]


def has_task(run: DagRunRow, task: TaskSpec) -> bool:
    """Whether the task is part of the run at all, by its `start_date` and `end_date`."""
    if run.logical_date is None or run.run_type == BACKFILL:
        return True
    has_begun = task.start_date is None or task.start_date <= run.logical_date
    return has_begun and (task.end_date is None or run.logical_date <= task.end_date)


def task_limits(dag_id: str, dag_run_id: int, task: TaskSpec) -> Mapping[TaskLimit, int]:
    """The task's own limits, with their sizes; those over all runs first."""
    limits: dict[TaskLimit, int] = {}
    if task.max_active_tis_per_dag is not None:
        limits[TaskLimit(dag_id, task.task_id)] = task.max_active_tis_per_dag
    if task.max_active_tis_per_dagrun is not None:
        limits[TaskLimit(dag_id, task.task_id, dag_run_id)] = task.max_active_tis_per_dagrun
    return limits
