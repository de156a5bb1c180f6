"""`/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from tradewind.api.cursors import cursor_of, next_cursor, previous_cursor
from tradewind.api.dag_specs import VersionKey
from tradewind.api.dependencies import StateDep
from tradewind.api.errors import BadRequest, documented
from tradewind.api.models.queries import ANYTHING, Integer, TaskInstanceListQuery
from tradewind.api.models.task_instances import (
    TaskInstanceCollectionResponse,
    TaskInstanceHistoryCollectionResponse,
    TaskInstanceHistoryResponse,
    TaskInstanceResponse,
)
from tradewind.api.presenting import task_instance_response, try_response
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.api.routes.dag_runs import existing_dag_run
from tradewind.api.routes.dags import existing_dag
from tradewind.api.state import ApiState
from tradewind.core.errors import NotFound
from tradewind.core.task_groups import tasks_inside
from tradewind.db.api import tasks as queries
from tradewind.db.api.pages import EXACT_COUNT, Cursor, Page
from tradewind.db.pool import Row

router = APIRouter(prefix="/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances", tags=["Task Instance"])


@router.get("", responses=documented(400, 404), openapi_extra=documented_query(TaskInstanceListQuery))
async def get_task_instances(
    dag_id: str,
    dag_run_id: str,
    query: Annotated[TaskInstanceListQuery, Depends(parsed(TaskInstanceListQuery))],
    state: StateDep,
) -> TaskInstanceCollectionResponse:
    """A page of task instances; `~` as dag_run_id, or as both ids, stands for all."""
    filters = query.filters() | await _names(state, dag_id, dag_run_id)
    if query.task_group_id is not None:
        filters["task_ids"] = await _group_tasks(state, dag_id, dag_run_id, query.task_group_id)
    cursor = cursor_of(query.cursor, UUID)
    page = await queries.list_task_instances(state["database"], filters, query.page(), cursor, state["clock"]())
    return await task_instance_page(state, page, cursor)


async def task_instance_page(state: ApiState, page: Page, cursor: Cursor | None) -> TaskInstanceCollectionResponse:
    """As an answer; the cursor is that by which the page was read."""
    tasks = await state["dag_specs"].tasks(map(VersionKey.of_row, page.rows))
    return TaskInstanceCollectionResponse(
        task_instances=[task_instance_response(row, tasks) for row in page.rows],
        total_entries=page.total_entries,
        total_entries_limit=None if cursor is None else EXACT_COUNT,
        next_cursor=next_cursor(page, cursor),
        previous_cursor=previous_cursor(page, cursor),
    )


async def _names(state: ApiState, dag_id: str, dag_run_id: str) -> dict[str, object]:
    """What the ids leave, as filters; raises `NotFound` or `BadRequest`."""
    if dag_run_id != ANYTHING:
        if dag_id == ANYTHING:
            raise BadRequest("A dag_run_id needs its dag_id: with ~ as dag_id, dag_run_id must be ~ too")
        return {"of_run": (await existing_dag_run(state, dag_id, dag_run_id))["id"]}
    if dag_id == ANYTHING:
        return {}
    await existing_dag(state, dag_id)
    return {"dag_id": dag_id}


async def _group_tasks(state: ApiState, dag_id: str, dag_run_id: str, group_id: str) -> tuple[str, ...]:
    """By the run's version or, over several runs, the DAG's latest; raises `NotFound` and `BadRequest`."""
    if dag_id == ANYTHING:
        raise BadRequest("A task_group_id needs the dag_id in the path: ~ is not a DAG")
    one_run = dag_run_id != ANYTHING
    row = await (existing_dag_run(state, dag_id, dag_run_id) if one_run else existing_dag(state, dag_id))
    found = tasks_inside(await state["dag_specs"].get(VersionKey.of_row(row)), group_id)
    if found is None:
        raise NotFound(f"The task group {group_id!r} of the DAG {dag_id!r} was not found")
    return found


@router.get("/{task_id}", responses=documented(404))
async def get_task_instance(dag_id: str, dag_run_id: str, task_id: str, state: StateDep) -> TaskInstanceResponse:
    """A task's instance in one run."""
    row = await _existing(state, dag_id, dag_run_id, task_id, None)
    if row["map_index"] >= 0:
        raise NotFound(f"The task {task_id!r} is mapped: add a map_index to the path")
    return await _shown(state, row)


