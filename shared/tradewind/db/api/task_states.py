"""What task instances keep, as people see and change it over REST. Values are JSON texts."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement


class TaskPlace(NamedTuple):
    """Which task instance; a map index of None stands for all of a task."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int | None


async def list_task_states(database: Database, place: TaskPlace, limit: int, offset: int) -> tuple[int, Sequence[Row]]:
    """How many there are, and a page of them by key."""
    rows = await database.fetch(statement("api_list_task_states"), *place, limit, offset)
    return rows[0]["total_entries"], [row for row in rows if row["key"] is not None]


async def get_task_state(database: Database, place: TaskPlace, key: str) -> Row | None:
    return await database.fetch_row(statement("api_get_task_state"), *place, key)


async def set_task_state(
    database: Database, place: TaskPlace, key: str, value: bytes, *, expires_at: datetime | None, now: datetime
) -> bool:
    """False if there is no such task instance."""
    sql = statement("api_set_task_state")
    return await database.fetch_row(sql, *place, key, value, expires_at, now) is not None


async def change_task_state(database: Database, place: TaskPlace, key: str, value: bytes, now: datetime) -> bool:
    """False if nothing is kept under the key."""
    return await database.fetch_row(statement("api_change_task_state"), *place, key, value, now) is not None


async def delete_task_states(database: Database, place: TaskPlace, key: str | None) -> bool:
    """One, or all; False if there is no such task instance."""
    return bool(await database.fetch_value(statement("api_delete_task_states"), *place, key))
