"""Marking: a person says how task instances, or whole runs, ended.

What runs is stopped by it. Failures downstream of what was marked are cleared, so that the run goes on from there; but
what a person wants marked stays as it was marked, also if it had failed before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from tradewind.core.clearing import Clearing, clear_dag_runs, new_task_ids, new_task_instance
from tradewind.core.instances import UNMAPPED
from tradewind.core.relatives import Choice, is_chosen
from tradewind.core.revisions import FINISHED_STATES, RevisedTaskInstance, RunRevision
from tradewind.core.rows import LoadedRun, TaskInstanceId, TaskInstanceRow
from tradewind.core.spec import DagSpec
from tradewind.core.states import DagRunState, TaskInstanceState
from tradewind.core.transitions import Actor, DagRunEvent, Event, next_dag_run_state, next_state

_S: Final = TaskInstanceState

_MARKS: Final = {
    _S.SUCCESS: Event.MARKED_SUCCESS,
    _S.FAILED: Event.MARKED_FAILED,
    _S.SKIPPED: Event.MARKED_SKIPPED,
}

_RUN_MARKS: Final = {
    DagRunState.SUCCESS: (DagRunEvent.MARKED_SUCCESS, Event.MARKED_SUCCESS),
    DagRunState.FAILED: (DagRunEvent.MARKED_FAILED, Event.MARKED_FAILED),
}

_BEGUN_STATES: Final = (_S.RUNNING, _S.DEFERRED, _S.UP_FOR_RESCHEDULE, _S.AWAITING_INPUT)
"""When a run is marked, these end like the run; what has not begun is skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marking:
    """What a person says of task instances."""

    state: TaskInstanceState
    """`success`, `failed` or `skipped`."""
    choice: Choice
    """The instances that are marked."""
    cleared: Clearing
    """Its choice: what is cleared if it failed, the marked tasks themselves left out."""


def marked_rows(runs: Sequence[LoadedRun], marking: Marking) -> list[TaskInstanceRow]:
    """The rows that the mark changes, in key order."""
    return [row for run in runs for row in run.task_instances if _is_marked(row, marking)]


def _is_marked(row: TaskInstanceRow, marking: Marking) -> bool:
    if row.state in (marking.state, _S.REMOVED):
        return False
    return is_chosen(marking.choice, row.id.task_id, row.id.map_index)


def mark_task_instances(runs: Sequence[LoadedRun], marking: Marking) -> tuple[RunRevision, ...]:
    """What becomes of these runs; nothing if all that is meant is in this state already."""
    if not marked_rows(runs, marking):
        return ()
    revisions = (_marked_run(run, marking) for run in runs)
    return tuple(revision for revision in revisions if revision is not None)


def _marked_run(run: LoadedRun, marking: Marking) -> RunRevision | None:
    marked = {row.id: row for row in run.task_instances if _is_marked(row, marking)}
    others = (row for row in run.task_instances if not is_chosen(marking.choice, row.id.task_id, row.id.map_index))
    rest = replace(run, task_instances=tuple(others))
    (cleared,) = clear_dag_runs([rest], marking.cleared) or (None,)
    if not marked:
        return cleared
    revision = cleared or RunRevision(dag_run_id=run.run.id)
    is_running = run.run.state is DagRunState.RUNNING
    ended = [_ended(row, _MARKS[marking.state], is_running=is_running) for row in marked.values()]
    entries = sorted((*revision.task_instances, *ended), key=lambda each: each.id)
    return replace(revision, task_instances=tuple(entries))


def _ended(row: TaskInstanceRow, event: Event, *, is_running: bool) -> RevisedTaskInstance:
    return RevisedTaskInstance(
        id=row.id,
        state=next_state(row.state, event, Actor.API),
        max_tries=row.max_tries,
        skip_requested=row.skip_requested,
        voids=True,
        finishes=True,
        end_pending=is_running,
    )


def mark_dag_run(loaded: LoadedRun, spec: DagSpec, state: DagRunState) -> RunRevision:
    """The run as if it had ended so: what has begun ends like it, what has not is skipped. Teardowns that are not over
    still run, and the run ends after them. `queued`: the run starts again, its task instances stay as they are."""
    run = loaded.run
    if state is DagRunState.QUEUED:
        return RunRevision(dag_run_id=run.id, state=next_dag_run_state(run.state, DagRunEvent.CLEARED, Actor.API))
    run_event, event = _RUN_MARKS[state]
    created = _missing_rows(loaded, spec)
    rows = sorted((*loaded.task_instances, *(TaskInstanceRow(id=id_) for id_ in created)), key=lambda row: row.id)
    teardowns = {task.task_id: None for task in spec.tasks if task.is_teardown}
    unfinished = [row for row in rows if row.state not in FINISHED_STATES]
    waits = any(row.id.task_id in teardowns for row in unfinished)
    ended = [
        _ended(
            row,
            event if row.state in _BEGUN_STATES else Event.MARKED_SKIPPED,
            is_running=waits and run.state is DagRunState.RUNNING,
        )
        for row in unfinished
        if row.id.task_id not in teardowns
    ]
    tasks = {task.task_id: task for task in spec.tasks}
    undecided = [] if waits else [_let_go(row) for row in rows if row.state in FINISHED_STATES and row.end_pending]
    return RunRevision(
        dag_run_id=run.id,
        state=None if waits else next_dag_run_state(run.state, run_event, Actor.API),
        created=tuple(new_task_instance(id_, tasks[id_.task_id]) for id_ in created),
        task_instances=tuple(sorted((*ended, *undecided), key=lambda each: each.id)),
    )


def _let_go(row: TaskInstanceRow) -> RevisedTaskInstance:
    """It has ended, and nobody will decide upon that any more: what it holds is given back."""
    return RevisedTaskInstance(
        id=row.id,
        state=row.state,
        max_tries=row.max_tries,
        skip_requested=row.skip_requested,
        voids=True,
        finishes=True,
    )


def _missing_rows(loaded: LoadedRun, spec: DagSpec) -> list[TaskInstanceId]:
    """A run that has not started has no rows yet."""
    return [TaskInstanceId(loaded.run.id, task_id, UNMAPPED) for task_id in new_task_ids(loaded, spec)]
