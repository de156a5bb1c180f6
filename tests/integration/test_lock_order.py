"""Who locks several task instances locks them in key order: while one waits for the first, it holds none behind it.

Otherwise two of them could each wait for what the other one holds, and the database would end one of them.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta

import pytest

from tests.polling import poll_until
from tests.store_driver import Driver, guard_of, postgres_driver
from tradewind.core.dag_requests import NewDagRequest, RequestKind
from tradewind.core.rows import DagRunRow, DecisionBatch, EndEffectsRecord, TaskInstanceId
from tradewind.core.spec import TaskSpec
from tradewind.core.states import TaskInstanceState
from tradewind.db.api.people import set_task_instance_notes
from tradewind.db.pool import Database

FIRST, SECOND = "aa", "b"
"""In key order; keys of JSON come the other way round, for the shorter comes first."""

_HOLD = "SELECT FROM task_instance WHERE dag_run_id = $1 AND task_id = $2 FOR NO KEY UPDATE"
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def record_an_end_that_skips(driver: Driver, database: Database, run: DagRunRow) -> None:
    """The second ends, and has the first skipped."""
    attempt_id = (await driver.row(TaskInstanceId(run.id, SECOND))).attempt_id
    assert attempt_id is not None
    await driver.end(run, SECOND, attempt_id, effects=EndEffectsRecord(skipped=((FIRST, -1),)))
    assert (await driver.row(TaskInstanceId(run.id, FIRST))).skip_requested


async def write_notes(driver: Driver, database: Database, run: DagRunRow) -> None:
    await set_task_instance_notes(database, [TaskInstanceId(run.id, each) for each in (SECOND, FIRST)], "a note")


async def set_weights(driver: Driver, database: Database, run: DagRunRow) -> None:
    (request,) = await driver.store.take_dag_requests(driver.now, timedelta(seconds=30), 10)
    assert await driver.store.set_run_weights(request, {FIRST: (1,), SECOND: (2,)}) == run.id


@pytest.mark.parametrize("action", [record_an_end_that_skips, write_notes, set_weights])
async def test_what_waits_for_the_first_holds_none_behind_it(
    database: Database, action: Callable[[Driver, Database, DagRunRow], Coroutine[None, None, None]]
) -> None:
    driver = postgres_driver(database)
    run = await driver.started_run(TaskSpec(task_id=FIRST, retries=1), TaskSpec(task_id=SECOND))
    await driver.running(run, SECOND)
    attempt_id = await driver.running(run, FIRST, retries=1)
    await driver.fail(run, FIRST, attempt_id)
    assert (await driver.row(TaskInstanceId(run.id, FIRST))).state is TaskInstanceState.UP_FOR_RETRY
    request = NewDagRequest(dag_id=run.dag_id, kind=RequestKind.RUN_WEIGHTS, dag_run_id=run.id)
    await driver.store.commit_decisions(
        DecisionBatch(scheduler_id=driver.scheduler_id, now=driver.now, runs=(guard_of(run),), requests=(request,))
    )
    async with asyncio.TaskGroup() as group, database.transaction() as other:
        await other.fetch(_HOLD, run.id, FIRST)
        group.create_task(action(driver, database, run), name="waits for the first")
        await poll_until(lambda: _is_waiting(database))
        async with database.transaction() as third:
            await third.fetch(f"{_HOLD} NOWAIT", run.id, SECOND)


async def _is_waiting(database: Database) -> bool:
    return await database.fetch_value(_WAITING) == 1
