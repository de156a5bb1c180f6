"""What the API reads to explain a task instance: its run in one snapshot, and what is around the run."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tradewind.core.explain.values import (
    NAMED_MAX,
    AttemptSeen,
    PoolHolders,
    PoolQueue,
    RunSurroundings,
    SchedulerSeen,
    SlotHolder,
    TriggerSeen,
    Waiting,
    WorkerSeen,
)
from tradewind.core.rows import DagRunRow, LoadedRun, TaskInstanceId
from tradewind.db.pool import Database, Row, Session
from tradewind.db.postgres.row_mapping import dag_run_row, task_instance_row
from tradewind.db.statements import statement

WAITING_MAX: Final = 1_000
"""Of those that wait for a pool before a task, so many are put in order."""
WORKERS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRead:
    """A run and what it hangs on."""

    run: DagRunRow
    surroundings: RunSurroundings
    scheduler: SchedulerSeen
    row: Row
    """With the columns of `VersionKey`."""


async def get_run(session: Session, dag_id: str, run_id: str, now: datetime) -> RunRead | None:
    """The run by its names; None = there is none."""
    row = await session.fetch_row(statement("api_explain_dag_run"), dag_id, run_id, now)
    if row is None:
        return None
    surroundings = RunSurroundings(
        backfill_id=row["backfill_id"],
        backfill_is_paused=row["backfill_is_paused"],
        active_runs=row["active_runs"],
        max_active_runs=row["max_active_runs"],
        queued_before=row["queued_before"],
        dag_is_stale=row["dag_is_stale"],
        end_date=row["end_date"],
    )
    scheduler = SchedulerSeen(
        owner_age_seconds=row["owner_age_seconds"],
        owner_is_alive=row["owner_is_alive"],
        alive=row["alive_schedulers"],
    )
    return RunRead(run=dag_run_row(row), surroundings=surroundings, scheduler=scheduler, row=row)


async def load_run(database: Database, dag_id: str, run_id: str, now: datetime) -> tuple[RunRead, LoadedRun] | None:
    """The run with all of its task instances, read in one snapshot."""
    async with database.transaction("repeatable_read", readonly=True) as transaction:
        found = await get_run(transaction, dag_id, run_id, now)
        if found is None:
            return None
        rows = await transaction.fetch(statement("load_task_instances"), [found.run.id])
    return found, LoadedRun(run=found.run, task_instances=tuple(task_instance_row(row) for row in rows))


async def get_attempt(session: Session, id_: TaskInstanceId, default_executor: str, now: datetime) -> AttemptSeen:
    """What the row says of its latest attempt; nothing if there is no row yet."""
    row = await session.fetch_row(statement("api_explain_attempt"), *id_, now)
    if row is None:
        return AttemptSeen(executor=default_executor)
    times = ("queued_at", "published_at", "start_date", "end_date")
    plain = ("queue", "publish_count", "lost_attempts", "dispatch_failures", "cause", "detail", "hostname", "pid")
    return AttemptSeen(
        **{name: row[name] for name in (*times, *plain, "end_pending")},
        executor=row["executor"] or default_executor,
        worker=None if row["worker_id"] is None else _worker(row),
        trigger=None if row["classpath"] is None else _trigger(row),
    )


def _worker(row: Row) -> WorkerSeen:
    return WorkerSeen(
        worker_id=row["worker_id"],
        hostname=row["worker_hostname"],
        kind=row["kind"],
        queues=tuple(row["queues"]),
        concurrency=row["concurrency"],
        attempts=row["attempts"],
        age_seconds=row["age_seconds"],
    )


def _trigger(row: Row) -> TriggerSeen:
    return TriggerSeen(
        classpath=row["classpath"],
        created_at=row["trigger_created_at"],
        timeout_at=row["timeout_at"],
        triggerer_hostname=row["triggerer_hostname"],
        triggerer_age_seconds=row["triggerer_age_seconds"],
        alive_triggerers=row["alive_triggerers"],
    )


async def list_workers(session: Session, now: datetime) -> Sequence[WorkerSeen]:
    """Those whose lease holds."""
    return [_worker(row) for row in await session.fetch(statement("api_explain_workers"), now, WORKERS_MAX)]


async def get_pool_holders(session: Session, pool: str) -> PoolHolders:
    """Who holds most slots of the pool."""
    rows = await session.fetch(statement("api_explain_pool_holders"), pool, NAMED_MAX)
    names = ("dag_id", "run_id", "task_id", "map_index", "state", "slots", "since")
    most = tuple(SlotHolder(**{name: row[name] for name in names}) for row in rows)
    return PoolHolders(most=most, count=rows[0]["holders"] if rows else 0)


async def get_pool_queue(session: Session, pool: str, run: DagRunRow, priority: int, now: datetime) -> PoolQueue:
    """Who waits for the pool before, or beside, a task of the run with this priority."""
    values = (pool, run.id, run.dag_id, priority, WAITING_MAX + 1, now)
    rows = await session.fetch(statement("api_explain_pool_queue"), *values)
    others = [_waiting(row) for row in rows if row["dag_run_id"] is not None]
    return PoolQueue(
        others=tuple(others[:WAITING_MAX]),
        own_dag_active=rows[0]["own_dag_active"],
        count=rows[0]["waiting"],
        is_cut=len(others) > WAITING_MAX,
    )


def _waiting(row: Row) -> Waiting:
    return Waiting(*(row[name] for name in Waiting._fields))
