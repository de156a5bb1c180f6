"""Old runs go with all that hangs on them; what somebody needs stays, however old it is."""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration.retention.conftest import DAY, NOW, TRY, XCOM, Past, cleaning, new_dag
from tradewind.api.task_logs.stores import LogStores
from tradewind.db.pool import Database


async def test_runs_that_ended_before_the_moment_go_with_all_of_theirs(
    past: Past, database: Database, stores: LogStores
) -> None:
    old = [await past.run(days) for days in (40, 39, 38, 37, 36)]
    young = [await past.run(days) for days in (3, 2)]
    for id_ in (old[0], young[0]):
        await database.fetch(XCOM, id_, "k", NOW)
        await database.fetch(TRY, id_, uuid4(), NOW - 40 * DAY)
        await database.fetch("INSERT INTO task_log VALUES ($1, 't', -1, 1, $2, 0, $3, '{}')", id_, uuid4(), NOW)

    counted = await cleaning(database, stores).count("dag_run")
    assert await past.runs() == [*old, *young]
    deleted = await cleaning(database, stores).clean("dag_run")

    assert (counted, deleted) == (5, 5)
    assert await past.runs() == young
    for table in ("task_instance", "xcom", "task_log", "task_instance_history"):
        rows = await database.fetch(f"SELECT DISTINCT dag_run_id FROM {table} ORDER BY 1")
        assert {row["dag_run_id"] for row in rows} <= set(young), table
        assert rows, table
    assert await database.fetch_value("SELECT count(*) FROM archived_row") == 0


@pytest.mark.parametrize("run_type", ["scheduled", "manual"])
async def test_the_last_run_of_a_dag_stays(past: Past, database: Database, stores: LogStores, run_type: str) -> None:
    await past.run(50, run_type=run_type)
    last = await past.run(40, run_type=run_type)
    assert await cleaning(database, stores).clean("dag_run") == 1
    assert await past.runs() == [last]


async def test_what_schedules_go_on_from_stays_though_others_are_younger(
    past: Past, database: Database, stores: LogStores
) -> None:
    await past.run(60)
    scheduled = await past.run(50)
    partitioned = await past.run(48, logical=False, partition_key="p")
    await past.run(45, run_type="manual")
    manual = await past.run(1, run_type="manual")
    await cleaning(database, stores).clean("dag_run")
    assert await past.runs() == [scheduled, partitioned, manual]


@pytest.mark.parametrize("state", ["running", "queued"])
async def test_the_run_before_one_that_is_not_over_stays(
    past: Past, database: Database, stores: LogStores, state: str
) -> None:
    await past.run(60)
    before = await past.run(50)
    await past.run(49, run_type="manual")
    manual = await past.run(48, run_type="manual")
    going_on = await past.run(47, state=state)
    await past.run(46)
    last = await past.run(45)
    await cleaning(database, stores).clean("dag_run")
    assert await past.runs() == [before, manual, going_on, last]


async def test_what_something_is_about_stays(past: Past, database: Database, stores: LogStores) -> None:
    going_on = await _backfill(database, completed=False)
    completed = await _backfill(database, completed=True)
    filling = await past.run(60, run_type="backfill", backfill_id=going_on)
    await past.run(59, run_type="backfill", backfill_id=completed)
    asked = await past.run(58)
    await database.fetch(
        "INSERT INTO dag_request (dag_id, kind, dag_run_id, created_at) VALUES ('d', 'callback', $1, $2)", asked, NOW
    )
    awaited = await past.run(57)
    await database.fetch("INSERT INTO deadline VALUES ($1, 0, $2)", awaited, NOW)
    ending = await past.run(56, state="failed", task_state="restarting")
    last = await past.run(55)
    await cleaning(database, stores).clean("dag_run")
    assert await past.runs() == [filling, asked, awaited, ending, last]


