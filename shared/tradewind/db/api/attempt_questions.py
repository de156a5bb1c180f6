"""What an attempt may ask about XComs, task instances, runs and DAGs: each function is one statement that checks the
attempt and answers; see `execution` for what it raises.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from tradewind.db.api.dags import NewDagRun
from tradewind.db.api.execution import running, speaking
from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement

MAX_PLACE: Final = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class XComPlace:
    """What a task's instances pushed under one key."""

    dag_id: str
    run_id: str
    task_id: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceFilters:
    """Which task instances or runs of a DAG; None admits all."""

    dag_id: str
    map_index: int | None = None
    task_ids: Sequence[str] | None = None
    logical_dates: Sequence[datetime] | None = None
    run_ids: Sequence[str] | None = None
    states: Sequence[str] | None = None


async def list_xcoms(
    database: Database,
    attempt_id: UUID,
    place: XComPlace,
    *,
    first: int = 0,
    limit: int | None = None,
    include_prior_dates: bool = False,
) -> Sequence[bytes]:
    """Values as JSON texts, in the order of the map indexes."""
    values = (place.dag_id, place.run_id, place.task_id, place.key, include_prior_dates, first)
    row = await database.fetch_row(
        statement("api_list_attempt_xcoms"), attempt_id, *values, MAX_PLACE if limit is None else limit
    )
    return speaking(attempt_id, row)["xcoms"] or ()


async def count_xcoms(database: Database, attempt_id: UUID, place: XComPlace) -> int:
    """How many values there are."""
    values = (place.dag_id, place.run_id, place.task_id, place.key)
    row = await database.fetch_row(statement("api_count_attempt_xcoms"), attempt_id, *values)
    return speaking(attempt_id, row)["total"]


async def count_task_instances(database: Database, attempt_id: UUID, filters: InstanceFilters) -> int:
    """How many task instances there are."""
    sql = statement("api_count_attempt_task_instances")
    row = await database.fetch_row(sql, attempt_id, *_instances(filters), filters.states)
    return speaking(attempt_id, row)["total"]


async def list_task_states(database: Database, attempt_id: UUID, filters: InstanceFilters) -> Sequence[Row]:
    """`run_id`, `task_id`, `map_index`, `ti_state` of each task instance."""
    rows = await database.fetch(statement("api_list_attempt_task_states"), attempt_id, *_instances(filters))
    speaking(attempt_id, rows[0] if rows else None)
    return [row for row in rows if row["task_id"] is not None]


async def list_breadcrumbs(database: Database, attempt_id: UUID, dag_id: str, run_id: str) -> Sequence[Row]:
    """`task_id`, `map_index`, `ti_state`, `operator`, `duration` of each task instance that has ended."""
    rows = await database.fetch(statement("api_list_attempt_breadcrumbs"), attempt_id, dag_id, run_id)
    speaking(attempt_id, rows[0] if rows else None)
    return [row for row in rows if row["task_id"] is not None]


async def get_previous_task_instance(
    database: Database,
    attempt_id: UUID,
    dag_id: str,
    task_id: str,
    *,
    map_index: int,
    logical_date: datetime | None,
    state: str | None,
) -> Row | None:
    """The latest instance of the task before the date; None if there is none."""
    sql = statement("api_get_attempt_previous_task_instance")
    row = speaking(
        attempt_id, await database.fetch_row(sql, attempt_id, dag_id, task_id, map_index, logical_date, state)
    )
    return None if row["run_id"] is None else row


async def count_dag_runs(database: Database, attempt_id: UUID, filters: InstanceFilters) -> int:
    """How many runs there are."""
    values = (filters.dag_id, filters.logical_dates, filters.run_ids, filters.states)
    row = await database.fetch_row(statement("api_count_attempt_dag_runs"), attempt_id, *values)
    return speaking(attempt_id, row)["total"]


async def get_dag_run(database: Database, attempt_id: UUID, dag_id: str, run_id: str) -> Row | None:
    """The run; None if there is none."""
    row = speaking(
        attempt_id, await database.fetch_row(statement("api_get_attempt_dag_run"), attempt_id, dag_id, run_id)
    )
    return None if row["run_id"] is None else row


async def get_previous_dag_run(
    database: Database, attempt_id: UUID, dag_id: str, logical_date: datetime, state: str | None
) -> Row | None:
    """The latest run before the date; None if there is none."""
    sql = statement("api_get_attempt_previous_dag_run")
    row = speaking(attempt_id, await database.fetch_row(sql, attempt_id, dag_id, logical_date, state))
    return None if row["run_id"] is None else row


async def get_dag(database: Database, attempt_id: UUID, dag_id: str) -> Row | None:
    """The DAG; None if it is unknown."""
    row = speaking(attempt_id, await database.fetch_row(statement("api_get_attempt_dag"), attempt_id, dag_id))
    return None if row["dag_id"] is None else row


async def create_dag_run(database: Database, attempt_id: UUID, run: NewDagRun) -> int | None:
    """Insert a run in state `queued` for a task that asked for it; None if there is one of this id or logical date."""
    row = await database.fetch_row(
        statement("api_insert_attempt_dag_run"),
        attempt_id,
        run.dag_id,
        run.run_id,
        run.logical_date,
        run.data_interval_start,
        run.data_interval_end,
        run.run_after,
        run.queued_at,
        run.conf,
        run.note,
        run.dag_version_id,
    )
    return running(attempt_id, row)["dag_run_id"]


def _instances(filters: InstanceFilters) -> tuple[Any, ...]:
    return (filters.dag_id, filters.map_index, filters.task_ids, filters.logical_dates, filters.run_ids)
