"""Airflow as it comes: LocalExecutor and its own defaults, on the same Postgres program, measured over its REST API
with the very same DAG files."""

import statistics
import time
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks import dag_files
from benchmarks.results import Figure, percentile
from tests.servers.airflow import READY_SECONDS, airflow_stack
from tests.servers.postgres import postgres_server
from tests.servers.process import wait_until

NAME: Final = "Airflow 3.3.2, LocalExecutor"
RUN_SECONDS: Final = 900.0
POLL_SECONDS: Final = 0.1


def measure(folder: Path, repeats: int) -> list[Figure]:
    """Start Airflow, run the workloads, stop it. Takes many minutes."""
    dags_folder = folder / "dags"
    dags_folder.mkdir(parents=True)
    dag_files.write(dags_folder, "bench_chain", dag_files.chain("bench_chain", 20))
    dag_files.write(dags_folder, "bench_fan_out", dag_files.fan_out("bench_fan_out", 200))
    dag_files.write(dags_folder, "bench_light", dag_files.fib_chain("bench_light", 40, 10))
    dag_files.write(dags_folder, "bench_heavy", dag_files.fib_chain("bench_heavy", 10, 33))
    with (
        postgres_server() as postgres,
        postgres.new_database("template0") as database_url,
        airflow_stack(folder, dags_folder=dags_folder, database_url=database_url) as (api_url, token),
    ):
        return _figures(_Airflow(api_url, token), repeats)


class _Airflow:
    """A logged-in client."""

    def __init__(self, api_url: str, token: str) -> None:
        self._http = httpx.Client(base_url=f"{api_url}/api/v2", timeout=60.0, trust_env=False)
        self._http.headers["Authorization"] = f"Bearer {token}"

    def unpause(self, dag_id: str) -> None:
        """Once the DAG is there."""
        wait_until(lambda: self._http.get(f"/dags/{dag_id}").status_code == 200, READY_SECONDS, dag_id)
        self._http.patch(f"/dags/{dag_id}", json={"is_paused": False}).raise_for_status()

    def run(self, dag_id: str) -> tuple[datetime, list[dict[str, Any]]]:
        """(when it was asked for, task instances by start) of a run that succeeded."""
        asked_at = datetime.now().astimezone()
        answer = self._http.post(f"/dags/{dag_id}/dagRuns", json={"logical_date": None}).raise_for_status()
        path = f"/dags/{dag_id}/dagRuns/{answer.json()['dag_run_id']}"
        deadline = time.monotonic() + RUN_SECONDS
        while (state := self._http.get(path).json()["state"]) not in ("success", "failed"):
            if time.monotonic() > deadline:
                raise AssertionError(f"{path} has not ended after {RUN_SECONDS:g} s")
            time.sleep(POLL_SECONDS)
        assert state == "success", f"{path} is {state}"
        tasks: list[dict[str, Any]] = []
        while True:
            page = self._http.get(f"{path}/taskInstances", params={"limit": 100, "offset": len(tasks)}).json()
            tasks += page["task_instances"]
            if len(tasks) >= page["total_entries"]:
                return asked_at, sorted(tasks, key=lambda task: task["start_date"])


def _figures(airflow: _Airflow, repeats: int) -> list[Figure]:
    for dag_id in ("bench_chain", "bench_fan_out", "bench_light", "bench_heavy"):
        airflow.unpause(dag_id)
    chains = [airflow.run("bench_chain") for _ in range(repeats)]
    hops = [_seconds(a["end_date"], b["end_date"]) * 1000 for _, tasks in chains for a, b in pairwise(tasks)]
    gaps = [_seconds(a["end_date"], b["start_date"]) * 1000 for _, tasks in chains for a, b in pairwise(tasks)]
    starts = [(_time(tasks[0]["start_date"]) - asked_at).total_seconds() * 1000 for asked_at, tasks in chains]
    return [
        _figure("chain of 20: hop, median", statistics.median(hops), "ms"),
        _figure("chain of 20: hop, p95", percentile(hops, 0.95), "ms"),
        _figure("gap: end → successor's start, p50", statistics.median(gaps), "ms"),
        _figure("trigger: POST → first task's start, p50", statistics.median(starts), "ms"),
        _figure("fan-out root+200+join", _median_of(airflow, "bench_fan_out", repeats, _rate), "tasks/s"),
        _figure("light40: 40 x fib(10)", _median_of(airflow, "bench_light", repeats, _whole), "s"),
        _figure("heavy10: 10 x fib(33)", _median_of(airflow, "bench_heavy", repeats, _whole), "s"),
    ]


def _median_of(
    airflow: _Airflow, dag_id: str, repeats: int, figure_of: Callable[[datetime, list[dict[str, Any]]], float]
) -> float:
    return statistics.median(figure_of(*airflow.run(dag_id)) for _ in range(repeats))


def _rate(_asked_at: datetime, tasks: list[dict[str, Any]]) -> float:
    return len(tasks) / _seconds(tasks[0]["start_date"], max(task["end_date"] for task in tasks))


def _whole(asked_at: datetime, tasks: list[dict[str, Any]]) -> float:
    return (max(_time(task["end_date"]) for task in tasks) - asked_at).total_seconds()


def _seconds(begin: str, end: str) -> float:
    return (_time(end) - _time(begin)).total_seconds()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _figure(workload: str, value: float, unit: str) -> Figure:
    return Figure(workload=workload, system=NAME, value=value, unit=unit)
