"""How a person says that task instances and runs ended, from the request to what it came to."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from tradewind.api.errors import Conflicting
from tradewind.api.models.actions import DAGRunPatchBody, PatchTaskInstanceBody
from tradewind.api.revising import MeantRuns, note_of, one_run, read_runs, revise_runs, runs_around
from tradewind.api.state import ApiState
from tradewind.core.clearing import Clearing
from tradewind.core.errors import NotFound
from tradewind.core.marking import Marking, mark_dag_run, mark_task_instances, marked_rows
from tradewind.core.relatives import Relatives, is_chosen
from tradewind.core.revisions import RunRevision
from tradewind.core.rows import LoadedRun, TaskInstanceId
from tradewind.core.spec import DagSpec
from tradewind.core.states import DagRunState, TaskInstanceState
from tradewind.db.api import people as queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What the path of a request names: a task, one instance of it, or the tasks of a group."""

    dag_id: str
    run_id: str
    task_ids: tuple[str, ...]
    map_index: int | None = None
    """None = all instances."""

    @property
    def choice(self) -> dict[str, tuple[int, ...] | None]:
        """As the rules want it."""
        return dict.fromkeys(self.task_ids, None if self.map_index is None else (self.map_index,))

    def __str__(self) -> str:
        name = self.task_ids[0] if len(self.task_ids) == 1 else f"{len(self.task_ids)} tasks"
        return name if self.map_index is None else f"{name} (map_index {self.map_index})"


async def group_tasks(state: ApiState, dag_id: str, run_id: str, group_id: str) -> tuple[str, ...]:
    """The tasks in a group, at any depth, by the run's version; raises `NotFound`."""
    run = await one_run(state, dag_id, run_id)
    spec = run.spec_of(run.rows[0])
    inside: dict[str, None] = {}
    for group in spec.task_groups:
        if group.group_id == group_id or group.parent_group_id in inside:
            inside[group.group_id] = None
    found = tuple(task.task_id for task in spec.tasks if task.task_group_id in inside)
    if not found:
        raise NotFound(f"The task group {group_id!r} was not found in the DAG {dag_id!r}")
    return found


async def patch_task_instances(
    state: ApiState, named: Named, body: PatchTaskInstanceBody, update_mask: Sequence[str] | None, *, dry_run: bool
) -> Sequence[TaskInstanceId]:
    """The task instances that are named; on a dry run those that would change. Raises `NotFound`, `BadRequest`, and
    `Conflicting` if all of them are in this state already."""
    run = await one_run(state, named.dag_id, named.run_id)
    own = await _named_ids(state, run, named)
    fields = body.model_fields_set.intersection(update_mask) if update_mask else body.model_fields_set
    if "note" in fields and not dry_run:
        await queries.set_task_instance_notes(state["database"], own, note_of(body.note))
    if "new_state" not in fields or body.new_state is None:
        return own
    runs = await _runs(state, run, body)
    marking = _marking(run.spec_of(run.rows[0]), runs, named, body, TaskInstanceState(body.new_state))
    if dry_run:
        return [row.id for row in marked_rows(await read_runs(state, runs.ids), marking)]
    if not await _mark(state, runs, marking):
        raise Conflicting(f"Task id {named} is already in {body.new_state} state")
    return own


async def _named_ids(state: ApiState, run: MeantRuns, named: Named) -> Sequence[TaskInstanceId]:
    (loaded,) = await read_runs(state, run.ids)
    choice = named.choice
    found = [row.id for row in loaded.task_instances if is_chosen(choice, row.id.task_id, row.id.map_index)]
    if not found:
        raise NotFound(f"The task instance {named} of the run {named.run_id!r} of {named.dag_id!r} was not found")
    return found


async def _runs(state: ApiState, run: MeantRuns, body: PatchTaskInstanceBody) -> MeantRuns:
    """A run without a logical date has none before or after it."""
    is_dated = run.rows[0]["logical_date"] is not None
    return await runs_around(state, run, past=body.include_past and is_dated, future=body.include_future and is_dated)


def _marking(
    spec: DagSpec, runs: MeantRuns, named: Named, body: PatchTaskInstanceBody, mark: TaskInstanceState
) -> Marking:
    relatives = Relatives(spec)
    choice: dict[str, tuple[int, ...] | None] = {}
    for task_id in named.task_ids:
        if body.include_upstream:
            choice.update(dict.fromkeys(relatives.upstream(task_id)))
        if body.include_downstream:
            below = relatives.downstream(task_id)
            choice.update(dict.fromkeys(each for each in below if not relatives.task(each).is_teardown))
    choice.update(named.choice)
    below = relatives.subset(named.task_ids, include_downstream=True)
    return Marking(
        state=mark,
        choice=choice,
        cleared=Clearing(
            specs=runs.specs,
            choice=dict.fromkeys(below),
            left_out=dict.fromkeys(named.task_ids),
            only_failed=True,
        ),
    )


async def _mark(state: ApiState, runs: MeantRuns, marking: Marking) -> bool:
    """Whether there was anything to mark."""
    marked: dict[TaskInstanceId, None] = {}

    def rule(loaded: Sequence[LoadedRun]) -> Sequence[RunRevision]:
        marked.update((row.id, None) for row in marked_rows(loaded, marking))
        return mark_task_instances(loaded, marking)

    await revise_runs(state, runs.ids, rule)
    return bool(marked)


async def patch_dag_run(
    state: ApiState, dag_id: str, run_id: str, body: DAGRunPatchBody, update_mask: Sequence[str] | None
) -> None:
    """Note and state of a run, as far as they are given. Raises `NotFound`."""
    run = await one_run(state, dag_id, run_id)
    fields = body.model_fields_set.intersection(update_mask) if update_mask else body.model_fields_set
    if "note" in fields:
        await queries.set_dag_run_note(state["database"], run.ids[0], note_of(body.note))
    if "state" in fields and body.state is not None:
        await revise_runs(state, run.ids, partial(_mark_runs, meant=run, mark=DagRunState(body.state)))


def _mark_runs(runs: Sequence[LoadedRun], *, meant: MeantRuns, mark: DagRunState) -> Sequence[RunRevision]:
    if any(run.run.dag_version_id not in meant.specs for run in runs):
        raise Conflicting("The run was moved to another version of its DAG meanwhile: try again")
    return [mark_dag_run(run, meant.specs[run.run.dag_version_id], mark) for run in runs]
