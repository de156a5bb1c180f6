"""How runs and task instances ended, by a person's word: `PATCH` of `…/dagRuns/…` and `…/taskInstances/…`."""

from typing import Annotated

from fastapi import APIRouter, Query

from tradewind.api.bulk.runs import bulk_dag_runs as patch_many_runs
from tradewind.api.bulk.runs import bulk_task_instances as patch_many
from tradewind.api.dependencies import StateDep
from tradewind.api.errors import documented
from tradewind.api.marking import Named, group_tasks, patch_task_instances
from tradewind.api.marking import patch_dag_run as patch_run
from tradewind.api.models.actions import (
    BulkBody,
    BulkDAGRunBody,
    BulkResponse,
    BulkTaskInstanceBody,
    DAGRunPatchBody,
    PatchTaskInstanceBody,
)
from tradewind.api.models.dag_runs import DAGRunResponse
from tradewind.api.models.queries import Integer
from tradewind.api.models.task_instances import TaskInstanceCollectionResponse
from tradewind.api.presenting import dag_run_response
from tradewind.api.revising import shown
from tradewind.api.routes.dag_runs import existing_dag_run

router = APIRouter(prefix="/api/v2/dags/{dag_id}/dagRuns")

UpdateMask = Annotated[list[str] | None, Query()]
INSTANCES = "/{dag_run_id}/taskInstances"
GROUPS = "/{dag_run_id}/taskGroupInstances"


@router.patch("", responses=documented(400), tags=["DagRun"])
async def bulk_dag_runs(dag_id: str, body: BulkBody[BulkDAGRunBody], state: StateDep) -> BulkResponse:
    """Change or delete many runs; each that cannot be is named with its error."""
    return await patch_many_runs(state, dag_id, body)


@router.patch("/{dag_run_id}", responses=documented(400, 404), tags=["DagRun"])
async def patch_dag_run(
    dag_id: str, dag_run_id: str, body: DAGRunPatchBody, state: StateDep, update_mask: UpdateMask = None
) -> DAGRunResponse:
    """Say how a run ended (what runs is stopped, what has not begun is skipped), or queue it again; set its note."""
    await patch_run(state, dag_id, dag_run_id, body, update_mask)
    return dag_run_response(await existing_dag_run(state, dag_id, dag_run_id))


@router.patch(INSTANCES, responses=documented(400), tags=["Task Instance"])
async def bulk_task_instances(
    dag_id: str, dag_run_id: str, body: BulkBody[BulkTaskInstanceBody], state: StateDep
) -> BulkResponse:
    """Change or delete many task instances; each that cannot be is named with its error."""
    return await patch_many(state, dag_id, dag_run_id, body)


@router.patch(INSTANCES + "/{task_id}/dry_run", responses=documented(400, 404), tags=["Task Instance"])
async def patch_task_instance_dry_run(
    dag_id: str,
    dag_run_id: str,
    task_id: str,
    body: PatchTaskInstanceBody,
    state: StateDep,
    map_index: Integer | None = None,
    update_mask: UpdateMask = None,
) -> TaskInstanceCollectionResponse:
    """What the same request without `dry_run` would change."""
    named = Named(dag_id=dag_id, run_id=dag_run_id, task_ids=(task_id,), map_index=map_index)
    return await shown(state, await patch_task_instances(state, named, body, update_mask, dry_run=True))


@router.patch(INSTANCES + "/{task_id}/{map_index}/dry_run", responses=documented(400, 404), tags=["Task Instance"])
async def patch_task_instance_dry_run_by_map_index(
    dag_id: str,
    dag_run_id: str,
    task_id: str,
    map_index: Integer,
    body: PatchTaskInstanceBody,
    state: StateDep,
    update_mask: UpdateMask = None,
) -> TaskInstanceCollectionResponse:
    """As above, for one instance of a mapped task."""
    named = Named(dag_id=dag_id, run_id=dag_run_id, task_ids=(task_id,), map_index=map_index)
    return await shown(state, await patch_task_instances(state, named, body, update_mask, dry_run=True))


@router.patch(INSTANCES + "/{task_id}", responses=documented(400, 404, 409), tags=["Task Instance"])
async def patch_task_instance(
    dag_id: str,
    dag_run_id: str,
    task_id: str,
    body: PatchTaskInstanceBody,
    state: StateDep,
    map_index: Integer | None = None,
    update_mask: UpdateMask = None,
) -> TaskInstanceCollectionResponse:
    """Say how a task instance ended, and set its note. Failures downstream are cleared: the run goes on from there."""
    named = Named(dag_id=dag_id, run_id=dag_run_id, task_ids=(task_id,), map_index=map_index)
    return await shown(state, await patch_task_instances(state, named, body, update_mask, dry_run=False))


@router.patch(INSTANCES + "/{task_id}/{map_index}", responses=documented(400, 404, 409), tags=["Task Instance"])
async def patch_task_instance_by_map_index(
    dag_id: str,
    dag_run_id: str,
    task_id: str,
    map_index: Integer,
    body: PatchTaskInstanceBody,
    state: StateDep,
    update_mask: UpdateMask = None,
) -> TaskInstanceCollectionResponse:
    """As above, for one instance of a mapped task."""
    named = Named(dag_id=dag_id, run_id=dag_run_id, task_ids=(task_id,), map_index=map_index)
    return await shown(state, await patch_task_instances(state, named, body, update_mask, dry_run=False))


@router.patch(GROUPS + "/{group_id}/dry_run", responses=documented(400, 404), tags=["Task Instance"])
async def patch_task_group_instances_dry_run(
    dag_id: str, dag_run_id: str, group_id: str, body: PatchTaskInstanceBody, state: StateDep
) -> TaskInstanceCollectionResponse:
    """What the same request without `dry_run` would change."""
    task_ids = await group_tasks(state, dag_id, dag_run_id, group_id)
    named = Named(dag_id=dag_id, run_id=dag_run_id, task_ids=task_ids)
    return await shown(state, await patch_task_instances(state, named, body, None, dry_run=True))


@router.patch(GROUPS + "/{group_id}", responses=documented(400, 404, 409), tags=["Task Instance"])
async def patch_task_group_instances(
    dag_id: str,
    dag_run_id: str,
    group_id: str,
    body: PatchTaskInstanceBody,
    state: StateDep,
    update_mask: UpdateMask = None,
) -> TaskInstanceCollectionResponse:
    """As for one task, for all of a task group."""
    task_ids = await group_tasks(state, dag_id, dag_run_id, group_id)
    named = Named(dag_id=dag_id, run_id=dag_run_id, task_ids=task_ids)
    return await shown(state, await patch_task_instances(state, named, body, update_mask, dry_run=False))
