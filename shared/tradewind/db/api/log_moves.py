"""How logs leave the database for the log store: claimed, written by the caller, finished."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tradewind.db.api.task_logs import LogKey
from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class LogToMove:
    """A log that nothing can be added to, and the names for its path."""

    key: LogKey
    dag_id: str
    run_id: str


async def list_settled_logs(
    database: Database, after: LogKey, limit: int, succeeded_before: datetime, claimed_before: datetime
) -> Sequence[Row]:
    """The next tries with chunks: the columns of their keys, `dag_id`, `run_id`, and `is_settled`: the log can be moved
    now."""
    return await database.fetch(
        statement("api_list_settled_logs"), *_columns(after), limit, succeeded_before, claimed_before
    )


async def claim_log_move(
    database: Database, key: LogKey, base: str, path: str, claim: UUID, now: datetime, claimed_before: datetime
) -> bool:
    """False = another has the claim, or the log was moved, or its run is gone."""
    row = await database.fetch_row(
        statement("api_claim_log_move"), *_columns(key), base, path, claim, now, claimed_before
    )
    return row is not None


async def drop_log_move(database: Database, key: LogKey, claim: UUID) -> None:
    """Give a claim back."""
    await database.fetch(statement("api_drop_log_move"), *_columns(key), claim)


async def finish_log_move(
    database: Database, key: LogKey, claim: UUID, now: datetime, size_bytes: int, held: Mapping[UUID, int]
) -> bool:
    """The file holds each attempt's chunks up to the number given: they go. False = the claim was lost, nothing is
    done."""
    row = await database.fetch_row(
        statement("api_finish_log_move"), *_columns(key), claim, now, size_bytes, list(held), list(held.values())
    )
    return row is not None


def _columns(key: LogKey) -> tuple[int, str, int, int]:
    return key.dag_run_id, key.task_id, key.map_index, key.try_number


async def list_old_log_runs(database: Database, ended_before: datetime, limit: int) -> Sequence[int]:
    """Ids of runs that ended before this and have logs, chunks or files."""
    rows = await database.fetch(statement("api_list_old_log_runs"), ended_before, limit)
    return [row["dag_run_id"] for row in rows]


async def list_log_files(database: Database, dag_run_id: int, limit: int) -> Sequence[Row]:
    """Files of a run's logs: `task_id`, `map_index`, `try_number`, `base`, `path`."""
    return await database.fetch(statement("api_list_log_files"), dag_run_id, limit)


async def forget_log_files(database: Database, dag_run_id: int, files: Sequence[Row]) -> None:
    """These, of `list_log_files`, are no more."""
    columns = [[file[name] for file in files] for name in ("task_id", "map_index", "try_number")]
    await database.fetch(statement("api_forget_log_files"), dag_run_id, *columns)


async def delete_log_chunks(database: Database, dag_run_id: int) -> None:
    """All chunks of a run's logs."""
    await database.fetch(statement("api_delete_log_chunks"), dag_run_id)
