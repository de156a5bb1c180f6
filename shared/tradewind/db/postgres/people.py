"""What people do to runs, on Postgres."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from tradewind.core.revisions import Revised, RevisedTaskInstance, RevisionRule, RunRevision
from tradewind.core.rows import AttemptHolder, LoadedRun, NewTaskInstance, TaskInstanceId, TaskInstanceRow
from tradewind.core.states import TaskInstanceState
from tradewind.db.pool import Database, Row, Session
from tradewind.db.postgres.row_mapping import (
    dag_run_row,
    first_integers,
    storable_text,
    task_instance_id,
    task_instance_row,
)
from tradewind.db.statements import statement

HELD_STATES: Final = (TaskInstanceState.RUNNING, TaskInstanceState.RESTARTING)

REVISED_COLUMNS: Final = 17
CREATED_COLUMNS: Final = 11


class PostgresPeopleStore:
    """`PeopleStore`: a rule is asked between the locks and the writes of one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read_dag_runs(self, dag_run_ids: Sequence[int]) -> Sequence[LoadedRun]:
        async with self._database.transaction("repeatable_read", readonly=True) as transaction:
            return await read_runs(transaction, dag_run_ids)

    async def revise_dag_runs(self, dag_run_ids: Sequence[int], rule: RevisionRule, now: datetime) -> Revised:
        async with self._database.transaction() as transaction:
            return await revise_within(transaction, dag_run_ids, rule, now)


async def revise_within(session: Session, dag_run_ids: Sequence[int], rule: RevisionRule, now: datetime) -> Revised:
    """As `revise_dag_runs`, as part of a transaction."""
    locked = first_integers(await session.fetch(statement("lock_dag_runs"), list(dag_run_ids)))
    held = await session.fetch(statement("lock_task_instances_of_runs"), locked)
    runs = await read_runs(session, locked)
    revisions = tuple(sorted(rule(runs), key=lambda revision: revision.dag_run_id))
    if not revisions:
        return Revised()
    freed_pools = await _write(session, revisions, now)
    dag_ids = {run.run.id: run.run.dag_id for run in runs}
    return Revised(
        revisions=revisions,
        holders=_holders(held, revisions),
        freed_pools=freed_pools,
        dag_ids=tuple(dict.fromkeys(dag_ids[revision.dag_run_id] for revision in revisions)),
    )


async def read_runs(session: Session, dag_run_ids: Sequence[int]) -> list[LoadedRun]:
    """The runs with all their task instances."""
    runs = await session.fetch(statement("read_dag_runs"), list(dag_run_ids))
    rows = await session.fetch(statement("load_task_instances"), first_integers(runs)) if runs else []
    by_run: dict[int, list[TaskInstanceRow]] = {}
    for row in rows:
        by_run.setdefault(row["dag_run_id"], []).append(task_instance_row(row))
    return [LoadedRun(run=dag_run_row(run), task_instances=tuple(by_run.get(run["id"], ()))) for run in runs]


async def _write(session: Session, revisions: Sequence[RunRevision], now: datetime) -> tuple[str, ...]:
    """Returns the pools that slots were given back to."""
    columns = _columns([_run_values(revision) for revision in revisions], 4)
    await session.fetch(statement("revise_dag_runs"), now, *columns)
    created = [_created_values(row) for revision in revisions for row in revision.created]
    if created:
        await session.fetch(statement("create_task_instances"), *_columns(created, CREATED_COLUMNS))
    revised = [row for revision in revisions for row in revision.task_instances]
    if not revised:
        return ()
    rows = await session.fetch(statement("revise_task_instances"), now, *revised_columns(revised))
    return tuple(row["pool"] for row in rows)


def revised_columns(rows: Sequence[RevisedTaskInstance]) -> list[list[object]]:
    """Parameters $2 to $18 of revise_task_instances.sql."""
    return _columns([_revised_values(row) for row in rows], REVISED_COLUMNS)


def _holders(held: Sequence[Row], revisions: Sequence[RunRevision]) -> tuple[AttemptHolder, ...]:
    revised: dict[TaskInstanceId, None] = {
        row.id: None for revision in revisions for row in revision.task_instances if _stops(row)
    }
    return tuple(
        AttemptHolder(attempt_id=row["attempt_id"], worker_id=row["worker_id"])
        for row in held
        if row["state"] in HELD_STATES and row["worker_id"] is not None and task_instance_id(row) in revised
    )


def _stops(row: RevisedTaskInstance) -> bool:
    return row.voids or row.state is TaskInstanceState.RESTARTING


def _run_values(revision: RunRevision) -> tuple[object, ...]:
    return (
        *(revision.dag_run_id, revision.state, revision.dag_version_id),
        *(revision.counts_as_clear, revision.takes_latest_bundle),
    )


def _created_values(row: NewTaskInstance) -> tuple[object, ...]:
    return (*row.id, row.max_tries, *_task_values(row))


def _revised_values(row: RevisedTaskInstance) -> tuple[object, ...]:
    return (
        *(*row.id, row.state, row.max_tries, row.skip_requested, row.voids, row.finishes, row.end_pending),
        row.copies_try,
        *((None,) * 7 if row.task is None else _task_values(row.task)),
    )


def _task_values(row: NewTaskInstance) -> tuple[object, ...]:
    return (
        *(row.pool, row.pool_slots, row.queue, row.executor, row.priority_weight),
        *(storable_text(row.operator), storable_text(row.task_display_name)),
    )


def _columns(rows: Sequence[tuple[object, ...]], count: int) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(count)]
