"""`…/taskInstances/{task_id}/links`."""

import json
from typing import Annotated

from fastapi import APIRouter, Query

from tradewind.api.dag_specs import VersionKey
from tradewind.api.dependencies import StateDep
from tradewind.api.errors import documented
from tradewind.api.models.extra_links import ExtraLinkCollectionResponse
from tradewind.api.state import ApiState
from tradewind.core.errors import NotFound
from tradewind.db.api import tasks as queries
from tradewind.db.api.xcoms import XComName, get_xcom

router = APIRouter(
    prefix="/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/links",
    tags=["Extra Links", "Task Instance"],
)


@router.get("", responses=documented(404))
async def get_extra_links(
    dag_id: str,
    dag_run_id: str,
    task_id: str,
    state: StateDep,
    map_index: Annotated[int, Query(ge=-1, lt=2**31)] = -1,
    try_number: Annotated[int | None, Query(ge=0, lt=2**31)] = None,
) -> ExtraLinkCollectionResponse:
    """The task's links with their addresses, as the latest try has made them; `try_number` must be one that exists."""
    database = state["database"]
    row = await queries.get_task_instance(database, dag_id, dag_run_id, task_id, map_index)
    if row is None:
        raise NotFound("TaskInstance not found")
    if try_number is not None and try_number != row["try_number"]:
        tries = await queries.list_tries(database, dag_id, dag_run_id, task_id, map_index)
        if all(each["try_number"] != try_number for each in tries):
            raise NotFound(f"TaskInstanceHistory not found for try_number={try_number}")
    version = VersionKey.of_row(row)
    task = (await state["dag_specs"].tasks([version]))[version.id].get(task_id)
    if task is None:
        raise NotFound(f"Task with ID = {task_id} not found")
    links = {
        name: await _address(state, dag_id, dag_run_id, task_id, map_index, key)
        for name, key in sorted(task.extra_links.items())
    }
    return ExtraLinkCollectionResponse(extra_links=links, total_entries=len(links))


async def _address(state: ApiState, dag_id: str, dag_run_id: str, task_id: str, map_index: int, key: str) -> str | None:
    row = await get_xcom(state["database"], XComName(dag_id, dag_run_id, task_id, map_index, key))
    return (json.loads(row["value"]) or None) if row is not None else None
