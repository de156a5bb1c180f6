"""A backfill from the command line, through all services."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import ApiClient, wait_until
from tests.servers.stack import Stack, standalone_stack

FILE = """
from datetime import datetime
from airflow.sdk import DAG, CronDataIntervalTimetable, CronPartitionTimetable, task

with DAG("daily", schedule=CronDataIntervalTimetable("@daily", "UTC"), start_date=datetime(2024, 3, 1),
         is_paused_upon_creation=False, max_active_runs=1):
    @task
    def work(data_interval_start=None, dag_run=None):
        return [str(data_interval_start), dag_run.run_type, dag_run.conf]
    work()

with DAG("parts", schedule=CronPartitionTimetable("@daily", timezone="UTC", key_format="%Y-%m-%d"),
         is_paused_upon_creation=False):
    @task
    def part(dag_run=None):
        return [dag_run.partition_key, str(dag_run.logical_date)]
    part()
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    folder: Path = tmp_path_factory.mktemp("backfills")
    (folder / "dags").mkdir()
    (folder / "dags" / "daily.py").write_text(FILE)
    with standalone_stack(folder, dags_folder=folder / "dags") as running:
        yield running


@pytest.fixture(scope="module")
def api(stack: Stack) -> Generator[ApiClient]:
    with ApiClient(stack.api_url, stack.username, stack.password) as client:
        client.wait_for_dag("daily")
        yield client


def tradewind(stack: Stack, *arguments: str, code: int = 0) -> str:
    environment = {
        **os.environ,
        "TRADEWIND_API_URL": stack.api_url,
        "TRADEWIND__API__ADMIN_USERNAME": stack.username,
        "TRADEWIND__API__ADMIN_PASSWORD": stack.password,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tradewind.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def backfilled(api: ApiClient) -> list[dict[str, Any]]:
    found = api.get("/dags/daily/dagRuns", run_type="backfill", order_by="start_date", limit=100).json()
    return found["dag_runs"]


def test_a_backfill_runs_its_dates_in_its_order_and_completes(stack: Stack, api: ApiClient) -> None:
    dates = ("--dag-id", "daily", "--from-date", "2024-01-01", "--to-date", "2024-01-05")
    assert tradewind(stack, "backfill", "create", *dates, "--dry-run").splitlines()[2:] == [
        f"2024-01-0{day}T00:00:00Z" for day in (1, 2, 3, 4, 5)
    ]
    options = ("--run-backwards", "--max-active-runs", "1", "--dag-run-conf", '{"a": 1}')
    tradewind(stack, "backfill", "create", *dates, *options)
    (backfill,) = json.loads(tradewind(stack, "backfill", "list", "--dag-id", "daily", "-o", "json"))
    wait_until(lambda: api.get(f"/backfills/{backfill['id']}").json()["completed_at"] is not None, "the backfill's end")
    runs = backfilled(api)
    assert [run["logical_date"][:10] for run in runs] == [f"2024-01-0{day}" for day in (5, 4, 3, 2, 1)]
    assert {run["state"] for run in runs} == {"success"}
    assert api.xcom("daily", runs[-1]["dag_run_id"], "work") == ["2024-01-01 00:00:00+00:00", "backfill", {"a": 1}]
    assert "already completed" in tradewind(stack, "backfill", "cancel", str(backfill["id"]), code=1)


def test_a_backfill_of_partitions(stack: Stack, api: ApiClient) -> None:
    dates = ("--dag-id", "parts", "--from-date", "2024-01-01", "--to-date", "2024-01-02")
    keys = ["2024-01-01", "2024-01-02"]
    assert tradewind(stack, "backfill", "create", *dates, "--dry-run").splitlines() == [
        "partition_key",
        "=============",
        *keys,
    ]
    tradewind(stack, "backfill", "create", *dates)

    def ended() -> list[dict[str, Any]]:
        found = api.get("/dags/parts/dagRuns", run_type="backfill", order_by="run_after").json()["dag_runs"]
        return [run for run in found if run["state"] == "success"]

    wait_until(lambda: len(ended()) == 2, "both runs")
    assert [run["partition_key"] for run in ended()] == keys
    assert api.xcom("parts", ended()[0]["dag_run_id"], "part") == [keys[0], "None"]


def test_the_next_executions(stack: Stack, api: ApiClient) -> None:
    wait_until(lambda: api.get("/dags/daily").json()["next_dagrun_run_after"] is not None, "a next run")
    dates = tradewind(stack, "dags", "next-execution", "daily", "-n", "3").splitlines()
    assert len(dates) == 3
    assert dates == sorted(dates)
    first = api.get("/dags/daily").json()["next_dagrun_logical_date"]
    assert dates[0] == first
    table = tradewind(stack, "dags", "next-execution", "daily", "--table").splitlines()
    assert table[0].split() == ["logical_date", "|", "data_interval.start", "|", "data_interval.end", "|", "run_after"]
    assert "none of logical_date" in tradewind(stack, "dags", "next-execution", "daily", "--field", "x", code=2)
