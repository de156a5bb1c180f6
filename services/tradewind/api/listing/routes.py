"""`POST …/dagRuns/list`, `POST …/taskInstances/list` and `GET …/taskInstances/{task_id}/listMapped`."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends

from tradewind.api.access.guard import VisibleDep
from tradewind.api.cursors import cursor_of
from tradewind.api.dag_specs import VersionKey
from tradewind.api.dependencies import StateDep
from tradewind.api.errors import documented
from tradewind.api.listing.models import DAGRunsBatchBody, TaskInstancesBatchBody
from tradewind.api.models.dag_runs import DAGRunCollectionResponse
from tradewind.api.models.queries import TaskInstanceListQuery
from tradewind.api.models.task_instances import TaskInstanceCollectionResponse
from tradewind.api.presenting import dag_run_response
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.api.routes.dag_runs import existing_dag_run
from tradewind.api.routes.task_instances import task_instance_page
from tradewind.api.state import ApiState
from tradewind.core.errors import NotFound
from tradewind.core.task_groups import is_mapped
from tradewind.db.api import dags as dag_queries
from tradewind.db.api import tasks as task_queries
from tradewind.db.pool import Row

router = APIRouter(prefix="/api/v2/dags/{dag_id}/dagRuns")


@router.post("/list", responses=documented(404), tags=["DagRun"])
async def get_list_dag_runs_batch(
    dag_id: Literal["~"], body: DAGRunsBatchBody, state: StateDep, visible: VisibleDep
) -> DAGRunCollectionResponse:
    """A page of the runs of all DAGs, by filters that may be too long for a query."""
    filters = visible.filters() | body.filters()
    page = await dag_queries.list_dag_runs(state["database"], filters, body.page(), None, state["clock"]())
    runs = [dag_run_response(row) for row in page.rows]
    return DAGRunCollectionResponse(dag_runs=runs, total_entries=page.total_entries)


@router.post("/{dag_run_id}/taskInstances/list", responses=documented(404), tags=["Task Instance"])
async def get_task_instances_batch(
    dag_id: Literal["~"], dag_run_id: Literal["~"], body: TaskInstancesBatchBody, state: StateDep, visible: VisibleDep
) -> TaskInstanceCollectionResponse:
    """A page of the task instances of all DAGs, by filters that may be too long for a query."""
    filters = visible.filters() | body.filters()
    page = await task_queries.list_task_instances(state["database"], filters, body.page(), None, state["clock"]())
    return await task_instance_page(state, page, None)


@router.get(
    "/{dag_run_id}/taskInstances/{task_id}/listMapped",
    responses=documented(400, 404),
    openapi_extra=documented_query(TaskInstanceListQuery),
    tags=["Task Instance"],
)
async def get_mapped_task_instances(
    dag_id: str,
    dag_run_id: str,
    task_id: str,
    query: Annotated[TaskInstanceListQuery, Depends(parsed(TaskInstanceListQuery))],
    state: StateDep,
) -> TaskInstanceCollectionResponse:
    """A page of the instances of a mapped task in one run; none, if it was mapped over nothing."""
    run = await existing_dag_run(state, dag_id, dag_run_id)
    filters = query.filters() | {"of_run": run["id"], "task_id": task_id, "is_mapped": True}
    cursor = cursor_of(query.cursor, UUID)
    page = await task_queries.list_task_instances(state["database"], filters, query.page(), cursor, state["clock"]())
    if not page.total_entries:
        await _check_is_mapped(state, run, task_id)
    return await task_instance_page(state, page, cursor)


async def _check_is_mapped(state: ApiState, run: Row, task_id: str) -> None:
    """Raises `NotFound` unless the run's version has the task, and maps it."""
    spec = await state["dag_specs"].get(VersionKey.of_row(run))
    task = next((task for task in spec.tasks if task.task_id == task_id), None)
    if task is None:
        raise NotFound(f"The task {task_id!r} of the DAG {spec.dag_id!r} was not found")
    if not is_mapped(spec, task):
        raise NotFound(f"The task {task_id!r} of the DAG {spec.dag_id!r} is not mapped")
