"""The scheduler's port on Postgres."""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Final
from uuid import UUID

from tradewind.core.errors import Conflict
from tradewind.core.gates import Past, PastQuestion
from tradewind.core.rows import (
    AttemptHolder,
    Capacity,
    CommitResult,
    Committed,
    DecisionBatch,
    EndedTaskInstance,
    FailingDag,
    LimitedTask,
    LoadedRun,
    SlotsRefused,
    StaleRuns,
    TaskInstanceId,
    TaskInstanceRow,
)
from tradewind.core.spec import DagSpec
from tradewind.core.states import TaskInstanceState
from tradewind.db.decisions import RowChange, row_changes
from tradewind.db.limits import REPUBLISH_AFTER_MAX, TOMBSTONES_KEPT, WORKERS_EXPIRED_MAX
from tradewind.db.pool import Database, Row, Session
from tradewind.db.postgres.dag_requests import insert_dag_requests
from tradewind.db.postgres.end_writer import EndWriter
from tradewind.db.postgres.row_mapping import (
    capacity,
    dag_run_row,
    first_integers,
    first_uuids,
    storable_text,
    task_instance_id,
    task_instance_row,
)
from tradewind.db.specs import SpecCache, load_spec
from tradewind.db.statements import statement

CHANGE_COLUMNS: Final = 16
REPLACED_COLUMNS: Final = 3
DEFERRAL_COLUMNS: Final = 10
CREATED_COLUMNS: Final = 19
"""How many parameters of commit_decisions.sql describe a changed and a created row."""


