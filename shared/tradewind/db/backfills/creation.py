"""Making a backfill: its dates, its runs, and runs that it takes over, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from tradewind.core.backfills import BackfillDate, BackfillRequest, ReprocessBehavior, backfill_dates
from tradewind.core.clearing import Clearing, clear_dag_runs
from tradewind.core.errors import Conflict
from tradewind.core.revisions import Revised
from tradewind.core.spec import DagSpec
from tradewind.core.states import DagRunState
from tradewind.core.timetables.values import NextRun
from tradewind.db.pool import Database, Row, Session
from tradewind.db.postgres.people import revise_within
from tradewind.db.specs import load_spec
from tradewind.db.statements import statement


class AlreadyRunning(Conflict):
    """The DAG has a backfill that is not complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedBackfill:
    """What was written, and what became of runs that were there."""

    id: int
    revised: Revised


async def create_backfill(
    database: Database,
    request: BackfillRequest,
    runs: Sequence[NextRun],
    *,
    latest_version_id: UUID | None,
    triggering_user_name: str | None,
    now: datetime,
) -> CreatedBackfill:
    """Raises `AlreadyRunning`. Runs that are taken over move to the latest version if that is given."""
    async with database.transaction() as transaction:
        await transaction.fetch(statement("lock_dag_rows"), [request.dag_id])
        backfill_id = await _insert(transaction, request, triggering_user_name, now)
        existing = await _existing(transaction, request.dag_id, runs)
        dates = backfill_dates(runs, _states(existing), request.reprocess_behavior)
        revised = await _clear(transaction, dates, existing, latest_version_id, now)
        await _insert_runs(transaction, backfill_id, request, dates, triggering_user_name, now)
    return CreatedBackfill(id=backfill_id, revised=revised)


async def planned_dates(
    database: Database, dag_id: str, runs: Sequence[NextRun], behavior: ReprocessBehavior
) -> list[BackfillDate]:
    """What would become of each date, as things are now."""
    async with database.transaction() as transaction:
        return backfill_dates(runs, _states(await _existing(transaction, dag_id, runs)), behavior)


async def _insert(session: Session, request: BackfillRequest, username: str | None, now: datetime) -> int:
    row = await session.fetch_row(
        statement("insert_backfill"),
        request.dag_id,
        request.from_date,
        request.to_date,
        request.conf,
        request.reprocess_behavior.value,
        request.max_active_runs,
        now,
        username,
    )
    if row is None:
        raise AlreadyRunning(f"There is already a running backfill for dag {request.dag_id}")
    return row["id"]


async def _existing(session: Session, dag_id: str, runs: Sequence[NextRun]) -> list[Row]:
    partitions = [run.partition.date for run in runs if run.partition is not None]
    if partitions:
        return await session.fetch(statement("load_runs_by_partition"), dag_id, partitions)
    return await session.fetch(statement("load_runs_by_date"), dag_id, [run.logical_date for run in runs])


def _states(rows: Sequence[Row]) -> Mapping[datetime, tuple[int, DagRunState]]:
    return {row["date"]: (row["id"], DagRunState(row["state"])) for row in rows}


async def _clear(
    session: Session,
    dates: Sequence[BackfillDate],
    existing: Sequence[Row],
    latest_version_id: UUID | None,
    now: datetime,
) -> Revised:
    cleared = [date.clears for date in dates if date.clears is not None]
    if not cleared:
        return Revised()
    versions = {row["dag_version_id"]: None for row in existing}
    if latest_version_id is not None:
        versions[latest_version_id] = None
    rows = await session.fetch(statement("load_dag_specs"), list(versions))
    specs: dict[UUID, DagSpec] = {row["id"]: load_spec(row["spec"]) for row in rows}
    rule = partial(clear_dag_runs, clearing=Clearing(specs=specs, latest_version_id=latest_version_id))
    return await revise_within(session, cleared, rule, now)


async def _insert_runs(
    session: Session,
    backfill_id: int,
    request: BackfillRequest,
    dates: Sequence[BackfillDate],
    username: str | None,
    now: datetime,
) -> None:
    await session.fetch(
        statement("insert_backfill_runs"),
        now,
        request.dag_id,
        backfill_id,
        request.conf,
        username,
        list(range(1, len(dates) + 1)),
        [date.run_id(backfill_id) for date in dates],
        [date.run.logical_date for date in dates],
        [None if date.run.data_interval is None else date.run.data_interval.end for date in dates],
        [date.run.run_after for date in dates],
        [date.clears for date in dates],
        [None if date.left is None else date.left.value for date in dates],
        [None if date.run.partition is None else date.run.partition.key for date in dates],
        [None if date.run.partition is None else date.run.partition.date for date in dates],
    )