async def _backfill(database: Database, *, completed: bool) -> int:
    id_ = await database.fetch_value(
        "INSERT INTO backfill (dag_id, from_date, to_date, reprocess_behavior, max_active_runs, created_at, updated_at,"
        " completed_at) VALUES ('d', $1, $1, 'none', 1, $1, $1, $2) RETURNING id",
        NOW - 60 * DAY,
        NOW if completed else None,
    )
    assert isinstance(id_, int)
    return id_


async def test_a_run_that_somebody_has_is_left_for_the_next_time(
    past: Past, database: Database, stores: LogStores
) -> None:
    first, second = await past.run(50), await past.run(49)
    await past.run(1)
    async with database.transaction() as person:
        await person.fetch("SELECT FROM dag_run WHERE id = $1 FOR NO KEY UPDATE", first)
        assert await cleaning(database, stores).clean("dag_run") == 1
        assert first in await past.runs()
        assert second not in await past.runs()
    assert await cleaning(database, stores).clean("dag_run") == 1


async def test_dags_may_be_chosen(past: Past, database: Database, stores: LogStores) -> None:
    other = await new_dag(database, "other")
    for each in (past, other):
        await each.run(50)
        await each.run(1)
    assert await cleaning(database, stores, dag_ids=("other",)).count("dag_run") == 1
    assert await cleaning(database, stores, excluded_dag_ids=("other",)).clean("dag_run") == 1
    assert (len(await past.runs()), len(await other.runs())) == (1, 2)


async def test_files_of_logs_go_with_their_runs(
    past: Past, database: Database, stores: LogStores, tmp_path: Path
) -> None:
    base = f"file://{tmp_path}"
    for days in (50, 1):
        (tmp_path / f"{days}.log").write_text("said")
        values = (await past.run(days), base, f"{days}.log", uuid4(), NOW)
        await database.fetch("INSERT INTO task_log_file VALUES ($1, 't', -1, 1, $2, $3, $4, $5, $5, 4)", *values)
    assert await cleaning(database, stores).clean("dag_run") == 1
    assert _names_in(tmp_path) == ["1.log"]
    assert await database.fetch_value("SELECT path FROM task_log_file") == "1.log"


def _names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_logs_may_go_alone(past: Past, database: Database, stores: LogStores) -> None:
    old = await past.run(50)
    await database.fetch("INSERT INTO task_log VALUES ($1, 't', -1, 1, $2, 0, $3, '{}')", old, uuid4(), NOW)
    assert await cleaning(database, stores).count("task_log") == 1
    assert await cleaning(database, stores).clean("task_log") == 1
    assert await database.fetch_value("SELECT count(*) FROM task_log") == 0
    assert await past.runs() == [old]


async def test_xcoms_may_go_alone(past: Past, database: Database, stores: LogStores) -> None:
    old, going_on = await past.run(50), await past.run(49, state="running")
    for id_ in (old, going_on):
        await database.fetch(XCOM, id_, "k", NOW)
    assert await cleaning(database, stores).count("xcom") == 1
    assert await cleaning(database, stores, archive=True).clean("xcom") == 1
    assert await database.fetch_value("SELECT dag_run_id FROM xcom") == going_on
    assert await database.fetch_value("SELECT content ->> 'key' FROM archived_row") == "k"
    assert await past.runs() == [old, going_on]


async def test_what_goes_may_be_archived(past: Past, database: Database, stores: LogStores) -> None:
    old = await past.run(50)
    await past.run(1)
    await database.fetch(XCOM, old, "k", NOW)
    await database.fetch(TRY, old, uuid4(), NOW - 50 * DAY)
    assert await cleaning(database, stores, archive=True).clean("dag_run") == 1
    rows = await database.fetch("SELECT table_name, content FROM archived_row ORDER BY table_name")
    assert [row["table_name"] for row in rows] == ["dag_run", "task_instance", "task_instance_history", "xcom"]
    assert rows[0]["content"]["id"] == old
    assert {row["content"]["dag_run_id"] for row in rows[1:]} == {old}
