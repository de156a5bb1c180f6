"""What the API asks about everything around the runs: import errors, pools, variables, connections, health.
What changes pools, variables and connections is in `kept`.

Functions return rows under the names that the API shows; unknown names give None or no rows. Values of variables and
connections are encrypted (bytes) here; whoever calls holds the key.
"""

from collections.abc import Mapping
from datetime import datetime

from tradewind.db.api.pages import Page, PageRequest, fetch_page
from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement


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


async def list_connections(database: Database, filters: Mapping[str, object], request: PageRequest) -> Page:
    return await fetch_page(database, "api_list_connections", filters, request)


async def get_connection(database: Database, conn_id: str) -> Row | None:
    return await database.fetch_row(statement("api_get_connection"), conn_id)


async def list_heartbeats(database: Database) -> Mapping[str, datetime | None]:
    """service → when any of its processes was last heard of."""
    rows = await database.fetch(statement("api_list_heartbeats"))
    return {row["service"]: row["renewed_at"] for row in rows}
