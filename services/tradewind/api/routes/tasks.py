"""`/api/v2/dags/{dag_id}/tasks`."""

from fastapi import APIRouter

from tradewind.api.dag_specs import VersionKey
from tradewind.api.dependencies import StateDep
from tradewind.api.errors import BadRequest, documented
from tradewind.api.models.tasks import TaskCollectionResponse, TaskResponse, TimeDelta
from tradewind.api.presenting import task_response
from tradewind.api.routes.dags import existing_dag
from tradewind.api.state import ApiState
from tradewind.core.errors import NotFound
from tradewind.core.spec import DagSpec

router = APIRouter(prefix="/api/v2/dags/{dag_id}/tasks", tags=["Task"])

UNSORTABLE = frozenset({"template_fields", "downstream_task_ids", "params", "class_ref", "extra_links", "is_mapped"})


@router.get("", responses=documented(400, 404))
async def get_tasks(dag_id: str, state: StateDep, order_by: str = "task_id") -> TaskCollectionResponse:
    """All tasks of the DAG's latest version."""
    dag = await _dag(state, dag_id)
    tasks = [task_response(dag, task) for task in dag.tasks]
    key = order_by.removeprefix("-")
    if key not in TaskResponse.model_fields or key in UNSORTABLE:
        raise BadRequest(f"Tasks cannot be ordered by {key!r}")
    tasks.sort(key=lambda task: _sort_key(getattr(task, key)), reverse=order_by.startswith("-"))
    return TaskCollectionResponse(tasks=tasks, total_entries=len(tasks))


@router.get("/{task_id}", responses=documented(400, 404))
async def get_task(dag_id: str, task_id: str, state: StateDep) -> TaskResponse:
    """One task of the DAG's latest version."""
    dag = await _dag(state, dag_id)
    for task in dag.tasks:
        if task.task_id == task_id:
            return task_response(dag, task)
    raise NotFound(f"The task {task_id!r} of the DAG {dag_id!r} was not found")


async def _dag(state: ApiState, dag_id: str) -> DagSpec:
    dag = await existing_dag(state, dag_id)
    return await state["dag_specs"].fresh(VersionKey.of_row(dag))


def _sort_key(value: object) -> tuple[bool, object]:
    """Sorts what is missing last."""
    if isinstance(value, TimeDelta):
        value = (value.days, value.seconds, value.microseconds)
    return value is None, value if value is not None else 0
