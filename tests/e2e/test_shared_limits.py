"""Three scheduler processes over one pool, one cap and one task's limit: never more at once than there is room for."""

import asyncio
import json
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.client import ApiClient
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitMQServer
from tests.servers.stack import Stack, service_stack
from tradewind.db.pool import open_pool

SCHEDULERS = 3
RUNS = 24
POOL_SLOTS = 5
PARALLELISM = 8
SINGLE = 2

DAG_FILE = f"""
import json, os, time
from pathlib import Path
from airflow.sdk import DAG, task

NOTES = Path(os.environ["NOTES_FOLDER"])

def work(seconds, **context):
    began = time.time()
    time.sleep(seconds)
    ti = context["ti"]
    line = json.dumps([ti.dag_id, ti.task_id, began, time.time()])
    (NOTES / f"{{ti.dag_id}}-{{ti.run_id}}-{{ti.task_id}}.json").write_text(line)

for number in range(4):
    with DAG(f"shared_{{number}}", schedule=None, max_active_runs=16):
        for name in ("one", "two"):
            task(task_id=name, pool="small", pool_slots=1 if name == "one" else 2)(work)(0.1)
        task(task_id="single", max_active_tis_per_dag={SINGLE})(work)(0.1)
"""


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


@pytest.fixture
def database_url(postgres: PostgresServer) -> Generator[str]:
    with postgres.new_database() as url:
        asyncio.run(_add_pool(url))
        yield url


@pytest.fixture
def stack(tmp_path: Path, notes: Path, database_url: str, rabbitmq: RabbitMQServer) -> Generator[Stack]:
    dags_folder = tmp_path / "dags"
    dags_folder.mkdir()
    (dags_folder / "shared.py").write_text(DAG_FILE)
    with service_stack(
        tmp_path,
        database_url=database_url,
        broker_url=rabbitmq.new_url(),
        dags_folder=dags_folder,
        counts={"scheduler": SCHEDULERS},
        environment={
            "NOTES_FOLDER": str(notes),
            "TRADEWIND__CORE__PARALLELISM": str(PARALLELISM),
            "TRADEWIND__SCHEDULER__RUNS_PER_BATCH": "1",
        },
    ) as services:
        yield services


async def _add_pool(url: str) -> None:
    async with open_pool(url, 1) as database:
        await database.fetch("INSERT INTO slot_pool (pool, slots) VALUES ('small', $1)", POOL_SLOTS)


async def _owners_and_use(url: str) -> tuple[int, list[int]]:
    """How many schedulers have owned runs, and what is in use in the end."""
    async with open_pool(url, 1) as database:
        owners = await database.fetch_value("SELECT count(DISTINCT owner) FROM dag_run")
        rows = await database.fetch("SELECT used FROM slot_pool UNION ALL SELECT used FROM parallelism")
    assert isinstance(owners, int)
    return owners, [row["used"] for row in rows]


class Note(NamedTuple):
    """When the code of a task instance ran."""

    dag_id: str
    task_id: str
    began: float
    ended: float


def most_at_once(notes: Sequence[Note], weight: Mapping[str, int]) -> int:
    """The largest sum of weights over tasks whose code ran at the same moment."""
    changes = [(note.began, weight[note.task_id]) for note in notes]
    changes += [(note.ended, -weight[note.task_id]) for note in notes]
    at_once = most = 0
    for _, change in sorted(changes):
        at_once += change
        most = max(most, at_once)
    return most


def test_limits_hold_over_three_schedulers(stack: Stack, notes: Path, database_url: str) -> None:
    dags = [f"shared_{number}" for number in range(4)]
    with ApiClient(stack.api_url, stack.username, stack.password) as api:
        for dag_id in dags:
            api.wait_for_dag(dag_id)
            api.unpause(dag_id)
        runs = [(dag_id, api.trigger(dag_id)) for _ in range(RUNS // len(dags)) for dag_id in dags]
        for dag_id, run_id in runs:
            assert api.wait_for_run(dag_id, run_id)["state"] == "success"
    written = [Note(*json.loads(path.read_text())) for path in notes.iterdir()]
    assert len(written) == 3 * RUNS
    # More than one task at once; how many more depends on how busy the machine is.
    assert 2 < most_at_once(written, {"one": 1, "two": 2, "single": 0}) <= POOL_SLOTS
    assert most_at_once(written, {"one": 1, "two": 1, "single": 1}) <= PARALLELISM
    for dag_id in dags:
        own = [note for note in written if note.dag_id == dag_id]
        assert most_at_once(own, {"one": 0, "two": 0, "single": 1}) <= SINGLE
    owners, used = asyncio.run(_owners_and_use(database_url))
    assert owners > 1
    assert used == [0] * len(used)
