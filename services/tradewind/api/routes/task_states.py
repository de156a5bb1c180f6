"""`…/taskInstances/{task_id}/state-store`: what tasks keep over their tries."""

import json
from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Response

from tradewind.api.dependencies import StateDep
from tradewind.api.errors import documented
from tradewind.api.models.task_states import (
    TaskStateStoreBody,
    TaskStateStoreCollectionResponse,
    TaskStateStorePatchBody,
    TaskStateStoreResponse,
)
from tradewind.core.errors import NotFound
from tradewind.db.api import task_states as queries
from tradewind.db.api.task_states import TaskPlace
from tradewind.db.pool import Row

router = APIRouter(
    prefix="/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store",
    tags=["Task State Store"],
)

USUAL_RETENTION: Final = timedelta(days=30)
PAGE_MAX: Final = 1000


def _place(
    dag_id: str, dag_run_id: str, task_id: str, map_index: Annotated[int, Query(ge=-1, lt=2**31)] = -1
) -> TaskPlace:
    return TaskPlace(dag_id, dag_run_id, task_id, map_index)


PlaceDep = Annotated[TaskPlace, Depends(_place)]


@router.get("")
async def list_task_state_store(
    place: PlaceDep,
    state: StateDep,
    limit: Annotated[int, Query(ge=0, lt=2**31)] = 50,
    offset: Annotated[int, Query(ge=0, lt=2**31)] = 0,
) -> TaskStateStoreCollectionResponse:
    """A page of what a task instance keeps, by key."""
    total, rows = await queries.list_task_states(state["database"], place, min(limit, PAGE_MAX), offset)
    return TaskStateStoreCollectionResponse(task_state_store=[_shown(row) for row in rows], total_entries=total)


@router.get("/{key:path}", responses=documented(404))
async def get_task_state_store(place: PlaceDep, key: str, state: StateDep) -> TaskStateStoreResponse:
    """What it keeps under a key."""
    row = await queries.get_task_state(state["database"], place, key)
    if row is None:
        raise _nothing(place, key)
    return _shown(row)


@router.put("/{key:path}", status_code=204, responses=documented(404))
async def set_task_state_store(place: PlaceDep, key: str, body: TaskStateStoreBody, state: StateDep) -> Response:
    """Keep a value, also in place of another."""
    now = state["clock"]()
    expires_at: datetime | None = now + USUAL_RETENTION if body.expires_at == "default" else body.expires_at
    text = json.dumps(body.value).encode()
    if not await queries.set_task_state(state["database"], place, key, text, expires_at=expires_at, now=now):
        raise _no_task(place)
    return Response(status_code=204)


@router.patch("/{key:path}", responses=documented(404))
async def patch_task_state_store(place: PlaceDep, key: str, body: TaskStateStorePatchBody, state: StateDep) -> None:
    """Another value under a key that is there; it is kept as long as before."""
    text = json.dumps(body.value).encode()
    if not await queries.change_task_state(state["database"], place, key, text, state["clock"]()):
        raise _nothing(place, key)


@router.delete("/{key:path}", status_code=204, responses=documented(404))
async def delete_task_state_store(place: PlaceDep, key: str, state: StateDep) -> Response:
    """Forget a value, if there is one."""
    if not await queries.delete_task_states(state["database"], place, key):
        raise _no_task(place)
    return Response(status_code=204)


@router.delete("", status_code=204, responses=documented(404))
async def clear_task_state_store(
    place: PlaceDep, state: StateDep, all_map_indices: Annotated[bool, Query()] = False
) -> Response:
    """Forget everything that a task instance keeps, or all instances of the task."""
    meant = place._replace(map_index=None) if all_map_indices else place
    if not await queries.delete_task_states(state["database"], meant, None):
        raise _no_task(meant)
    return Response(status_code=204)


def _shown(row: Row) -> TaskStateStoreResponse:
    return TaskStateStoreResponse.model_validate({**dict(row.items()), "value": json.loads(row["value"])})


def _nothing(place: TaskPlace, key: str) -> NotFound:
    return NotFound(f"The task {place.task_id!r} keeps nothing under {key!r} (map_index {place.map_index})")


def _no_task(place: TaskPlace) -> NotFound:
    which = "" if place.map_index is None else f" (map_index {place.map_index})"
    return NotFound(f"The run {place.run_id!r} of the DAG {place.dag_id!r} has no task {place.task_id!r}{which}")
