"""What the API asks about DAGs and their runs, and the little that it writes about them.

Functions return rows under the names that the API shows; unknown names give None or no rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from tradewind.core.spec import DagSpec
from tradewind.db.api.access import NewEvent
from tradewind.db.api.pages import Cursor, Page, PageRequest, fetch_keyset_page, fetch_page
from tradewind.db.pool import Database, Row, Session
from tradewind.db.specs import load_spec
from tradewind.db.statements import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDagRun:
    """A run that a person asks for."""

    dag_id: str
    run_id: str
    dag_version_id: UUID
    triggered_by: Literal["rest_api", "ui", "cli"]
    triggering_user_name: str | None
    logical_date: datetime | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    run_after: datetime
    queued_at: datetime
    conf: Mapping[str, object]
    note: str | None
    run_type: Literal["manual", "asset_materialization"] = "manual"
    partition_key: str | None = None
    partition_date: datetime | None = None
    event: NewEvent | None = None
    """Written to the audit log with the run, if it is."""


@dataclass(frozen=True, slots=True)
class PausedDags:
    """What pausing or unpausing changed."""

    dag_ids: Sequence[str]
    revised_dag_run_ids: Sequence[int]


async def list_dags(database: Database, filters: Mapping[str, object], request: PageRequest) -> Page:
    return await fetch_page(database, "api_list_dags", filters, request, {"needs_latest_run": "latest_run" in filters})


async def get_dag(database: Database, dag_id: str, username: str | None = None) -> Row | None:
    return await database.fetch_row(statement("api_get_dag"), dag_id, username)


async def pause_dags(database: Database, dag_ids: Sequence[str], *, is_paused: bool) -> PausedDags:
    """Pause or unpause these DAGs and raise the revision of their running runs, in one transaction."""
    async with database.transaction() as session:
        changed = await session.fetch(statement("api_lock_dags"), list(dag_ids), is_paused)
        if not changed:
            return PausedDags((), ())
        return await _set_paused(session, [row["dag_id"] for row in changed], is_paused=is_paused)


async def _set_paused(session: Session, dag_ids: Sequence[str], *, is_paused: bool) -> PausedDags:
    await session.fetch(statement("api_update_dags_paused"), dag_ids, is_paused)
    revised = await session.fetch(statement("api_revise_running_dag_runs"), dag_ids)
    return PausedDags(dag_ids, [row["id"] for row in revised])


async def get_trigger_target(database: Database, dag_id: str) -> Row | None:
    """The DAG, unless it is stale."""
    return await database.fetch_row(statement("api_get_trigger_target"), dag_id)


async def create_dag_run(session: Session, run: NewDagRun) -> int | None:
    """Insert the run in state `queued`; None if the DAG has a run of this run_id or logical_date already."""
    row = await session.fetch_row(
        statement("api_insert_dag_run"),
        run.dag_id,
        run.run_id,
        run.triggered_by,
        run.triggering_user_name,
        run.logical_date,
        run.data_interval_start,
        run.data_interval_end,
        run.run_after,
        run.queued_at,
        run.conf,
        run.note,
        run.dag_version_id,
        run.run_type,
        run.partition_key,
        run.partition_date,
        *_logged(run.event),
    )
    return None if row is None else row["id"]


def _logged(event: NewEvent | None) -> tuple[object, ...]:
    return (None,) * 5 if event is None else (event.event, event.extra, event.via, event.remote_address, event.status)


async def list_dag_runs(
    database: Database, filters: Mapping[str, object], request: PageRequest, cursor: Cursor | None, now: datetime
) -> Page:
    return await fetch_keyset_page(database, "api_list_dag_runs", filters, request, cursor, {"now": now})


async def get_dag_run(database: Database, dag_id: str, run_id: str) -> Row | None:
    return await database.fetch_row(statement("api_get_dag_run"), dag_id, run_id)


async def get_dag_specs(database: Database, dag_version_ids: Sequence[UUID]) -> Mapping[UUID, DagSpec]:
    """What these versions say; unknown ids are left out."""
    rows = await database.fetch(statement("api_get_dag_specs"), list(dag_version_ids))
    return {row["id"]: load_spec(row["spec"]) for row in rows}
