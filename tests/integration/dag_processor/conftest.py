from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import pytest

from tests.integration.dag_processor.running import DagTables
from tradewind.db.memory.store import MemoryStore
from tradewind.db.pool import Database
from tradewind.db.postgres.store import PostgresStore


class MemoryDagTables:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self._tables = self.store.tables

    async def import_errors(self) -> Mapping[str, str]:
        return self._tables.import_errors

    async def stale_dag_ids(self) -> list[str]:
        return sorted(dag.dag_id for dag in self._tables.dags.values() if dag.is_stale)

    async def task_ids(self, dag_id: str) -> list[str]:
        dag = self._tables.dags.get(dag_id)
        version = self._tables.dag_versions[dag.dag_version_id] if dag else None
        return [task.task_id for task in version.spec.tasks] if version else []


class PostgresDagTables:
    def __init__(self, database: Database) -> None:
        self.store = PostgresStore(database)
        self._database = database

    async def import_errors(self) -> Mapping[str, str]:
        rows = await self._database.fetch("SELECT relative_fileloc, stacktrace FROM import_error")
        return {row["relative_fileloc"]: row["stacktrace"] for row in rows}

    async def stale_dag_ids(self) -> list[str]:
        rows = await self._database.fetch("SELECT dag_id FROM dag WHERE is_stale ORDER BY dag_id")
        return [row["dag_id"] for row in rows]

    async def task_ids(self, dag_id: str) -> list[str]:
        sql = "SELECT v.id FROM dag d JOIN dag_version v ON v.id = d.dag_version_id WHERE d.dag_id = $1"
        version_id = await self._database.fetch_value(sql, dag_id)
        if not isinstance(version_id, UUID):
            return []
        spec = (await self.store.load_dag_specs([version_id]))[version_id]
        return [task.task_id for task in spec.tasks]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "dags"
    path.mkdir()
    return path


@pytest.fixture
def tables() -> DagTables:
    """In memory: for what the store's kind cannot change, both being held to one behaviour by their own tests."""
    return MemoryDagTables()


@pytest.fixture(params=["memory", "postgres"])
def any_tables(request: pytest.FixtureRequest) -> DagTables:
    """Each kind of store."""
    if request.param == "memory":
        return MemoryDagTables()
    return PostgresDagTables(request.getfixturevalue("database"))
