"""XComs that people read and write over REST. Values are JSON texts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from tradewind.db.api.pages import Page, PageRequest, fetch_page
from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement


class XComName(NamedTuple):
    """Which one."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    key: str


async def list_xcoms(database: Database, filters: Mapping[str, object], request: PageRequest) -> Page:
    return await fetch_page(database, "api_list_xcoms", filters, request)


async def get_xcom(database: Database, name: XComName) -> Row | None:
    return await database.fetch_row(statement("api_get_xcom"), *name)


async def insert_xcom(
    database: Database, name: XComName, value: bytes, now: datetime
) -> Literal["written", "exists", "no task", "no run"]:
    """Write one that is not there yet."""
    row = await database.fetch_row(statement("api_insert_xcom"), *name, value, now)
    if row is None:
        return "no run"
    if not row["has_task"]:
        return "no task"
    return "written" if row["is_written"] else "exists"


async def update_xcom(database: Database, name: XComName, value: bytes, now: datetime) -> bool:
    """False if there is none."""
    return await database.fetch_row(statement("api_update_xcom"), *name, value, now) is not None


async def delete_xcom(database: Database, name: XComName) -> bool:
    """False if there is none."""
    return await database.fetch_row(statement("api_delete_xcom"), *name) is not None
