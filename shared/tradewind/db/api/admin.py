"""What the API asks about everything around the runs: import errors, pools, variables, connections, health.

Functions return rows under the names that the API shows; unknown names give None or no rows. Values of variables and
connections are encrypted (bytes) here; whoever calls holds the key.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from tradewind.db.api.pages import Page, PageRequest, fetch_page
from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement

CONNECTION_FIELDS = ("conn_type", "description", "host", "login", "schema", "port", "password", "extra")
"""Columns of a connection after its id, in the order in which statements take them."""


async def list_import_errors(database: Database, filters: Mapping[str, object], request: PageRequest) -> Page:
    return await fetch_page(database, "api_list_import_errors", filters, request)


async def get_import_error(database: Database, import_error_id: int) -> Row | None:
    return await database.fetch_row(statement("api_get_import_error"), import_error_id)


async def list_pools(database: Database, filters: Mapping[str, object], request: PageRequest) -> Page:
    return await fetch_page(database, "api_list_pools", filters, request)


async def list_variables(database: Database, filters: Mapping[str, object], request: PageRequest) -> Page:
    return await fetch_page(database, "api_list_variables", filters, request)


async def get_variable(database: Database, key: str) -> Row | None:
    return await database.fetch_row(statement("api_get_variable"), key)


async def create_variable(database: Database, key: str, value: bytes, description: str | None) -> bool:
    """False if the key is taken."""
    return await database.fetch_row(statement("api_insert_variable"), key, value, description) is not None


async def update_variable(
    database: Database, key: str, fields: Sequence[str], value: bytes | None, description: str | None
) -> Row | None:
    """Change the fields named; None if there is no such variable."""
    return await database.fetch_row(statement("api_update_variable"), key, list(fields), value, description)


async def delete_variable(database: Database, key: str) -> bool:
    """False if there was none."""
    return await database.fetch_row(statement("api_delete_variable"), key) is not None


async def list_connections(database: Database, filters: Mapping[str, object], request: PageRequest) -> Page:
    return await fetch_page(database, "api_list_connections", filters, request)


async def get_connection(database: Database, conn_id: str) -> Row | None:
    return await database.fetch_row(statement("api_get_connection"), conn_id)


async def create_connection(database: Database, conn_id: str, values: Mapping[str, object]) -> bool:
    """False if the id is taken."""
    ordered = [values.get(field) for field in CONNECTION_FIELDS]
    return await database.fetch_row(statement("api_insert_connection"), conn_id, *ordered) is not None


async def update_connection(database: Database, conn_id: str, values: Mapping[str, object]) -> Row | None:
    """Change the fields that `values` holds; None if there is no such connection."""
    ordered = [values.get(field) for field in CONNECTION_FIELDS]
    return await database.fetch_row(statement("api_update_connection"), conn_id, list(values), *ordered)


async def delete_connection(database: Database, conn_id: str) -> bool:
    """False if there was none."""
    return await database.fetch_row(statement("api_delete_connection"), conn_id) is not None


async def list_heartbeats(database: Database) -> Mapping[str, datetime | None]:
    """service → when any of its processes was last heard of."""
    rows = await database.fetch(statement("api_list_heartbeats"))
    return {row["service"]: row["renewed_at"] for row in rows}
