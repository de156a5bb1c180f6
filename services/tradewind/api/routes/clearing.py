"""`/api/v2/dags/{dag_id}/clearTaskInstances`, `…/clearDagRuns` and `…/dagRuns/{dag_run_id}/clear`."""

from collections.abc import Sequence

from fastapi import APIRouter

from tradewind.api.clearing import clear_dag_run as clear_run
from tradewind.api.clearing import clear_task_instances, new_tasks, partition_runs
from tradewind.api.dependencies import StateDep
from tradewind.api.errors import BadRequest, documented
from tradewind.api.models.actions import (
    BulkDAGRunClearBody,
    ClearedRun,
    ClearedRuns,
    ClearTaskInstanceCollectionResponse,
    ClearTaskInstancesBody,
    DAGRunClearBody,
    NewTaskResponse,
)
from tradewind.api.models.dag_runs import DAGRunCollectionResponse
from tradewind.api.models.queries import ANYTHING
from tradewind.api.models.task_instances import TaskInstanceCollectionResponse, TaskInstanceResponse
from tradewind.api.presenting import dag_run_response
from tradewind.api.revising import shown
from tradewind.api.routes.dag_runs import existing_dag_run
from tradewind.api.state import ApiState

router = APIRouter(prefix="/api/v2/dags/{dag_id}")


@router.post("/clearTaskInstances", responses=documented(400, 404, 409), tags=["Task Instance"])
async def post_clear_task_instances(
    dag_id: str, body: ClearTaskInstancesBody, state: StateDep
) -> TaskInstanceCollectionResponse:
    """Have task instances run again; answers with those that are meant. What runs is stopped first."""
    return await shown(state, await clear_task_instances(state, dag_id, body))


@router.post("/dagRuns/{dag_run_id}/clear", responses=documented(404), tags=["DagRun"])
async def clear_dag_run(dag_id: str, dag_run_id: str, body: DAGRunClearBody, state: StateDep) -> ClearedRun:
    """Have a run run again, as a whole, or what failed of it, or what its DAG has got since."""
    if body.dry_run:
        found = await _would_clear(state, dag_id, dag_run_id, body)
        return ClearTaskInstanceCollectionResponse(task_instances=list(found), total_entries=len(found))
    await clear_run(state, dag_id, dag_run_id, body)
    return dag_run_response(await existing_dag_run(state, dag_id, dag_run_id))


@router.post("/clearDagRuns", responses=documented(400, 404), tags=["DagRun"])
async def clear_dag_runs(dag_id: str, body: BulkDAGRunClearBody, state: StateDep) -> ClearedRuns:
    """As for one run, for each that is named; `~` as dag_id lets each name its DAG."""
    named = await _named_runs(state, dag_id, body)
    if body.dry_run:
        found = [each for dag, run in named for each in await _would_clear(state, dag, run, body)]
        return ClearTaskInstanceCollectionResponse(task_instances=found, total_entries=len(found))
    for dag, run in named:
        await clear_run(state, dag, run, body)
    runs = [dag_run_response(await existing_dag_run(state, dag, run)) for dag, run in named]
    return DAGRunCollectionResponse(dag_runs=runs, total_entries=len(runs))


async def _would_clear(
    state: ApiState, dag_id: str, run_id: str, body: DAGRunClearBody
) -> Sequence[TaskInstanceResponse | NewTaskResponse]:
    if body.only_new:
        tasks = await new_tasks(state, dag_id, run_id)
        return [
            NewTaskResponse(task_id=task.task_id, task_display_name=task.task_display_name or task.task_id)
            for task in tasks
        ]
    dry = body.model_copy(update={"dry_run": True})
    return (await shown(state, await clear_run(state, dag_id, run_id, dry))).task_instances


async def _named_runs(state: ApiState, dag_id: str, body: BulkDAGRunClearBody) -> Sequence[tuple[str, str]]:
    if body.dag_runs:
        return list(dict.fromkeys((_dag_id(dag_id, run.dag_id), run.dag_run_id) for run in body.dag_runs))
    if dag_id == ANYTHING:
        raise BadRequest("Partitions are selected within one DAG: ~ is not a dag_id")
    return [(dag_id, run_id) for run_id in await partition_runs(state, dag_id, body)]


def _dag_id(of_path: str, of_entry: str | None) -> str:
    if of_path == ANYTHING:
        if not of_entry or of_entry == ANYTHING:
            raise BadRequest("With ~ in the path every run must name its dag_id")
        return of_entry
    if of_entry not in (None, of_path):
        raise BadRequest(f"The dag_id {of_entry!r} of a run is not that of the path, {of_path!r}")
    return of_path
