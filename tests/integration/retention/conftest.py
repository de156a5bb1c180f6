"""A database of one's own, and what fills it: cleaning looks at everything there is."""

from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet

from tests.servers.postgres import PostgresServer
from tradewind.api.retention.cleaning import Cleaning
from tradewind.api.task_logs.stores import LogStores
from tradewind.db.pool import Database, open_pool
from tradewind.db.retention.runs import Scope
from tradewind.db.secrets import SecretBox
from tradewind.service.settings import LogSettings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)

FILLED = ("dag_run", "dag", "dag_version", "asset", "event_log", "archived_row", "task_instance_history", "backfill")

VERSION = """
INSERT INTO dag_version (id, dag_id, version_number, structure_digest, file_digest, relative_fileloc, spec, created_at)
VALUES ($1, $2, $3, 'd', 'd', 'f.py', '{}', $4)"""
DAG = """
INSERT INTO dag (dag_id, relative_fileloc, dag_version_id, is_paused, max_active_tasks, max_active_runs)
VALUES ($1, 'f.py', $2, false, 16, 16)"""
RUN = """
INSERT INTO dag_run (dag_id, run_id, state, run_type, triggered_by, run_after, queued_at, start_date, end_date,
    logical_date, dag_version_id, backfill_id, partition_key)
VALUES ($1, $2, $3, $4, 'rest_api', $5, $5, $5, $6, $7, $8, $9, $10) RETURNING id"""
TASK = """
INSERT INTO task_instance (dag_run_id, task_id, state, max_tries, pool, pool_slots, queue, priority_weight, operator)
VALUES ($1, $2, $3, 0, 'default_pool', 1, 'default', 1, 'x')"""
TRY = """
INSERT INTO task_instance_history (dag_run_id, dag_id, run_id, task_id, map_index, try_number, attempt_id, id, state,
    max_tries, recorded_at, pool, pool_slots, queue, priority_weight, operator)
VALUES ($1, 'd', 'r', 't', -1, 1, $2, $2, 'failed', 1, $3, 'default_pool', 1, 'default', 1, 'x')"""
XCOM = "INSERT INTO xcom (dag_run_id, task_id, key, value, created_at) VALUES ($1, 't', $2, '1', $3)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Makes runs of a DAG that ended days ago."""

    database: Database
    dag_id: str
    version: str

    async def run(
        self,
        days: float,
        *,
        state: str = "success",
        run_type: str = "scheduled",
        logical: bool = True,
        backfill_id: int | None = None,
        partition_key: str | None = None,
        task_state: str | None = None,
    ) -> int:
        """The id of a run that began so many days ago, and ended an hour later if it is over."""
        began = NOW - days * DAY
        ended = began + timedelta(hours=1) if state in ("success", "failed") else None
        values = (self.dag_id, f"{run_type}_{days}", state, run_type, began, ended, began if logical else None)
        more = (self.version, backfill_id, partition_key)
        run_id = await self.database.fetch_value(RUN, *values, *more)
        assert isinstance(run_id, int)
        await self.database.fetch(TASK, run_id, "t", task_state or ("success" if ended else "running"))
        return run_id

    async def runs(self) -> list[int]:
        """Ids of those that are left."""
        rows = await self.database.fetch("SELECT id FROM dag_run WHERE dag_id = $1 ORDER BY id", self.dag_id)
        return [row["id"] for row in rows]


@pytest.fixture(scope="session")
def url(postgres: PostgresServer) -> Generator[str]:
    with postgres.new_database() as database_url:
        yield database_url


@pytest.fixture
async def database(url: str) -> AsyncGenerator[Database]:
    """Emptied of what is cleaned."""
    async with open_pool(url, 4) as opened:
        for table in FILLED:
            await opened.fetch(f"DELETE FROM {table}")
        yield opened


@pytest.fixture
async def past(database: Database) -> Past:
    return await new_dag(database, "d")


def cleaning(
    database: Database, stores: LogStores, *, archive: bool = False, batch: int = 2, **scope: tuple[str, ...]
) -> Cleaning:
    """Of what is a month old, in batches so small that there are several."""
    chosen = Scope(before=NOW - 30 * DAY, **scope)
    archived_at = NOW if archive else None
    return Cleaning(database=database, stores=stores, scope=chosen, batch_size=batch, archived_at=archived_at)


async def new_dag(database: Database, dag_id: str) -> Past:
    version = uuid4()
    await database.fetch(VERSION, version, dag_id, 1, NOW - 900 * DAY)
    await database.fetch(DAG, dag_id, version)
    return Past(database=database, dag_id=dag_id, version=str(version))


@pytest.fixture
def stores(database: Database, tmp_path: Path) -> LogStores:
    settings = LogSettings(base_log_folder=tmp_path)
    return LogStores(settings=settings, database=database, secrets=SecretBox(Fernet.generate_key().decode()))
