"""What the API asks about task logs, and how it moves them out of the database.

A log is chunks (`task_log`), or a file in the log store (`task_log_file`), or both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

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


BEFORE_ALL: Final = LogKey(dag_run_id=-1, task_id="", map_index=-1, try_number=-1)


async def get_log_target(database: Database, key: TryKey) -> Row | None:
    """`dag_run_id` and `state` of the try, `file_base` and `file_path` of its log once that was moved."""
    return await database.fetch_row(
        statement("api_get_log_target"), key.dag_id, key.run_id, key.task_id, key.map_index, key.try_number
    )


async def get_log_file(database: Database, key: LogKey) -> Row | None:
    """`file_base` and `file_path` of a log that was moved."""
    return await database.fetch_row(statement("api_get_log_file"), *_columns(key))


async def list_log_attempts(database: Database, key: LogKey) -> Sequence[Row]:
    """Attempts of the try that have chunks: `attempt_id`, `first_logged_at`, `last_sequence`,
    `worker_id`, `hostname`."""
    return await database.fetch(statement("api_list_log_attempts"), *_columns(key))


async def list_log_chunks(
    database: Database, key: LogKey, attempt_id: UUID, after: int, limit: int, max_bytes: int
) -> Sequence[Row]:
    """The next chunks of an attempt's log after this `sequence`: `sequence`, `lines`; at most so many bytes, but one
    chunk if there is any."""
    return await database.fetch(statement("api_list_log_chunks"), *_columns(key), attempt_id, after, limit, max_bytes)


async def measure_log(
    database: Database, key: LogKey, attempts: Sequence[UUID], lasts: Sequence[int]
) -> Mapping[str, int]:
    """Attempt → bytes of its chunks up to the number given for it."""
    rows = await database.fetch(statement("api_measure_log"), *_columns(key), attempts, lasts)
    return {str(row["attempt_id"]): row["size_bytes"] for row in rows}


async def list_log_news(database: Database, keys: Sequence[LogKey]) -> Sequence[Row]:
    """One row per try, in order: `state`, `try_number` and `attempt_id` of its task instance, and `last_sequence` of
    that attempt's log. What changes when there is news."""
    columns = zip(*map(_columns, keys), strict=True)
    return await database.fetch(statement("api_list_log_news"), *map(list, columns))


def _columns(key: LogKey) -> tuple[int, str, int, int]:
    return key.dag_run_id, key.task_id, key.map_index, key.try_number
