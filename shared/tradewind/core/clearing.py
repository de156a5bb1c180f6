"""Clearing: task instances are to run again, as if they had not.

Which are meant is a choice (`core.relatives`) and a filter by state. What runs is stopped first (`restarting`), what is
queued or waits gives up its attempt, everything else begins anew; a finished run is queued again. A run may move to
another version of its DAG on the way: what that version does not have is `removed`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from tradewind.core.errors import Conflict
from tradewind.core.gates import has_task
from tradewind.core.instances import UNMAPPED
from tradewind.core.relatives import Choice, Relatives, is_chosen
from tradewind.core.revisions import FINISHED_RUN_STATES, RevisedTaskInstance, RunRevision
from tradewind.core.rows import LoadedRun, NewTaskInstance, TaskInstanceId, TaskInstanceRow
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.core.states import DagRunState, TaskInstanceState
from tradewind.core.transitions import Actor, DagRunEvent, Event, next_dag_run_state, next_state

_S: Final = TaskInstanceState

FAILED_STATES: Final = (_S.FAILED, _S.UPSTREAM_FAILED)

_HELD_STATES: Final = (_S.RUNNING, _S.RESTARTING)

_WITHOUT_A_TRY: Final = (_S.NONE, _S.UP_FOR_RETRY, *_HELD_STATES, _S.REMOVED)
"""There is no try to be kept: it has not begun, stands in the history already, or has yet to end."""


class RunningTask(Conflict):
    """What was asked for would stop a task that runs, which was forbidden."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearing:
    """What a person wants cleared."""

    specs: Mapping[UUID, DagSpec]
    """Of every version that a run is on or moves to."""
    choice: Choice | None = None
    """None = all."""
    left_out: Choice = field(default_factory=dict[str, tuple[int, ...] | None])
    only_failed: bool = False
    only_running: bool = False
    resets_dag_runs: bool = True
    latest_version_id: UUID | None = None
    """Runs move to this version; None = each stays on its own."""
    adds_new: bool = False
    """Only what the latest version has and the run has not is to run: nothing that is there is cleared."""
    spares_running: bool = False
    """Raise `RunningTask` rather than stop what runs."""


def clear_dag_runs(runs: Sequence[LoadedRun], clearing: Clearing) -> tuple[RunRevision, ...]:
    """What becomes of these runs; one in which nothing is meant stays as it is. Raises `RunningTask`, and `Conflict`
    for a run on a version that is not among the specs."""
    return tuple(revision for run in runs if (revision := _cleared_run(run, clearing)) is not None)


def cleared_rows(runs: Sequence[LoadedRun], clearing: Clearing) -> list[TaskInstanceRow]:
    """The rows that are meant, in key order."""
    return [row for run in runs for row in run.task_instances if is_meant(row, clearing)]


def is_meant(row: TaskInstanceRow, clearing: Clearing) -> bool:
    """Whether the row is to be cleared. What its DAG does not have any more never is."""
    _, task_id, map_index = row.id
    if clearing.adds_new or row.state is _S.REMOVED or not is_chosen(clearing.choice, task_id, map_index):
        return False
    if clearing.left_out and is_chosen(clearing.left_out, task_id, map_index):
        return False
    wanted = (*(FAILED_STATES if clearing.only_failed else ()), *((_S.RUNNING,) if clearing.only_running else ()))
    return not wanted or row.state in wanted


def _cleared_run(loaded: LoadedRun, clearing: Clearing) -> RunRevision | None:
    run = loaded.run
    meant = [row for row in loaded.task_instances if is_meant(row, clearing)]
    if clearing.spares_running and any(row.state is _S.RUNNING for row in meant):
        raise RunningTask("A task that is to be cleared is running, and running tasks are not to be stopped")
    version_id = run.dag_version_id if clearing.latest_version_id is None else clearing.latest_version_id
    spec = clearing.specs.get(version_id)
    if spec is None or run.dag_version_id not in clearing.specs:
        raise Conflict(f"The run {run.run_id!r} of the DAG {run.dag_id!r} was changed meanwhile: try again")
    if not meant and not _is_meant_without_rows(loaded, spec, clearing):
        return None
    state = _reset_state(run.state) if clearing.resets_dag_runs else None
    rows = _RunRows(loaded, spec, moves=version_id != run.dag_version_id, ends_up=state or run.state)
    return RunRevision(
        dag_run_id=run.id,
        state=state,
        counts_as_clear=clearing.resets_dag_runs,
        dag_version_id=version_id if rows.moves else None,
        takes_latest_bundle=clearing.latest_version_id is not None,
        task_instances=rows.revised(meant),
    )


def _is_meant_without_rows(loaded: LoadedRun, spec: DagSpec, clearing: Clearing) -> bool:
    """A run that lacks tasks which are to run: new ones, or all of them, for it never began."""
    if clearing.adds_new:
        return bool(new_task_ids(loaded, spec))
    is_whole = clearing.choice is None and not clearing.only_failed and not clearing.only_running
    return is_whole and not loaded.task_instances


def new_task_ids(loaded: LoadedRun, spec: DagSpec) -> list[str]:
    """Tasks of the version that belong to the run and of which it has nothing, in order."""
    known = {row.id.task_id: None for row in loaded.task_instances}
    return [task.task_id for task in spec.tasks if task.task_id not in known and has_task(loaded.run, task)]


