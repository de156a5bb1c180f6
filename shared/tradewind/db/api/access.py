"""What the API asks about who may do what to single DAGs, and what it writes of what people did.

Functions return rows under the names that the API shows; unknown names give None or no rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Literal

from tradewind.db.api.pages import Page, PageRequest, fetch_page
from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement

GranteeType = Literal["role", "user"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An entry of the audit log, its fields in the order of the statement that writes it."""

    created_at: datetime
    event: str
    dag_id: str | None
    run_id: str | None
    task_id: str | None
    map_index: int | None
    try_number: int | None
    logical_date: datetime | None
    owner: str | None
    extra: str
    via: str | None
    remote_address: str | None
    status: int
    """Of the answer, as HTTP has it."""


async def list_dag_grants(database: Database, role: str, username: str) -> Sequence[Row]:
    """`dag_id` with `permissions` given by people, or `access_control` by the DAG itself, to this role or user."""
    return await database.fetch(statement("api_list_dag_grants"), role, username)


async def dags_of_import_error(database: Database, import_error_id: int) -> Sequence[str]:
    """The DAGs that are known of the file."""
    rows = await database.fetch(statement("api_list_dags_of_import_error"), import_error_id)
    return [row["dag_id"] for row in rows]


async def dags_of_file(database: Database, relative_fileloc: str) -> Sequence[str]:
    """The DAGs that are known of the file."""
    rows = await database.fetch(statement("api_list_dags_of_file"), relative_fileloc)
    return [row["dag_id"] for row in rows]


async def list_dag_permissions(database: Database, filters: Mapping[str, object], request: PageRequest) -> Page:
    """What people gave, by grantee and DAG unless another order is asked for."""
    return await fetch_page(database, "api_list_dag_permissions", filters, request)


async def put_dag_permission(
    database: Database, grantee_type: GranteeType, grantee: str, dag_id: str, permissions: Sequence[str]
) -> None:
    """Give exactly these permissions."""
    await database.fetch(statement("api_put_dag_permission"), grantee_type, grantee, dag_id, list(permissions))


async def delete_dag_permission(database: Database, grantee_type: GranteeType, grantee: str, dag_id: str) -> bool:
    """False if there was none."""
    sql = statement("api_delete_dag_permission")
    return await database.fetch_row(sql, grantee_type, grantee, dag_id) is not None


async def insert_event(database: Database, event: NewEvent) -> None:
    """Append to the audit log."""
    await database.fetch(statement("api_insert_event"), *astuple(event))


async def list_events(database: Database, filters: Mapping[str, object], request: PageRequest) -> Page:
    """The audit log, by id unless another order is asked for."""
    return await fetch_page(database, "api_list_events", filters, request)


async def get_event(database: Database, event_id: int) -> Row | None:
    """One entry of the audit log."""
    return await database.fetch_row(statement("api_get_event"), event_id)
