"""The database is cleaned, down to what is needed at that moment, while everything runs."""

import asyncio
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.client import ApiClient, wait_until
from tests.polling import poll_until
from tests.servers.postgres import PostgresServer
from tests.servers.stack import Stack, standalone_stack
from tradewind.api.retention.cleaning import Cleaning
from tradewind.api.task_logs.stores import LogStores
from tradewind.db.pool import Database, open_pool
from tradewind.db.retention.runs import Scope
from tradewind.db.secrets import SecretBox
from tradewind.service.clock import utc_now
from tradewind.service.settings import LogSettings

pytestmark = pytest.mark.full

RUNS = 60
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FILE = """
import os
from datetime import datetime, timedelta
from airflow.sdk import DAG, task

with DAG("chain", schedule=None, start_date=datetime(2026, 1, 1), is_paused_upon_creation=False,
         default_args={"depends_on_past": True, "retries": 1, "retry_delay": timedelta(0)}):
    @task
    def first(logical_date=None, ti=None):
        if ti.try_number == 1 and logical_date.minute % 3 == 0:
            raise RuntimeError("once")
        return logical_date.isoformat()

    @task
    def second(said, ti=None):
        with open(os.environ["ORDER_FILE"], "a") as file:
            file.write(said + "\\n")

    second(first())
"""

ORPHANS = """
SELECT count(*) FROM (
    SELECT dag_run_id FROM task_instance UNION ALL SELECT dag_run_id FROM xcom
    UNION ALL SELECT dag_run_id FROM task_log UNION ALL SELECT dag_run_id FROM task_instance_history_default
) AS rows
WHERE NOT EXISTS (SELECT FROM dag_run r WHERE r.id = rows.dag_run_id)"""
HELD = "SELECT (SELECT sum(used) FROM slot_pool) + (SELECT sum(used) FROM parallelism)"
GOING_ON = "SELECT count(*) FROM dag_run WHERE state IN ('queued', 'running')"


@pytest.fixture(scope="module")
def database_url(postgres: PostgresServer) -> Generator[str]:
    with postgres.new_database() as url:
        yield url


@pytest.fixture(scope="module")
def order(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the tasks write."""
    return tmp_path_factory.mktemp("order") / "order.txt"


@pytest.fixture(scope="module")
def stack(database_url: str, order: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    folder = tmp_path_factory.mktemp("cleaning")
    (folder / "dags").mkdir()
    (folder / "dags" / "chain.py").write_text(FILE)
    environment = {"TRADEWIND__DATABASE__URL": database_url, "ORDER_FILE": str(order)}
    with standalone_stack(folder, dags_folder=folder / "dags", environment=environment) as running:
        yield running


def _trigger_all(stack: Stack) -> list[str]:
    with ApiClient(stack.api_url, stack.username, stack.password) as api:
        api.wait_for_dag("chain")
        dates = [(NOON + timedelta(minutes=number)).isoformat() for number in range(RUNS)]
        for date in dates:
            api.trigger("chain", logical_date=date)
        return dates


async def _clean_until(done: asyncio.Event, database: Database, folder: Path) -> int:
    """All that can go, again and again; how many runs."""
    stores = LogStores(
        settings=LogSettings(base_log_folder=folder), database=database, secrets=SecretBox("A" * 43 + "=")
    )
    total = 0
    while True:
        is_last = done.is_set()
        cleaning = Cleaning(database=database, stores=stores, scope=Scope(before=utc_now()), batch_size=7)
        total += await cleaning.clean("dag_run")
        if is_last:
            return total
        await asyncio.sleep(0.01)


async def _is_quiet(database: Database) -> bool:
    return await database.fetch_value(GOING_ON) == 0


async def test_what_is_scheduled_meanwhile_does_not_notice(
    stack: Stack, database_url: str, order: Path, tmp_path: Path
) -> None:
    done = asyncio.Event()
    async with open_pool(database_url, 4) as database, asyncio.TaskGroup() as group:
        cleaned = group.create_task(_clean_until(done, database, tmp_path), name="cleaning")
        dates = await asyncio.to_thread(_trigger_all, stack)
        await poll_until(lambda: _is_quiet(database), 180.0)
        done.set()
        removed = await cleaned
        left = await database.fetch("SELECT state, logical_date FROM dag_run ORDER BY logical_date")
        assert [row["state"] for row in left] == ["success"]
        assert left[0]["logical_date"].isoformat() == dates[-1]
        assert removed == RUNS - 1
        # depends_on_past was kept throughout, and each ran once.
        assert (await asyncio.to_thread(order.read_text)).split() == dates
        assert await database.fetch_value(HELD) == 0
        assert await database.fetch_value(ORPHANS) == 0
    wait_until(lambda: stack.processes["standalone"].is_healthy, "the stack is healthy")