def _reset_state(state: DagRunState) -> DagRunState | None:
    if state not in FINISHED_RUN_STATES:
        return None
    return next_dag_run_state(state, DagRunEvent.CLEARED, Actor.API)


class _RunRows:
    """The rows of one run, as they will be."""

    def __init__(self, loaded: LoadedRun, spec: DagSpec, *, moves: bool, ends_up: DagRunState) -> None:
        self._rows = loaded.task_instances
        self._relatives = Relatives(spec)
        self._tasks = {task.task_id: task for task in spec.tasks}
        self.moves = moves
        self._is_running = ends_up is DagRunState.RUNNING

    def revised(self, meant: Sequence[TaskInstanceRow]) -> tuple[RevisedTaskInstance, ...]:
        """One entry per row that changes, in key order."""
        cleared = {row.id: None for row in meant}
        asked_anew = self._asked_anew(meant)
        found = (self._revised(row, is_cleared=row.id in cleared, asked_anew=asked_anew) for row in self._rows)
        return tuple(each for each in found if each is not None)

    def _asked_anew(self, meant: Sequence[TaskInstanceRow]) -> Mapping[str, None]:
        """Tasks below those that run again, which will say again what is to be skipped."""
        if not any(row.skip_requested for row in self._rows):
            return {}
        above = dict.fromkeys(row.id.task_id for row in meant if row.id.task_id in self._tasks)
        return {task_id: None for each in above for task_id in self._relatives.downstream(each)}

    def _revised(
        self, row: TaskInstanceRow, *, is_cleared: bool, asked_anew: Mapping[str, None]
    ) -> RevisedTaskInstance | None:
        skip_requested = row.skip_requested and row.id.task_id not in asked_anew
        if self.moves and not self._fits(row):
            return self._removed(row)
        if is_cleared:
            return self._cleared(row, skip_requested=skip_requested)
        if self.moves and row.state in (_S.REMOVED, _S.NONE):
            return self._restored(row, skip_requested=skip_requested)
        if skip_requested is row.skip_requested:
            return None
        return RevisedTaskInstance(
            id=row.id, state=row.state, max_tries=row.max_tries, end_pending=row.end_pending, skip_requested=False
        )

    def _fits(self, row: TaskInstanceRow) -> bool:
        """Whether the version that the run moves to has such an instance."""
        task = self._tasks.get(row.id.task_id)
        if task is None:
            return False
        return row.id.map_index == UNMAPPED or self._relatives.is_mapped(task.task_id)

    def _removed(self, row: TaskInstanceRow) -> RevisedTaskInstance | None:
        if row.state is _S.REMOVED:
            return None
        state = next_state(row.state, Event.LEFT_DAG, Actor.API)
        return RevisedTaskInstance(id=row.id, state=state, max_tries=row.max_tries, voids=True)

    def _restored(self, row: TaskInstanceRow, *, skip_requested: bool) -> RevisedTaskInstance | None:
        """A task that the new version has (again); instances of mapped ones come back when they are expanded."""
        is_removed = row.state is _S.REMOVED
        if is_removed and row.id.map_index != UNMAPPED:
            return None
        if is_removed and any(other.id.task_id == row.id.task_id and other.id != row.id for other in self._rows):
            return None
        state = next_state(row.state, Event.RETURNED_TO_DAG, Actor.API) if is_removed else row.state
        return RevisedTaskInstance(
            id=row.id,
            state=state,
            max_tries=row.max_tries,
            skip_requested=skip_requested,
            end_pending=self._is_running,
            task=self._new_task(row),
        )

    def _cleared(self, row: TaskInstanceRow, *, skip_requested: bool) -> RevisedTaskInstance:
        state = next_state(row.state, Event.CLEARED, Actor.API)
        if state is _S.RESTARTING:
            return RevisedTaskInstance(
                id=row.id,
                state=state,
                max_tries=row.max_tries,
                skip_requested=skip_requested,
                end_pending=row.end_pending,
            )
        task = self._tasks.get(row.id.task_id)
        return RevisedTaskInstance(
            id=row.id,
            state=state,
            max_tries=max(row.max_tries, row.try_number) if task is None else row.try_number + task.retries,
            skip_requested=skip_requested,
            voids=True,
            end_pending=self._is_running,
            copies_try=row.try_number > 0 and row.state not in _WITHOUT_A_TRY,
            task=self._new_task(row) if self.moves or row.by_hand is not None else None,
        )

    def _new_task(self, row: TaskInstanceRow) -> NewTaskInstance | None:
        task = self._tasks.get(row.id.task_id)
        return None if task is None else new_task_instance(row.id, task)


def new_task_instance(id_: TaskInstanceId, task: TaskSpec) -> NewTaskInstance:
    """The row that a task gets in a run."""
    return NewTaskInstance(
        id=id_,
        max_tries=task.retries,
        pool=task.pool,
        pool_slots=task.pool_slots,
        queue=task.queue,
        executor=task.executor,
        priority_weight=task.try_weights[0] if task.try_weights else task.priority_weight,
        operator=task.task_type,
        task_display_name=task.task_display_name,
    )
