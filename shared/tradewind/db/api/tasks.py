"""What the API asks about task instances, their logs and XComs.

Functions return rows under the names that the API shows; unknown names give None or no rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tradewind.db.api.pages import Cursor, Page, PageRequest, fetch_keyset_page
from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class TryKey:
    """One try of a task instance."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKey:
    """Where the log of one try is kept."""

    dag_run_id: int
    task_id: str
    map_index: int
    try_number: int


async def list_task_instances(
    database: Database, filters: Mapping[str, object], request: PageRequest, cursor: Cursor | None, now: datetime
) -> Page:
    return await fetch_keyset_page(database, "api_list_task_instances", filters, request, cursor, now)


async def get_task_instance(
    database: Database, dag_id: str, run_id: str, task_id: str, map_index: int | None = None
) -> Row | None:
    """The instance of this map index; without one, the task's first."""
    return await database.fetch_row(statement("api_get_task_instance"), dag_id, run_id, task_id, map_index)


async def list_tries(database: Database, dag_id: str, run_id: str, task_id: str, map_index: int) -> Sequence[Row]:
    """All tries, oldest first."""
    return await database.fetch(statement("api_list_tries"), dag_id, run_id, task_id, map_index)


async def get_log_target(database: Database, key: TryKey) -> Row | None:
    """`dag_run_id` and `state` of the try."""
    return await database.fetch_row(
        statement("api_get_log_target"), key.dag_id, key.run_id, key.task_id, key.map_index, key.try_number
    )


async def list_log_attempts(database: Database, key: LogKey) -> Sequence[Row]:
    """Attempts of the try that have logged: `attempt_id`, `first_logged_at`, `last_sequence`,
    `worker_id`, `hostname`."""
    return await database.fetch(
        statement("api_list_log_attempts"), key.dag_run_id, key.task_id, key.map_index, key.try_number
    )


async def list_log_chunks(database: Database, key: LogKey, attempt_id: UUID, after: int, limit: int) -> Sequence[Row]:
    """The next chunks of an attempt's log after this `sequence`: `sequence`, `lines`."""
    return await database.fetch(
        statement("api_list_log_chunks"),
        key.dag_run_id,
        key.task_id,
        key.map_index,
        key.try_number,
        attempt_id,
        after,
        limit,
    )
