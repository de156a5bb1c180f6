"""`DELETE` of DAGs, runs and task instances."""

from fastapi import APIRouter

from tradewind.api import deleting
from tradewind.api.dependencies import StateDep
from tradewind.api.errors import documented
from tradewind.api.models.queries import Integer

router = APIRouter(prefix="/api/v2/dags/{dag_id}")


@router.delete("/dagRuns/{dag_run_id}", status_code=204, responses=documented(400, 404, 409), tags=["DagRun"])
async def delete_dag_run(dag_id: str, dag_run_id: str, state: StateDep) -> None:
    """Delete a run that is not running, with all that hangs on it."""
    await deleting.delete_dag_run(state, dag_id, dag_run_id)


@router.delete("/dagRuns/{dag_run_id}/taskInstances/{task_id}", responses=documented(404), tags=["Task Instance"])
async def delete_task_instance(
    dag_id: str, dag_run_id: str, task_id: str, state: StateDep, map_index: Integer = -1
) -> None:
    """Delete a task instance; what runs is stopped."""
    await deleting.delete_task_instance(state, dag_id, dag_run_id, task_id, map_index)


@router.delete("", responses=documented(404, 409), tags=["DAG"])
async def delete_dag(dag_id: str, state: StateDep) -> None:
    """Delete a DAG with its runs; it comes back when its file, if there is one still, is parsed again."""
    await deleting.delete_dag(state, dag_id)
