"""What a person wants cleared, from the request to the task instances that it came to."""

from collections.abc import Sequence
from dataclasses import replace

from tradewind.api.dag_specs import VersionKey
from tradewind.api.models.actions import BulkDAGRunClearBody, ClearTaskInstancesBody, DAGRunClearBody
from tradewind.api.partitions.days import partition_zone
from tradewind.api.partitions.models import ClearPartitionsBody
from tradewind.api.revising import MeantRuns, note_of, one_run, read_runs, revise_runs, runs_around, runs_between
from tradewind.api.routes.dags import existing_dag
from tradewind.api.state import ApiState
from tradewind.core.clearing import Clearing, clear_dag_runs, cleared_rows, new_task_ids
from tradewind.core.relatives import Choice, ChoiceRequest, Relatives
from tradewind.core.revisions import RunRevision
from tradewind.core.rows import LoadedRun, TaskInstanceId
from tradewind.core.spec import TaskSpec
from tradewind.db.api import people as queries


async def clear_task_instances(state: ApiState, dag_id: str, body: ClearTaskInstancesBody) -> Sequence[TaskInstanceId]:
    """The task instances that were (or, on a dry run, would be) cleared. Raises `NotFound`, `BadRequest`,
    `RunningTask`."""
    if body.dag_run_id is None:
        since, until = (
            (None if body.include_past else body.start_date),
            (None if body.include_future else body.end_date),
        )
        runs = await runs_between(state, dag_id, since, until)
        spec = runs.latest
    else:
        run = await one_run(state, dag_id, body.dag_run_id)
        spec = run.spec_of(run.rows[0])
        runs = await runs_around(state, run, past=body.include_past, future=body.include_future)
    clearing = replace(
        _clearing(state, runs, Relatives(spec).choice(_choice_request(body)), on_latest=body.run_on_latest_version),
        only_failed=body.only_failed,
        only_running=body.only_running,
        resets_dag_runs=body.reset_dag_runs,
        spares_running=body.prevent_running_task,
    )
    meant = await _clear(state, runs, clearing, dry_run=body.dry_run)
    if body.note is not None and not body.dry_run:
        await queries.set_task_instance_notes(state["database"], meant, note_of(body.note))
    return meant


def _choice_request(body: ClearTaskInstancesBody) -> ChoiceRequest:
    return ChoiceRequest(
        markers=None if body.task_ids is None else tuple(body.task_ids),
        include_upstream=body.include_upstream,
        include_downstream=body.include_downstream,
        is_of_one_run=body.dag_run_id is not None,
    )


def _clearing(state: ApiState, runs: MeantRuns, choice: Choice | None, *, on_latest: bool | None) -> Clearing:
    said = (on_latest, runs.latest.rerun_with_latest_version, state["settings"].core.rerun_with_latest_version)
    wanted = next(each for each in said if each is not None)
    return Clearing(specs=runs.specs, choice=choice, latest_version_id=runs.latest_version_id if wanted else None)


async def clear_dag_run(state: ApiState, dag_id: str, run_id: str, body: DAGRunClearBody) -> Sequence[TaskInstanceId]:
    """As `clear_task_instances`, for a whole run."""
    run = await one_run(state, dag_id, run_id)
    clearing = _clearing(state, run, None, on_latest=body.run_on_latest_version or body.only_new or None)
    clearing = replace(clearing, only_failed=body.only_failed, adds_new=body.only_new)
    meant = await _clear(state, run, clearing, dry_run=body.dry_run)
    if body.note is not None and not body.dry_run:
        await queries.set_dag_run_note(state["database"], run.ids[0], note_of(body.note))
    return meant


async def partition_runs(
    state: ApiState, dag_id: str, body: BulkDAGRunClearBody | ClearPartitionsBody
) -> Sequence[str]:
    """Run ids of the partitions that are meant. Raises `NotFound` for an unknown DAG."""
    row = await existing_dag(state, dag_id)
    zone = partition_zone(await state["dag_specs"].get(VersionKey.of_row(row)))
    since, until = (
        moment if moment is None or moment.tzinfo else moment.replace(tzinfo=zone)
        for moment in (body.partition_date_start, body.partition_date_end)
    )
    return await queries.list_partition_runs(state["database"], dag_id, body.partition_key, since, until)


async def new_tasks(state: ApiState, dag_id: str, run_id: str) -> Sequence[TaskSpec]:
    """Tasks of the latest version that the run does not have."""
    run = await one_run(state, dag_id, run_id)
    (loaded,) = await read_runs(state, run.ids)
    names = new_task_ids(loaded, run.latest)
    return [task for task in run.latest.tasks if task.task_id in names]


async def _clear(state: ApiState, runs: MeantRuns, clearing: Clearing, *, dry_run: bool) -> Sequence[TaskInstanceId]:
    meant: dict[TaskInstanceId, None] = {}

    def rule(loaded: Sequence[LoadedRun]) -> Sequence[RunRevision]:
        meant.update((row.id, None) for row in cleared_rows(loaded, clearing))
        return () if dry_run else clear_dag_runs(loaded, clearing)

    if dry_run:
        rule(await read_runs(state, runs.ids))
    else:
        await revise_runs(state, runs.ids, rule)
    return list(meant)
