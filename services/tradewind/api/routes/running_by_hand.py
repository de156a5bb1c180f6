"""`…/taskInstances/{task_id}/run`: one task instance is to run now. Airflow has no such route any more."""

from fastapi import APIRouter

from tradewind.api.dependencies import StateDep, UserDep
from tradewind.api.errors import documented
from tradewind.api.models.by_hand import QueuedTaskInstanceResponse, RunTaskInstanceBody
from tradewind.api.models.explanations import TaskDependencyResponse
from tradewind.api.models.queries import Integer
from tradewind.api.revising import shown
from tradewind.api.routes.dag_runs import existing_dag_run
from tradewind.api.running_by_hand import run_by_hand

router = APIRouter(prefix="/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances", tags=["Task Instance"])


@router.post("/{task_id}/run", responses=documented(404, 409))
async def run_task_instance(
    dag_id: str,
    dag_run_id: str,
    task_id: str,
    state: StateDep,
    user: UserDep,
    body: RunTaskInstanceBody | None = None,
    map_index: Integer = -1,
) -> QueuedTaskInstanceResponse:
    """Queue a task instance now, past whatever waits for slots before it; answers with the attempt. 409 names each
    dependency that is not met and that the flags do not ignore."""
    queued = await run_by_hand(
        state, dag_id, dag_run_id, task_id, map_index, body or RunTaskInstanceBody(), user.username
    )
    queueing, run = queued.queueing, await existing_dag_run(state, dag_id, dag_run_id)
    (task_instance,) = (await shown(state, [queueing.id])).task_instances
    return QueuedTaskInstanceResponse(
        task_instance=task_instance,
        attempt_id=queueing.attempt_id,
        try_number=queueing.try_number,
        pool=queueing.pool,
        pool_slots=queueing.slots,
        queue=queued.message.ti.queue,
        executor=queued.executor,
        command=list(queued.message.ti.command),
        dag_run_state=run["state"],
        ignored_dependencies=[TaskDependencyResponse(name=each.name, reason=each.reason) for each in queueing.ignored],
    )


@router.post("/{task_id}/{map_index}/run", responses=documented(404, 409))
async def run_mapped_task_instance(
    dag_id: str,
    dag_run_id: str,
    task_id: str,
    map_index: Integer,
    state: StateDep,
    user: UserDep,
    body: RunTaskInstanceBody | None = None,
) -> QueuedTaskInstanceResponse:
    """The same for one instance of a mapped task."""
    return await run_task_instance(dag_id, dag_run_id, task_id, state, user, body, map_index)
