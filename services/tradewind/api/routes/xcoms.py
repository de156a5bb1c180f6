"""`…/taskInstances/{task_id}/xcomEntries`."""

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from tradewind.api.dependencies import StateDep
from tradewind.api.errors import AlreadyExists, BadRequest, documented
from tradewind.api.models.queries import ANYTHING, XComListQuery
from tradewind.api.models.xcoms import (
    XComCollectionResponse,
    XComCreateBody,
    XComResponse,
    XComResponseNative,
    XComResponseString,
    XComUpdateBody,
)
from tradewind.api.presenting import plain
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.api.state import ApiState
from tradewind.core.errors import NotFound
from tradewind.db.api import xcoms as queries
from tradewind.db.api.xcoms import XComName

router = APIRouter(
    prefix="/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries",
    tags=["XCom"],
)


@router.get("", responses=documented(400, 404), openapi_extra=documented_query(XComListQuery))
async def get_xcom_entries(
    dag_id: str,
    dag_run_id: str,
    task_id: str,
    query: Annotated[XComListQuery, Depends(parsed(XComListQuery))],
    state: StateDep,
) -> XComCollectionResponse:
    """A page of XComs without their values; `~` as dag_id, dag_run_id or task_id stands for all."""
    named = {"dag_id": dag_id, "run_id": dag_run_id, "task_id": task_id}
    filters = query.filters() | {name: value for name, value in named.items() if value != ANYTHING}
    page = await queries.list_xcoms(state["database"], filters, query.page())
    entries = [plain(XComResponse, row) for row in page.rows]
    return XComCollectionResponse(xcom_entries=entries, total_entries=page.total_entries)


@router.get("/{xcom_key:path}", responses=documented(400, 404))
async def get_xcom_entry(
    dag_id: str,
    dag_run_id: str,
    task_id: str,
    xcom_key: str,
    state: StateDep,
    map_index: Annotated[int, Query(ge=-1, lt=2**31)] = -1,
    deserialize: Annotated[bool, Query(description="Values are JSON here: with or without it they are the same")] = (
        False
    ),
    stringify: Annotated[bool, Query(description="The value as text")] = False,
) -> XComResponseNative | XComResponseString:
    """One XCom with its value."""
    native = await _found(state, XComName(dag_id, dag_run_id, task_id, map_index, xcom_key))
    if stringify:
        return XComResponseString.model_validate({**native.model_dump(), "value": _as_text(native.value)})
    return native


@router.post("", status_code=201, responses=documented(400, 404, 409))
async def create_xcom_entry(
    dag_id: str, dag_run_id: str, task_id: str, body: XComCreateBody, state: StateDep
) -> XComResponseNative:
    """Write an XCom in the name of a task instance."""
    name = XComName(dag_id, dag_run_id, task_id, body.map_index, body.key)
    match await queries.insert_xcom(state["database"], name, _stored(body.value), state["clock"]()):
        case "written":
            return await _found(state, name)
        case "exists":
            raise AlreadyExists(f"The task {task_id!r} has an XCom {body.key!r} already (map_index {body.map_index})")
        case "no task":
            raise NotFound(f"The run {dag_run_id!r} of the DAG {dag_id!r} has no task {task_id!r}")
        case "no run":
            raise NotFound(f"The DAG {dag_id!r} has no run {dag_run_id!r}")


@router.patch("/{xcom_key:path}", responses=documented(400, 404))
async def update_xcom_entry(
    dag_id: str, dag_run_id: str, task_id: str, xcom_key: str, body: XComUpdateBody, state: StateDep
) -> XComResponseNative:
    """Change the value of an XCom."""
    name = XComName(dag_id, dag_run_id, task_id, body.map_index, xcom_key)
    if not await queries.update_xcom(state["database"], name, _stored(body.value), state["clock"]()):
        raise _not_found(name)
    return await _found(state, name)


@router.delete("/{xcom_key:path}", status_code=204, responses=documented(400, 404))
async def delete_xcom_entry(
    dag_id: str,
    dag_run_id: str,
    task_id: str,
    xcom_key: str,
    state: StateDep,
    map_index: Annotated[int, Query(ge=-1, lt=2**31)] = -1,
) -> Response:
    """Remove an XCom."""
    name = XComName(dag_id, dag_run_id, task_id, map_index, xcom_key)
    if not await queries.delete_xcom(state["database"], name):
        raise _not_found(name)
    return Response(status_code=204)


async def _found(state: ApiState, name: XComName) -> XComResponseNative:
    row = await queries.get_xcom(state["database"], name)
    if row is None:
        raise _not_found(name)
    return XComResponseNative.model_validate({**dict(row.items()), "value": json.loads(row["value"])})


def _not_found(name: XComName) -> NotFound:
    return NotFound(f"The XCom {name.key!r} of the task {name.task_id!r} was not found (map_index {name.map_index})")


def _stored(value: object) -> bytes:
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
    except ValueError as exc:
        raise BadRequest(f"The value has no JSON form: {exc}") from exc


def _as_text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)