class PostgresSchedulerStore:
    """`SchedulerStore`: a batch of decisions is one statement, which is its own transaction."""

    def __init__(self, database: Database, specs: SpecCache) -> None:
        self._database = database
        self._ends = EndWriter(specs)

    async def renew_scheduler(self, scheduler_id: UUID, now: datetime) -> bool:
        values = (scheduler_id, now, socket.gethostname())
        return await self._database.fetch_value(statement("renew_scheduler"), *values) is not None

    async def retire_scheduler(self, scheduler_id: UUID) -> None:
        async with self._database.transaction() as transaction:
            await transaction.fetch(statement("delete_scheduler"), scheduler_id)
            await transaction.fetch(statement("disown_dag_runs"), [scheduler_id])

    async def expire_schedulers(self, now: datetime, lease: timedelta) -> Sequence[UUID]:
        async with self._database.transaction() as transaction:
            rows = await transaction.fetch(statement("expire_schedulers"), now, lease.total_seconds())
            expired = sorted(first_uuids(rows))
            if expired:
                await transaction.fetch(statement("disown_dag_runs"), expired)
            await transaction.fetch(statement("delete_scheduler_tombstones"), now - TOMBSTONES_KEPT)
        return expired

    async def start_dag_runs(
        self, scheduler_id: UUID, dag_ids: Sequence[str] | None, now: datetime, limit: int
    ) -> Sequence[int]:
        async with self._database.transaction() as transaction:
            wanted = None if dag_ids is None else list(dag_ids)
            locked = await transaction.fetch(statement("lock_startable_dags"), scheduler_id, wanted, now)
            if not locked:
                return []
            startable = [row["dag_id"] for row in locked]
            started = await transaction.fetch(statement("start_dag_runs"), scheduler_id, startable, now, limit)
        return first_integers(sorted(started, key=itemgetter("run_after", "id")))

    async def adopt_dag_runs(self, scheduler_id: UUID, limit: int) -> Sequence[int]:
        return sorted(first_integers(await self._database.fetch(statement("adopt_dag_runs"), scheduler_id, limit)))

    async def owned_dag_runs(self, scheduler_id: UUID) -> Sequence[int]:
        return first_integers(await self._database.fetch(statement("list_owned_dag_runs"), scheduler_id))

    async def load_dag_runs(self, scheduler_id: UUID, dag_run_ids: Sequence[int]) -> Sequence[LoadedRun]:
        async with self._database.transaction("repeatable_read", readonly=True) as transaction:
            runs = await transaction.fetch(statement("load_dag_runs"), scheduler_id, list(dag_run_ids))
            rows = await transaction.fetch(statement("load_task_instances"), first_integers(runs)) if runs else []
        by_run: dict[int, list[TaskInstanceRow]] = {}
        for row in rows:
            by_run.setdefault(row["dag_run_id"], []).append(task_instance_row(row))
        return [LoadedRun(run=dag_run_row(run), task_instances=tuple(by_run.get(run["id"], ()))) for run in runs]

    async def load_dag_specs(self, dag_version_ids: Sequence[UUID]) -> Mapping[UUID, DagSpec]:
        rows = await self._database.fetch(statement("load_dag_specs"), list(dag_version_ids))
        return {row["id"]: load_spec(row["spec"]) for row in rows}

    async def load_capacity(self) -> Capacity:
        return await _load_capacity(self._database)

    async def commit_decisions(self, batch: DecisionBatch) -> CommitResult:
        if not batch.limited and not batch.failing and not batch.requests and not batch.deferrals:
            return await self._commit(self._database, batch)
        async with self._database.transaction() as transaction:
            if batch.failing:
                await transaction.fetch(statement("lock_dag_rows"), [dag.dag_id for dag in batch.failing])
            if not await _have_room(transaction, batch.limited):
                return SlotsRefused(await _load_capacity(transaction))
            result = await self._commit(transaction, batch)
            if isinstance(result, Committed):
                await insert_dag_requests(transaction, batch.requests, batch.now)
            if isinstance(result, Committed) and batch.deferrals:
                await transaction.fetch(statement("insert_deferrals"), batch.now, *_deferral_columns(batch))
            if isinstance(result, Committed) and batch.failing:
                columns = _columns(batch.failing, len(FailingDag._fields))
                paused = await transaction.fetch(statement("pause_failing_dags"), *columns)
                return replace(result, paused_dag_ids=tuple(sorted(row["dag_id"] for row in paused)))
        return result

    async def _commit(self, session: Session, batch: DecisionBatch) -> CommitResult:
        changes = row_changes(batch)
        changed = [change for change in changes if change.created is None]
        values = (
            *(batch.scheduler_id, batch.now),
            *_run_columns(batch),
            *_columns([_change_values(change) for change in changed], CHANGE_COLUMNS),
            *_columns([_created_values(change) for change in changes if change.created is not None], CREATED_COLUMNS),
            *_columns(batch.replaced, REPLACED_COLUMNS),
            [change.kept_after for change in changed],
        )
        try:
            row = await session.fetch_row(statement("commit_decisions"), *values)
        except Conflict:  # a task instance to create is there already: this very batch was committed before
            return StaleRuns(tuple(sorted(change.dag_run_id for change in batch.runs)))
        assert row is not None
        if row["answer"] == "stale":
            return StaleRuns(tuple(row["stale"]))
        limits = _touched_limits(row)
        if row["answer"] == "committed":
            return Committed(limits)
        assert limits is not None
        return SlotsRefused(limits)

    async def count_active(self, tasks: Sequence[tuple[str, str]]) -> Sequence[int]:
        return await _count_active(self._database, tasks)

    async def load_past(self, questions: Sequence[PastQuestion]) -> Sequence[Past]:
        columns = _columns(questions, len(PastQuestion._fields))
        return [_past(row) for row in await self._database.fetch(statement("load_past"), *columns)]

    async def pending_dag_runs(self, scheduler_id: UUID, older_than: datetime) -> Sequence[int]:
        return first_integers(await self._database.fetch(statement("list_pending_dag_runs"), scheduler_id, older_than))

    async def take_unclaimed(
        self,
        scheduler_id: UUID,
        now: datetime,
        first_after: timedelta,
        limit: int,
        *,
        claimed_within: timedelta | None = None,
    ) -> Sequence[TaskInstanceId]:
        values = (scheduler_id, now, first_after, REPUBLISH_AFTER_MAX, limit, claimed_within)
        rows = await self._database.fetch(statement("take_unclaimed"), *values)
        return [task_instance_id(row) for row in sorted(rows, key=_by_priority)]

    async def expire_workers(self, now: datetime, lease: timedelta) -> Sequence[EndedTaskInstance]:
        async with self._database.transaction() as transaction:
            expired = first_uuids(
                await transaction.fetch(statement("expire_workers"), now, lease.total_seconds(), WORKERS_EXPIRED_MAX)
            )
            await transaction.fetch(statement("delete_worker_tombstones"), now - TOMBSTONES_KEPT)
            if not expired:
                return []
            rows = await transaction.fetch(statement("lock_running_attempts"), expired)
            return await self._ends.lose(transaction, rows, now)

    async def attempt_holders(self, attempt_ids: Sequence[UUID]) -> Sequence[AttemptHolder]:
        rows = await self._database.fetch(statement("list_attempt_holders"), list(attempt_ids))
        return [AttemptHolder(attempt_id=row["attempt_id"], worker_id=row["worker_id"]) for row in rows]

    async def recount_slots(self) -> Mapping[str, int]:
        async with self._database.transaction() as transaction:
            await transaction.fetch(statement("lock_limits"))
            rows = await transaction.fetch(statement("recount_slots"))
        return {row["name"]: row["drift"] for row in rows}


