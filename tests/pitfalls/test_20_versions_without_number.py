"""Row 20: a DAG file whose serialised form is never twice the same makes a version with every parse."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from tests.pitfalls.stage import dag_of
from tradewind.core.rows import DagFileRow
from tradewind.core.spec import TaskSpec
from tradewind.dag_processor.disk import Disk
from tradewind.dag_processor.folder import DagFolder
from tradewind.db.memory.dags import MemoryDagStore
from tradewind.db.memory.store import MemoryStore
from tradewind.service.clock import utc_now
from tradewind.service.dag_roots import DagRoot

RESTLESS = """
from datetime import datetime
from airflow.sdk import DAG, task

with DAG("restless", start_date=datetime(2030, 1, 1), tags={"a", "b", "c", "d"}, default_args={"owner": "me"}):
    @task(retries=1)
    def one(**context):
        return {"x", "y"}

    @task
    def two(values):
        pass

    two(one())
"""
DIGEST = """
import sys
from pathlib import Path
from tradewind.sdk import aliases
aliases.install()
from tradewind.sdk.dag_file import load_dag_file
from tradewind.sdk.serialize import serialize_dag
from tradewind.db.specs import structure_digest
path = Path(sys.argv[1])
(dag,) = load_dag_file(path, path.parent).dags.values()
print(structure_digest(serialize_dag(dag, path.name)))
"""
PARSES = 20


def digest(path: Path, seed: int) -> str:
    """Of the structure, as a process sees it in which sets have another order."""
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    run = subprocess.run(
        [sys.executable, "-c", DIGEST, str(path)], env=environment, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def test_the_order_of_sets_is_no_structure(tmp_path: Path) -> None:
    path = tmp_path / "restless.py"
    path.write_text(RESTLESS)
    assert len({digest(path, seed) for seed in range(3)}) == 1


def test_a_file_that_stays_as_it_is_is_not_parsed_again(tmp_path: Path) -> None:
    """So that a start date of `now()`, say, makes no version by itself."""
    (tmp_path / "restless.py").write_text(RESTLESS)
    folder = DagFolder(DagRoot(tmp_path), syntax="glob", safe_mode=True)
    digests = folder.list_files().digests
    known = {name: DagFileRow(relative_fileloc=name, file_digest=digest) for name, digest in digests.items()}
    assert known
    assert Disk([folder]).list_all(known).changed == {}


def test_another_task_is_another_structure(tmp_path: Path) -> None:
    path = tmp_path / "restless.py"
    path.write_text(RESTLESS)
    before = digest(path, 0)
    path.write_text(RESTLESS.replace("def two", "def three").replace("two(one", "three(one"))
    assert digest(path, 0) != before


async def _versions() -> int:
    """Of a DAG that changes with each parse and never runs."""
    store = MemoryStore()
    for number in range(PARSES):
        spec = dag_of("dag", TaskSpec(task_id=f"task_{number}"))
        await store.write_dag_file(spec.relative_fileloc, f"digest {number}", [spec], utc_now())
    return len(store.tables.dag_versions)


async def test_what_never_ran_has_one_version() -> None:
    assert await _versions() == 1


async def test_each_structure_kept_there_would_be_one_for_every_parse(monkeypatch: pytest.MonkeyPatch) -> None:
    def has_runs(_self: MemoryDagStore, _version: UUID) -> bool:
        return True

    monkeypatch.setattr(MemoryDagStore, "_has_runs", has_runs)
    assert await _versions() == PARSES
