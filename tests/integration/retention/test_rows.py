"""Months of history, asset events, the audit log, versions of DAGs, and the sweep that looks after all of them."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from tests.integration.retention.conftest import DAY, NOW, TRY, VERSION, Past, cleaning
from tradewind.api.retention.sweep import RetentionSweep
from tradewind.api.settings import RetentionSettings
from tradewind.api.task_logs.stores import LogStores
from tradewind.db.pool import Database
from tradewind.db.retention import history
from tradewind.db.store import StoreUnavailable
from tradewind.service.metrics import Telemetry


async def _months(database: Database) -> list[str]:
    return list(await history.old_months(database, datetime(9999, 1, 1, tzinfo=UTC)))


@pytest.fixture
async def no_months(database: Database) -> None:
    for name in await _months(database):
        await history.drop_month(database, name)


@pytest.mark.usefixtures("no_months")
async def test_each_month_is_made_by_one_of_many_who_want_to(database: Database) -> None:
    async with asyncio.TaskGroup() as group:
        making = [group.create_task(history.add_months(database, NOW), name=f"process {n}") for n in range(6)]
    made = [name for task in making for name in task.result()]
    assert sorted(made) == sorted(await _months(database))
    assert len(made) == 2


@pytest.mark.usefixtures("no_months")
async def test_history_comes_into_the_table_of_its_month_and_goes_with_it(past: Past, database: Database) -> None:
    december = datetime(2025, 12, 15, tzinfo=UTC)
    assert await history.add_months(database, december - 20 * DAY) == [
        "task_instance_history_2025_12",
        "task_instance_history_2026_01",
    ]
    assert await history.add_months(database, december) == ["task_instance_history_2026_02"]
    stays = await past.run(1)
    for dag_run_id in (stays, 4711, 4712):
        await database.fetch(TRY, dag_run_id, uuid4(), december)
    assert await database.fetch_value("SELECT count(*) FROM task_instance_history_2025_12") == 3
    assert list(await history.old_months(database, datetime(2026, 1, 1, tzinfo=UTC))) == [
        "task_instance_history_2025_12"
    ]
    assert list(await history.old_months(database, datetime(2025, 12, 31, tzinfo=UTC))) == []

    assert await history.drop_month(database, "task_instance_history_2025_12") == 1
    rows = await database.fetch("SELECT dag_run_id FROM task_instance_history")
    assert [row["dag_run_id"] for row in rows] == [stays]
    assert "task_instance_history_2025_12" not in await _months(database)


@pytest.mark.usefixtures("no_months")
async def test_a_month_waits_a_moment_only_for_who_writes_history(past: Past, database: Database) -> None:
    await history.add_months(database, NOW)
    async with database.transaction() as writer:
        await writer.fetch(TRY, await past.run(1), uuid4(), NOW)
        with pytest.raises(StoreUnavailable):
            await history.drop_month(database, "task_instance_history_2026_12")
    assert await history.drop_month(database, "task_instance_history_2026_12") == 0


@pytest.mark.usefixtures("no_months")
async def test_a_month_whose_rows_are_there_already_is_left_to_the_default_table(
    past: Past, database: Database, stores: LogStores
) -> None:
    await database.fetch(TRY, await past.run(1), uuid4(), datetime(2026, 12, 1, tzinfo=UTC))
    with pytest.raises(history.MonthRefused, match="task_instance_history_2026_12"):
        await history.add_months(database, NOW)
    telemetry = Telemetry(CollectorRegistry(), service="api")
    settings = RetentionSettings(run_days=30, pause_seconds=0.0)
    sweep = RetentionSweep(settings=settings, stores=stores, database=database, clock=lambda: NOW, telemetry=telemetry)
    assert (await sweep.run_once(NOW, lambda: False))["dag_run"] == 0


async def test_asset_events_go_but_for_those_that_somebody_needs(
    past: Past, database: Database, stores: LogStores
) -> None:
    asset = await database.fetch_value(
        "INSERT INTO asset (name, uri, \"group\", created_at, updated_at) VALUES ('a', 'a', 'g', now(), now())"
        " RETURNING id"
    )
    ids: list[object] = []
    for days in (60, 59, 58, 57, 56, 55, 54, 53):
        ids.append(  # noqa: PERF401 - one after the other
            await database.fetch_value(
                "INSERT INTO asset_event (asset_id, timestamp, extra, source_dag_id) VALUES ($2, $1, '{}', 'd')"
                " RETURNING id",
                NOW - days * DAY,
                asset,
            )
        )
    going_on, over = await past.run(50, state="running"), await past.run(49)
    await database.fetch("INSERT INTO asset_dag_run_queue VALUES ('d', $1, $2, now())", ids[1], asset)
    for run, event in ((going_on, ids[3]), (over, ids[4])):
        await database.fetch("INSERT INTO dag_run_asset_event VALUES ($1, $2)", run, event)
    counted = await cleaning(database, stores, batch=3).count("asset_event")
    assert await cleaning(database, stores, archive=True, batch=3).clean("asset_event") == counted == 5
    left = await database.fetch("SELECT id FROM asset_event ORDER BY id")
    assert [row["id"] for row in left] == [ids[1], ids[3], ids[7]]
    assert await database.fetch_value("SELECT count(*) FROM archived_row WHERE table_name = 'asset_event'") == 5


async def test_the_audit_log_goes_in_batches(database: Database, stores: LogStores) -> None:
    for days, dag_id in ((60, "d"), (59, None), (58, "e"), (57, "d"), (1, "d")):
        values = (NOW - days * DAY, dag_id)
        await database.fetch("INSERT INTO event_log (created_at, event, dag_id) VALUES ($1, 'x', $2)", *values)
    chosen = cleaning(database, stores, excluded_dag_ids=("e",))
    assert await chosen.count("log") == 3
    assert await chosen.clean("log") == 3
    left = await database.fetch("SELECT dag_id FROM event_log ORDER BY created_at")
    assert [row["dag_id"] for row in left] == ["e", "d"]


async def test_versions_that_no_run_has_go_but_for_the_last(past: Past, database: Database, stores: LogStores) -> None:
    for number in (2, 3, 4):
        await database.fetch(VERSION, uuid4(), "d", number, NOW - 60 * DAY)
    await database.fetch(VERSION, uuid4(), "d", 5, NOW)
    await past.run(50)
    assert await cleaning(database, stores).count("dag_version") == 3
    assert await cleaning(database, stores).clean("dag_version") == 3
    left = await database.fetch("SELECT version_number FROM dag_version ORDER BY 1")
    assert [row["version_number"] for row in left] == [1, 5]  # the first is that of the DAG and of its run


@pytest.mark.usefixtures("no_months")
async def test_the_sweep_keeps_what_it_is_told_to(past: Past, database: Database, stores: LogStores) -> None:
    old, young = await past.run(50), await past.run(3)
    await database.fetch("INSERT INTO event_log (created_at, event) VALUES ($1, 'x')", NOW - 50 * DAY)

    def sweep(settings: RetentionSettings, registry: CollectorRegistry) -> RetentionSweep:
        telemetry = (
            Telemetry(CollectorRegistry(), service="api")
            if settings.run_days == 0
            else Telemetry(registry, service="api")
        )
        return RetentionSweep(
            settings=settings, stores=stores, database=database, clock=lambda: NOW, telemetry=telemetry
        )

    assert await sweep(RetentionSettings(), CollectorRegistry()).run_once(NOW, lambda: False) == {}
    assert await sweep(RetentionSettings(run_days=30), CollectorRegistry()).run_once(NOW, lambda: True) == {}
    assert await past.runs() == [old, young]
    assert await _months(database) == ["task_instance_history_2026_12", "task_instance_history_2027_01"]
    kept = RetentionSettings(run_days=30, audit_log_days=60, pause_seconds=0.0)
    registry = CollectorRegistry()
    deleted = await sweep(kept, registry).run_once(NOW, lambda: False)
    assert deleted == {"dag_run": 1, "task_instance_history": 0, "dag_version": 0, "log": 0}
    assert await past.runs() == [young]
    assert registry.get_sample_value("tradewind_api_retention_rows_total", {"table": "dag_run"}) == 1.0
