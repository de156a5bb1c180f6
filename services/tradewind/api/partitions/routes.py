"""`/api/v2/dags/{dag_id}/clearPartitions`."""

from collections.abc import Sequence

from fastapi import APIRouter

from tradewind.api.clearing import clear_dag_run, partition_runs
from tradewind.api.dependencies import StateDep
from tradewind.api.errors import documented
from tradewind.api.models.actions import DAGRunClearBody
from tradewind.api.partitions.models import ClearPartitionsBody, ClearPartitionsResponse
from tradewind.api.routes.dags import existing_dag
from tradewind.api.state import ApiState
from tradewind.db.api import partitions as queries
from tradewind.service.logging import get_logger

router = APIRouter(prefix="/api/v2/dags/{dag_id}", tags=["DagRun"])


@router.post("/clearPartitions", responses=documented(400, 404))
async def clear_dag_run_partitions(dag_id: str, body: ClearPartitionsBody, state: StateDep) -> ClearPartitionsResponse:
    """Make runs runs of no partition any more; with `clear_task_instances` their tasks run again."""
    run_ids = await _selected(state, dag_id, body)
    if body.dry_run:
        runs = await queries.count_partitioned_runs(state["database"], dag_id, run_ids)
    else:
        runs = await _forget_partitions(state, dag_id, run_ids)
    clear = DAGRunClearBody(dry_run=body.dry_run)
    again = run_ids if body.clear_task_instances else ()
    tasks = sum([len(await clear_dag_run(state, dag_id, run_id, clear)) for run_id in again])
    return ClearPartitionsResponse(dag_runs_cleared=runs, task_instances_cleared=tasks, dry_run=body.dry_run)


async def _selected(state: ApiState, dag_id: str, body: ClearPartitionsBody) -> Sequence[str]:
    """Run ids; an unknown one selects nothing. Raises `NotFound` for an unknown DAG."""
    if body.run_id is None:
        return await partition_runs(state, dag_id, body)
    await existing_dag(state, dag_id)
    return await queries.known_runs(state["database"], dag_id, [body.run_id])


async def _forget_partitions(state: ApiState, dag_id: str, run_ids: Sequence[str]) -> int:
    changed = await queries.forget_partitions(state["database"], dag_id, run_ids)
    state["announcer"].dag_runs_revised([row["id"] for row in changed if row["state"] == "running"])
    get_logger().info("partitions.cleared", dag_id=dag_id, runs=len(changed))
    return len(changed)
