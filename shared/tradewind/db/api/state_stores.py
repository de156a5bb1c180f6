"""What attempts keep: each function is one statement that checks the attempt and acts; see `execution` for
what it raises."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tradewind.db.api.execution import running, speaking
from tradewind.db.pool import Database
from tradewind.db.statements import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetName:
    """An asset by its name or, if that is empty, by its URI."""

    name: str
    uri: str


async def get_task_state(database: Database, attempt_id: UUID, key: str, now: datetime) -> bytes | None:
    """A value of the attempt's own task instance, as JSON text; None if there is none, or not any more."""
    row = await database.fetch_row(statement("api_get_attempt_task_state"), attempt_id, key, now)
    return speaking(attempt_id, row)["value"]


async def set_task_state(
    database: Database, attempt_id: UUID, key: str, value: bytes, expires_at: datetime | None, now: datetime
) -> None:
    """Keep a value for the attempt's own task instance."""
    row = await database.fetch_row(statement("api_set_attempt_task_state"), attempt_id, key, value, expires_at, now)
    running(attempt_id, row)


async def delete_task_state(database: Database, attempt_id: UUID, key: str | None) -> None:
    """Forget one value of the attempt's own task instance; None: all of them."""
    running(attempt_id, await database.fetch_row(statement("api_delete_attempt_task_state"), attempt_id, key))


async def get_asset_state(database: Database, attempt_id: UUID, asset: AssetName, key: str) -> bytes | None:
    """A value that is kept for an asset, as JSON text; None if there is none."""
    row = await database.fetch_row(statement("api_get_attempt_asset_state"), attempt_id, asset.name, asset.uri, key)
    return speaking(attempt_id, row)["value"]


async def set_asset_state(
    database: Database, attempt_id: UUID, asset: AssetName, key: str, value: bytes, now: datetime
) -> None:
    """Keep a value for an asset."""
    sql = statement("api_set_attempt_asset_state")
    running(attempt_id, await database.fetch_row(sql, attempt_id, asset.name, asset.uri, key, value, now))


async def delete_asset_state(database: Database, attempt_id: UUID, asset: AssetName, key: str | None) -> None:
    """Forget one value of an asset; None: all of them."""
    sql = statement("api_delete_attempt_asset_state")
    running(attempt_id, await database.fetch_row(sql, attempt_id, asset.name, asset.uri, key))
