"""Three scheduler processes and assets that many tasks write at once: each event is one run's, and none is lost."""

import asyncio
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import ApiClient, wait_until
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitMQServer
from tests.servers.stack import Stack, service_stack
from tradewind.db.pool import open_pool

SCHEDULERS = 3
RUNS = 8
MAPPED = 4
EVENTS = RUNS * (2 * MAPPED + 1)
"""Mapped tasks and a deferred one write; what fails or is skipped does not."""

DAG_FILE = f"""
from datetime import datetime, timedelta, timezone
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.sdk import DAG, Asset, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

first, second = Asset("first", "s3://k/first"), Asset("second")

with DAG("producer"):
    @task
    def write(asset, number, dag_run, outlet_events):
        outlet_events[asset].extra = {{"run": dag_run.conf["n"], "number": number}}
    for asset in (first, second):
        task(task_id=f"write_{{asset.name}}", outlets=[asset])(write.function).partial(asset=asset).expand(
            number=list(range({MAPPED}))
        )
    DateTimeSensorAsync(task_id="waits", target_time=datetime(2020, 1, 1, tzinfo=timezone.utc), outlets=[first])
    @task(outlets=[first, second])
    def fails(): raise AirflowFailException
    @task(outlets=[first, second])
    def skips(): raise AirflowSkipException
    fails(), skips()

for dag_id, schedule in (("any", first | second), ("both", [first, second])):
    with DAG(dag_id, schedule=schedule, max_active_runs=1000):
        EmptyOperator(task_id="consume")
"""


@pytest.fixture
def database_url(postgres: PostgresServer) -> Generator[str]:
    with postgres.new_database() as url:
        yield url


@pytest.fixture
def stack(tmp_path: Path, database_url: str, rabbitmq: RabbitMQServer) -> Generator[Stack]:
    dags_folder = tmp_path / "dags"
    dags_folder.mkdir()
    (dags_folder / "shared.py").write_text(DAG_FILE)
    with service_stack(
        tmp_path,
        database_url=database_url,
        broker_url=rabbitmq.new_url(),
        dags_folder=dags_folder,
        counts={"scheduler": SCHEDULERS},
        environment={"TRADEWIND__SCHEDULER__RUNS_PER_BATCH": "1"},
    ) as services:
        yield services


async def _owners(url: str) -> int:
    async with open_pool(url, 1) as database:
        count = await database.fetch_value("SELECT count(DISTINCT owner) FROM dag_run")
    assert isinstance(count, int)
    return count


def _consumed(api: ApiClient, dag_id: str) -> list[list[dict[str, Any]]]:
    """The events that each of the DAG's runs was made by."""
    runs = api.get(f"/dags/{dag_id}/dagRuns", limit=100).json()["dag_runs"]
    paths = [f"/dags/{dag_id}/dagRuns/{run['dag_run_id']}/upstreamAssetEvents" for run in runs]
    return [api.get(path).json()["asset_events"] for path in paths]


def test_each_event_is_one_runs(stack: Stack, database_url: str) -> None:
    with ApiClient(stack.api_url, stack.username, stack.password) as api:
        for dag_id in ("producer", "any", "both"):
            api.wait_for_dag(dag_id)
            api.unpause(dag_id)
        runs = [api.trigger("producer", conf={"n": number}) for number in range(RUNS)]
        for run_id in runs:
            assert api.wait_for_run("producer", run_id)["state"] == "failed"
        events = api.get("/assets/events", limit=100).json()
        wait_until(lambda: sum(map(len, _consumed(api, "any"))) == EVENTS, "runs of 'any' by all events")
        wait_until(lambda: bool(_consumed(api, "both")), "a run of 'both'")

        assert events["total_entries"] == EVENTS
        written = Counter((event["extra"].get("run"), event["source_task_id"]) for event in events["asset_events"])
        names = ("write_first", "write_second")
        assert written == {**{(n, name): MAPPED for n in range(RUNS) for name in names}, (None, "waits"): RUNS}
        ids = sorted(event["id"] for event in events["asset_events"])
        assert sorted(event["id"] for used in _consumed(api, "any") for event in used) == ids
        both = _consumed(api, "both")
        used = [event["id"] for events in both for event in events]
        assert len(used) == len(dict.fromkeys(used))
        assert all({event["name"] for event in events} == {"first", "second"} for events in both)
    assert asyncio.run(_owners(database_url)) > 1
