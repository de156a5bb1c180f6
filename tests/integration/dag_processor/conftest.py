from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.integration.dag_processor.running import DagTables
from tradewind.db.memory import MemoryStore


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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "dags"
    path.mkdir()
    return path


@pytest.fixture
def tables() -> DagTables:
    return MemoryDagTables()
