"""Many runs or task instances: each as if it had been asked for by itself, with its error if it failed."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from tradewind.api.bulk.answers import BodyT, answered, failure
from tradewind.api.deleting import delete_dag_run, delete_task_instance
from tradewind.api.errors import BadRequest
from tradewind.api.marking import Named, patch_dag_run, patch_task_instances
from tradewind.api.models.actions import (
    BulkActionResponse,
    BulkBody,
    BulkCreateAction,
    BulkDAGRunBody,
    BulkDeleteAction,
    BulkResponse,
    BulkTaskInstanceBody,
    BulkUpdateAction,
    DAGRunPatchBody,
    PatchTaskInstanceBody,
)
from tradewind.api.models.base import StrictBody
from tradewind.api.models.queries import ANYTHING
from tradewind.api.revising import one_run, read_runs
from tradewind.api.state import ApiState
from tradewind.core.errors import DomainError, NotFound

NOT_SUPPORTED: Final = {"error": "Creating in bulk is not supported here", "status_code": 405}

Act = Callable[[], Awaitable[str]]
"""Does one thing and returns the key of what it did it to."""


async def bulk_task_instances(
    state: ApiState, dag_id: str, run_id: str, body: BulkBody[BulkTaskInstanceBody]
) -> BulkResponse:
    """Mark or delete task instances."""
    place = _Place(dag_id, run_id)

    async def do(
        action: BulkCreateAction[BulkTaskInstanceBody]
        | BulkUpdateAction[BulkTaskInstanceBody]
        | BulkDeleteAction[BulkTaskInstanceBody],
    ) -> BulkActionResponse:
        match action:
            case BulkCreateAction():
                return BulkActionResponse(errors=[dict(NOT_SUPPORTED)])
            case BulkUpdateAction():
                acts = [partial(_mark, state, place, entity, action.update_mask) for entity in action.entities]
            case BulkDeleteAction():
                acts = [partial(_delete, state, place, entity) for entity in action.entities]
        return await _done(acts, skips=action.action_on_non_existence == "skip")

    return await answered(body, do)


async def bulk_dag_runs(state: ApiState, dag_id: str, body: BulkBody[BulkDAGRunBody]) -> BulkResponse:
    """Mark or delete runs."""

    async def do(
        action: BulkCreateAction[BulkDAGRunBody] | BulkUpdateAction[BulkDAGRunBody] | BulkDeleteAction[BulkDAGRunBody],
    ) -> BulkActionResponse:
        match action:
            case BulkCreateAction():
                return BulkActionResponse(errors=[dict(NOT_SUPPORTED)])
            case BulkUpdateAction():
                acts = [partial(_mark_run, state, dag_id, entity, action.update_mask) for entity in action.entities]
            case BulkDeleteAction():
                acts = [partial(_delete_run, state, dag_id, entity) for entity in action.entities]
        return await _done(acts, skips=action.action_on_non_existence == "skip")

    return await answered(body, do)


async def _done(acts: Sequence[Act], *, skips: bool) -> BulkActionResponse:
    response = BulkActionResponse()
    for act in acts:
        try:
            response.success.append(await act())
        except DomainError as exc:
            if not (skips and isinstance(exc, NotFound)):
                response.errors.append(failure(exc))
    return response


class _Place:
    """What the path says; `~` leaves it to each entity."""

    def __init__(self, dag_id: str, run_id: str) -> None:
        self._dag_id = dag_id
        self._run_id = run_id

    def of(self, entity: str | BulkTaskInstanceBody) -> tuple[str, str, str, int | None]:
        """dag_id, run_id, task_id, map_index. Raises `BadRequest` where nobody says."""
        if isinstance(entity, str):
            dag_id, run_id, task_id, map_index = self._dag_id, self._run_id, entity, None
        else:
            dag_id, run_id = entity.dag_id or self._dag_id, entity.dag_run_id or self._run_id
            task_id, map_index = entity.task_id, entity.map_index
        if ANYTHING in (dag_id, run_id):
            raise BadRequest(f"With ~ in the path the entity of {task_id!r} must name its dag_id and dag_run_id")
        return dag_id, run_id, task_id, map_index


async def _mark(state: ApiState, place: _Place, entity: BulkTaskInstanceBody, update_mask: Sequence[str] | None) -> str:
    dag_id, run_id, task_id, map_index = place.of(entity)
    named = Named(dag_id=dag_id, run_id=run_id, task_ids=(task_id,), map_index=map_index)
    await patch_task_instances(state, named, _own_fields(PatchTaskInstanceBody, entity), update_mask, dry_run=False)
    return f"{dag_id}.{run_id}.{task_id}[{-1 if map_index is None else map_index}]"


async def _delete(state: ApiState, place: _Place, entity: str | BulkTaskInstanceBody) -> str:
    dag_id, run_id, task_id, map_index = place.of(entity)
    if map_index is not None:
        await delete_task_instance(state, dag_id, run_id, task_id, map_index)
        return f"{dag_id}.{run_id}.{task_id}[{map_index}]"
    (loaded,) = await read_runs(state, (await one_run(state, dag_id, run_id)).ids)
    found = [row.id.map_index for row in loaded.task_instances if row.id.task_id == task_id]
    if not found:
        raise NotFound(f"The task {task_id!r} has no instances in the run {run_id!r} of the DAG {dag_id!r}")
    for each in found:
        await delete_task_instance(state, dag_id, run_id, task_id, each)
    return f"{dag_id}.{run_id}.{task_id}[{','.join(map(str, found))}]"


async def _mark_run(state: ApiState, dag_id: str, entity: BulkDAGRunBody, update_mask: Sequence[str] | None) -> str:
    of_dag = _dag_of(dag_id, entity)
    await patch_dag_run(state, of_dag, entity.dag_run_id, _own_fields(DAGRunPatchBody, entity), update_mask)
    return f"{of_dag}.{entity.dag_run_id}"


async def _delete_run(state: ApiState, dag_id: str, entity: str | BulkDAGRunBody) -> str:
    run_id = entity if isinstance(entity, str) else entity.dag_run_id
    of_dag = _dag_of(dag_id, entity)
    await delete_dag_run(state, of_dag, run_id)
    return f"{of_dag}.{run_id}"


def _dag_of(dag_id: str, entity: str | BulkDAGRunBody) -> str:
    found = dag_id if isinstance(entity, str) else entity.dag_id or dag_id
    if found == ANYTHING:
        raise BadRequest("With ~ in the path every run must name its dag_id")
    return found


def _own_fields(model: type[BodyT], entity: StrictBody) -> BodyT:
    """The entity as the body of a request of its own, with just the fields that were given."""
    given = entity.model_dump(include=entity.model_fields_set & set(model.model_fields))
    return model.model_validate(given)
