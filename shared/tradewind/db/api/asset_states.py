"""What is kept for assets, as people see and change it over REST. Values are JSON texts."""

from collections.abc import Sequence
from datetime import datetime

from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement


async def list_asset_states(
    database: Database, asset_id: int, limit: int, offset: int
) -> tuple[int, Sequence[Row]] | None:
    """How many there are, and a page of them by key; None if there is no such asset."""
    rows = await database.fetch(statement("api_list_asset_states"), asset_id, limit, offset)
    if not rows:
        return None
    return rows[0]["total_entries"], [row for row in rows if row["key"] is not None]


async def get_asset_state(database: Database, asset_id: int, key: str) -> Row | None:
    """A row of nulls if nothing is kept under the key; None if there is no such asset."""
    return await database.fetch_row(statement("api_get_asset_state"), asset_id, key)


async def set_asset_state(database: Database, asset_id: int, key: str, value: bytes, now: datetime) -> bool:
    """False if there is no such asset."""
    return bool(await database.fetch_value(statement("api_set_asset_state"), asset_id, key, value, now))


async def delete_asset_states(database: Database, asset_id: int, key: str | None) -> bool:
    """One, or all; False if there is no such asset."""
    return bool(await database.fetch_value(statement("api_delete_asset_states"), asset_id, key))
