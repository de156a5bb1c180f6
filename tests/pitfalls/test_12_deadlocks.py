"""Row 12: two services lock the same task instances in different orders, and the database ends one of them."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import pytest

from tests.queued_attempts import QueuedRun, queue_attempts
from tradewind.core.rows import Claim, WorkerBeat
from tradewind.db.pool import Database
from tradewind.db.postgres import collector
from tradewind.db.postgres.store import PostgresStore
from tradewind.db.statements import statement
from tradewind.db.store import StoreUnavailable
from tradewind.service.clock import new_id, utc_now

TASKS = 100
ROUNDS = 12
_CREATE_RUN = """
INSERT INTO dag_run (dag_id, run_id, run_type, run_after, queued_at, triggered_by, dag_version_id, state, conf)
SELECT $1, $2, 'manual', $3, $3, 'rest_api', v.id, 'queued', '{}' FROM dag_version v WHERE v.dag_id = $1
RETURNING id
"""


async def _queued(database: Database, store: PostgresStore) -> QueuedRun:
    async def create(dag_id: str, run_id: str, now: datetime) -> int:
        number = await database.fetch_value(_CREATE_RUN, dag_id, run_id, now)
        assert isinstance(number, int)
        return number

    await database.fetch("UPDATE slot_pool SET slots = -1")
    await database.fetch("UPDATE parallelism SET slots = 0")
    return await queue_attempts(store, create, count=TASKS)


async def deadlocks(database: Database) -> int:
    """How many there were while two collectors granted the same claims, each from its own end of the list."""
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
        for _ in range(ROUNDS):
            try:
                await store.grant_claims(batch, utc_now())
            except StoreUnavailable as exc:
                found += "deadlock" in str(exc)
                return

    async with asyncio.TaskGroup() as group:
        for place in range(4):
            group.create_task(grant(claims if place % 2 else claims[::-1]), name=f"collector-{place}")
    return found


async def test_rows_are_locked_in_one_order(database: Database) -> None:
    assert await deadlocks(database) == 0


async def test_in_the_order_of_arrival_they_would_wait_for_each_other(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unordered(name: str) -> str:
        return statement(name).replace("ORDER BY t.dag_run_id, t.task_id, t.map_index", "")

    monkeypatch.setattr(collector, "statement", unordered)
    assert await deadlocks(database) > 0
