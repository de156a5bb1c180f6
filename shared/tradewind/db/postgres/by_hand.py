"""Queueing one task instance by hand, on Postgres.

Locks, in this order: the limit of the task, the run, its task instances, pools, parallelism.
"""

from datetime import datetime

import msgspec

from tradewind.core.by_hand.values import HandQueueing, HandRule, NoRoom
from tradewind.core.revisions import RevisedTaskInstance
from tradewind.core.rows import LimitedTask
from tradewind.db.pool import Database, Session
from tradewind.db.postgres.people import read_runs, revised_columns
from tradewind.db.postgres.row_mapping import first_integers
from tradewind.db.statements import statement


class PostgresHandStore:
    """`HandStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def queue_by_hand(
        self, dag_run_id: int, limited: LimitedTask | None, rule: HandRule, now: datetime
    ) -> HandQueueing:
        async with self._database.transaction() as transaction:
            return await _queue(transaction, dag_run_id, limited, rule, now)


async def _queue(
    session: Session, dag_run_id: int, limited: LimitedTask | None, rule: HandRule, now: datetime
) -> HandQueueing:
    if limited is not None:
        await session.fetch(statement("lock_limited_tasks"), [limited.dag_id], [limited.task_id])
    await session.fetch(statement("lock_dag_runs"), [dag_run_id])
    await session.fetch(statement("lock_task_instances_of_runs"), [dag_run_id])
    runs = await read_runs(session, [dag_run_id])
    queueing = rule(runs[0] if runs else None)
    if queueing.is_replay:
        return queueing
    if limited is not None and not await _has_room(session, limited):
        raise NoRoom.of_limit(limited)
    # Both statements that follow change limits: they are locked before, in their order.
    await session.fetch(statement("lock_limits"))
    await _write(session, queueing, now)
    return queueing


async def _has_room(session: Session, limited: LimitedTask) -> bool:
    [active] = first_integers(
        await session.fetch(statement("count_active_task_instances"), [limited.dag_id], [limited.task_id])
    )
    return active + limited.added <= limited.size


async def _write(session: Session, queueing: HandQueueing, now: datetime) -> None:
    await session.fetch(statement("resume_dag_run"), queueing.id.dag_run_id, queueing.resumes_run, now)
    if queueing.reset is not None:
        await _reset(session, queueing.reset, now)
    values = (
        *(now, *queueing.id, queueing.expected_state, queueing.expected_attempt_id, queueing.attempt_id),
        *(queueing.try_number, queueing.begins_try, queueing.pool, queueing.slots, queueing.queue, queueing.executor),
        *(msgspec.json.encode(queueing.flags).decode(), queueing.must_fit),
    )
    if not await session.fetch(statement("queue_task_instance_by_hand"), *values):
        raise NoRoom.of_pool(queueing.pool)


async def _reset(session: Session, reset: RevisedTaskInstance, now: datetime) -> None:
    await session.fetch(statement("revise_task_instances"), now, *revised_columns([reset]))