@router.get("/{task_id}/tries", responses=documented(404))
async def get_task_instance_tries(
    dag_id: str, dag_run_id: str, task_id: str, state: StateDep, map_index: Integer = -1
) -> TaskInstanceHistoryCollectionResponse:
    """All tries of a task instance, oldest first."""
    tries = await _tries(state, dag_id, dag_run_id, task_id, map_index)
    return TaskInstanceHistoryCollectionResponse(task_instances=tries, total_entries=len(tries))


@router.get("/{task_id}/{map_index}/tries", responses=documented(404))
async def get_mapped_task_instance_tries(
    dag_id: str, dag_run_id: str, task_id: str, map_index: Integer, state: StateDep
) -> TaskInstanceHistoryCollectionResponse:
    """All tries of one instance of a mapped task, oldest first."""
    tries = await _tries(state, dag_id, dag_run_id, task_id, map_index)
    return TaskInstanceHistoryCollectionResponse(task_instances=tries, total_entries=len(tries))


@router.get("/{task_id}/tries/{task_try_number}", responses=documented(404))
async def get_task_instance_try_details(
    dag_id: str, dag_run_id: str, task_id: str, task_try_number: Integer, state: StateDep, map_index: Integer = -1
) -> TaskInstanceHistoryResponse:
    """One try of a task instance."""
    return await _try(state, dag_id, dag_run_id, task_id, map_index, task_try_number)


@router.get("/{task_id}/{map_index}/tries/{task_try_number}", responses=documented(404))
async def get_mapped_task_instance_try_details(
    dag_id: str, dag_run_id: str, task_id: str, task_try_number: Integer, map_index: Integer, state: StateDep
) -> TaskInstanceHistoryResponse:
    """One try of one instance of a mapped task."""
    return await _try(state, dag_id, dag_run_id, task_id, map_index, task_try_number)


@router.get("/{task_id}/{map_index}", responses=documented(404))
async def get_mapped_task_instance(
    dag_id: str, dag_run_id: str, task_id: str, map_index: Integer, state: StateDep
) -> TaskInstanceResponse:
    """One instance of a mapped task."""
    return await _shown(state, await _existing(state, dag_id, dag_run_id, task_id, map_index))


async def _existing(state: ApiState, dag_id: str, dag_run_id: str, task_id: str, map_index: int | None) -> Row:
    row = await queries.get_task_instance(state["database"], dag_id, dag_run_id, task_id, map_index)
    if row is None:
        raise NotFound(_unknown(dag_id, dag_run_id, task_id, map_index))
    return row


async def _tries(
    state: ApiState, dag_id: str, dag_run_id: str, task_id: str, map_index: int
) -> list[TaskInstanceHistoryResponse]:
    rows = await queries.list_tries(state["database"], dag_id, dag_run_id, task_id, map_index)
    if not rows:
        raise NotFound(_unknown(dag_id, dag_run_id, task_id, map_index))
    tasks = await state["dag_specs"].tasks(map(VersionKey.of_row, rows))
    return [try_response(TaskInstanceHistoryResponse, row, tasks) for row in rows]


async def _try(
    state: ApiState, dag_id: str, dag_run_id: str, task_id: str, map_index: int, try_number: int
) -> TaskInstanceHistoryResponse:
    for each in await _tries(state, dag_id, dag_run_id, task_id, map_index):
        if each.try_number == try_number:
            return each
    raise NotFound(f"{_unknown(dag_id, dag_run_id, task_id, map_index)}: it has no try {try_number}")


async def _shown(state: ApiState, row: Row) -> TaskInstanceResponse:
    return task_instance_response(row, await state["dag_specs"].tasks([VersionKey.of_row(row)]))


def _unknown(dag_id: str, dag_run_id: str, task_id: str, map_index: int | None) -> str:
    of_index = "" if map_index is None else f" (map_index {map_index})"
    return f"The task instance {task_id!r}{of_index} in the run {dag_run_id!r} of the DAG {dag_id!r} was not found"
