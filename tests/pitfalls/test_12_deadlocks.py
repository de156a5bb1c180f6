"""Row 12: two services lock the same task instances in different orders, and the database ends one of them."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import pytest

from tests.polling import poll_until
from tests.queued_attempts import QueuedRun, queue_attempts
from tradewind.core.rows import Claim, WorkerBeat
from tradewind.db.pool import Database, open_pool
from tradewind.db.postgres import collector
from tradewind.db.postgres.store import PostgresStore
from tradewind.db.statements import statement
from tradewind.db.store import StoreUnavailable
from tradewind.service.clock import new_id, utc_now

TASKS = 100
_CREATE_RUN = """
INSERT INTO dag_run (dag_id, run_id, run_type, run_after, queued_at, triggered_by, dag_version_id, state, conf)
SELECT $1, $2, 'manual', $3, $3, 'rest_api', v.id, 'queued', '{}' FROM dag_version v WHERE v.dag_id = $1
RETURNING id
"""
_ROW_BY_ROW = """
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET enable_hashjoin = off', current_database());
    EXECUTE format('ALTER DATABASE %I SET enable_mergejoin = off', current_database());
END $$
"""
"""For connections opened from now on: rows are looked up, and so locked, in the order of the claims, whatever the
planner thinks of the table meanwhile."""
_HOLD = "SELECT FROM task_instance WHERE attempt_id = $1 FOR UPDATE"
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def _queued(database: Database, store: PostgresStore) -> QueuedRun:
    async def create(dag_id: str, run_id: str, now: datetime) -> int:
        number = await database.fetch_value(_CREATE_RUN, dag_id, run_id, now)
        assert isinstance(number, int)
        return number

    await database.fetch("UPDATE slot_pool SET slots = -1")
    await database.fetch("UPDATE parallelism SET slots = 0")
    return await queue_attempts(store, create, count=TASKS)


async def deadlocks(url: str) -> int:
    """How many there were while two collectors granted the same claims, each from its own end of the list. Both wait
    for the row in the middle before they go on."""
    async with open_pool(url, 1) as database:
        await database.fetch(_ROW_BY_ROW)
    async with open_pool(url, 4) as database:
        return await _deadlocks(database)


async def _deadlocks(database: Database) -> int:
    store = PostgresStore(database)
    run, incarnation = await _queued(database, store), new_id()
    beat = WorkerBeat(
        worker_id="w",
        incarnation=incarnation,
        hostname="h",
        pid=1,
        kind="celery",
        queues=("default",),
        concurrency=TASKS,
        attempt_ids=(),
        sequence=1,
    )
    await store.record_beats([beat], utc_now())
    claims = [
        Claim(
            dag_id=run.dag_id,
            run_id=run.run_id,
            task_id=task_id,
            map_index=-1,
            attempt_id=attempt_id,
            worker_id="w",
            incarnation=incarnation,
            nonce=1,
        )
        for task_id, attempt_id in zip(run.task_ids, run.attempt_ids, strict=True)
    ]
    found = 0

    async def grant(batch: Sequence[Claim]) -> None:
        nonlocal found
        try:
            await store.grant_claims(batch, utc_now())
        except StoreUnavailable as exc:
            found += "deadlock" in str(exc)

    async def both_wait() -> bool:
        return await database.fetch_value(_WAITING) == 2

    async with asyncio.TaskGroup() as group, database.transaction() as holding:
        await holding.fetch(_HOLD, run.attempt_ids[TASKS // 2])
        group.create_task(grant(claims), name="collector-0")
        group.create_task(grant(claims[::-1]), name="collector-1")
        await poll_until(both_wait)
    return found


async def test_rows_are_locked_in_one_order(database_url: str) -> None:
    assert await deadlocks(database_url) == 0


async def test_in_the_order_of_arrival_they_would_wait_for_each_other(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unordered(name: str) -> str:
        return statement(name).replace("ORDER BY t.dag_run_id, t.task_id, t.map_index", "")

    monkeypatch.setattr(collector, "statement", unordered)
    assert await deadlocks(database_url) == 1
