"""`…/taskInstances/{task_id}/xcomEntries`."""

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from tradewind.api.dependencies import StateDep
from tradewind.api.errors import documented
from tradewind.api.models.queries import ANYTHING, XComListQuery
from tradewind.api.models.xcoms import XComCollectionResponse, XComResponse, XComResponseNative, XComResponseString
from tradewind.api.presenting import plain
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.core.errors import NotFound
from tradewind.db.api import tasks as queries

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
    row = await queries.get_xcom(state["database"], dag_id, dag_run_id, task_id, map_index, xcom_key)
    if row is None:
        raise NotFound(f"The XCom {xcom_key!r} of the task {task_id!r} was not found")
    fields = {**dict(row.items()), "value": json.loads(row["value"])}
    if stringify:
        return XComResponseString.model_validate({**fields, "value": _as_text(fields["value"])})
    return XComResponseNative.model_validate(fields)


def _as_text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)