async def _load_capacity(session: Session) -> Capacity:
    rows = await session.fetch(statement("load_capacity"))
    pools = [
        (row["pool"], row["slots"], row["used"], row["include_deferred"]) for row in rows if row["pool"] is not None
    ]
    return capacity(pools, rows[0]["parallelism"], rows[0]["parallelism_used"])


async def _have_room(transaction: Session, limited: Sequence[LimitedTask]) -> bool:
    """Whether each of these tasks may have the added instances; nobody else adds any until the transaction ends."""
    if not limited:
        return True
    tasks = [(task.dag_id, task.task_id) for task in limited]
    await transaction.fetch(statement("lock_limited_tasks"), *_columns(tasks, 2))
    active = await _count_active(transaction, tasks)
    return all(task.added + count <= task.size for task, count in zip(limited, active, strict=True))


async def _count_active(session: Session, tasks: Sequence[tuple[str, str]]) -> Sequence[int]:
    return first_integers(await session.fetch(statement("count_active_task_instances"), *_columns(tasks, 2)))


def _past(row: Row) -> Past:
    return Past(
        run_id=row["run_id"],
        logical_date=row["logical_date"],
        found=row["found"],
        unsuccessful=row["unsuccessful"],
        unsuccessful_downstream=row["unsuccessful_downstream"],
        has_any_before=row["has_any_before"],
        is_first_of_backfill=row["is_first_of_backfill"],
    )


def _columns(rows: Sequence[tuple[object, ...]], count: int) -> list[list[object]]:
    """Rows as columns; `count` empty ones for no rows."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(count)]


def _run_columns(batch: DecisionBatch) -> tuple[list[object], ...]:
    """Parameters $3 to $7 of commit_decisions.sql."""
    return (
        [run.dag_run_id for run in batch.runs],
        [run.expected_epoch for run in batch.runs],
        [run.expected_revision for run in batch.runs],
        [run.state for run in batch.runs],
        [run.end_date for run in batch.runs],
    )


def _change_values(change: RowChange) -> tuple[object, ...]:
    """One row of parameters $8 to $23."""
    final = change.final
    return (
        *(*change.id, change.expected_state, change.expected_attempt_id, change.acknowledged is not None),
        *((None, None, None, None) if final is None else (final.state, final.attempt_id, final.try_number, final.pool)),
        change.holds_after,
        None if final is None else final.next_action_at,
        *(change.enters_queued, change.enters_scheduled, change.finishes, change.resets_losses),
    )


def _created_values(change: RowChange) -> tuple[object, ...]:
    """One row of parameters $24 to $42."""
    new, final = change.created, change.final
    assert new is not None
    return (
        *(*new.id, new.max_tries, new.pool if final is None else final.pool, new.pool_slots, new.queue, new.executor),
        *(new.priority_weight, storable_text(new.operator), storable_text(new.task_display_name)),
        *((TaskInstanceState.NONE, None, 0) if final is None else (final.state, final.attempt_id, final.try_number)),
        change.holds_after or 0,
        None if final is None else final.next_action_at,
        *(change.enters_queued, change.enters_scheduled, change.finishes),
    )


def _touched_limits(row: Row) -> Capacity | None:
    if row["pools"] is None:
        return None
    pools = zip(row["pools"], row["slots"], row["used"], row["include_deferred"], strict=True)
    return capacity(pools, row["parallelism"], row["parallelism_used"])


def _by_priority(row: Row) -> tuple[int, TaskInstanceId]:
    return -row["priority_weight"], task_instance_id(row)


def _deferral_columns(batch: DecisionBatch) -> list[list[object]]:
    """Parameters $2 to $11 of insert_deferrals.sql."""
    rows = [
        (
            *(*each.id, each.attempt_id, storable_text(each.deferral.classpath), each.deferral.kwargs),
            *(storable_text(each.deferral.next_method), each.deferral.next_kwargs, each.deferral.queue),
            each.deferral.timeout_at,
        )
        for each in batch.deferrals
    ]
    return _columns(rows, DEFERRAL_COLUMNS)
