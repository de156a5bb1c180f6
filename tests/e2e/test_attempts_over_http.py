"""An attempt that no worker runs: a process without a way to the broker starts it, keeps it alive and ends it by HTTP;
schedulers and workers go on from there, and find it if it is lost."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.e2e.client import ApiClient, wait_until
from tests.servers.environments import TASK_SDK, environment
from tests.servers.postgres import PostgresServer
from tests.servers.stack import service_stack
from tradewind.db.pool import open_pool
from tradewind.service.tokens import AttemptClaims, TokenSigner

pytestmark = pytest.mark.full

LEASE_SECONDS = 4
SUPERVISOR = Path(__file__).parents[1] / "servers" / "task_sdk_supervisor.py"
SECRET = "a secret of this test's own, long enough"
DAG_FILE = """
from airflow.sdk import DAG, task

with DAG("half_over_http", schedule=None):

    @task(queue="pods", retries=1)
    def far():
        raise RuntimeError("no worker runs this")

    @task
    def near(value):
        return value + 1

    @task(queue="pods")
    def left_out():
        raise RuntimeError("nobody runs this")

    near(far()) >> left_out()
"""

AIRFLOWS_FILE = """
from datetime import timedelta

from airflow.sdk import DAG, Variable, task

with DAG("by_airflow", schedule=None, default_args={"queue": "pods", "retries": 1, "retry_delay": timedelta(0)}):

    @task
    def numbers():
        Variable.set("by_airflow", "set by a task")
        return [1, 2, 3]

    @task(multiple_outputs=True)
    def added(values, **context):
        if context["ti"].try_number == 1:
            raise RuntimeError("once")
        return {"total": sum(values), "said": Variable.get("by_airflow"), "conf": context["dag_run"].conf["n"]}

    @task.branch
    def choice(total):
        return "right" if total == 6 else "wrong"

    @task
    def right():
        return "right"

    @task
    def wrong():
        return "wrong"

    @task(queue="default")
    def ours(result):
        return dict(result)

    result = added(numbers())
    choice(result["total"]) >> [right(), wrong()]
    ours(result)
"""
PODS = "pods"


@dataclass
class Deployment:
    """A running stack, and what a launcher of pods knows of it."""

    api: ApiClient
    url: str
    database_url: str

    def attempt(self, run_id: str, task_id: str) -> tuple[str, UUID | None]:
        """State and attempt of a task instance."""
        return asyncio.run(self._attempt(run_id, task_id))

    async def _attempt(self, run_id: str, task_id: str) -> tuple[str, UUID | None]:
        sql = (
            "SELECT t.state, t.attempt_id FROM task_instance t JOIN dag_run r ON r.id = t.dag_run_id"
            " WHERE r.run_id = $1 AND t.task_id = $2"
        )
        async with open_pool(self.database_url, 1) as database:
            row = await database.fetch_row(sql, run_id, task_id)
        return ("none", None) if row is None else (row["state"], row["attempt_id"])

    def queued(self, run_id: str, task_id: str) -> UUID:
        wait_until(lambda: self.attempt(run_id, task_id)[0] == "queued", f"{task_id} queued")
        attempt_id = self.attempt(run_id, task_id)[1]
        assert attempt_id is not None
        return attempt_id

    def start(self, run_id: str, task_id: str, attempt_id: UUID) -> httpx.Client:
        """A pod that runs it."""
        claims = AttemptClaims(
            attempt_id=attempt_id, dag_id="half_over_http", run_id=run_id, task_id=task_id, map_index=-1, try_number=1
        )
        token = TokenSigner(SECRET).mint_workload_token(claims, now=datetime.now(UTC), lifetime_seconds=600)
        body = {"state": "running", "hostname": "pod-1", "unixname": "ada", "pid": 7, "start_date": _now()}
        base_url = f"{self.url}/execution"
        path = f"{base_url}/task-instances/{attempt_id}/run"
        answer = httpx.patch(path, json=body, headers=_bearer(token), timeout=60.0)
        assert answer.status_code == 200, answer.text
        headers = _bearer(answer.headers["Refreshed-API-Token"])
        return httpx.Client(base_url=base_url, headers=headers, timeout=60.0)


@pytest.fixture(scope="module")
def deployment(
    tmp_path_factory: pytest.TempPathFactory, dags_folder: Path, postgres: PostgresServer, broker_url: str
) -> Generator[Deployment]:
    (dags_folder / "half_over_http.py").write_text(DAG_FILE)
    (dags_folder / "by_airflow.py").write_text(AIRFLOWS_FILE)
    environment = {"TRADEWIND__API_AUTH__JWT_SECRET": SECRET, "TRADEWIND__LEASES__LEASE_SECONDS": str(LEASE_SECONDS)}
    with (
        postgres.new_database() as database_url,
        service_stack(
            tmp_path_factory.mktemp("over-http"),
            database_url=database_url,
            broker_url=broker_url,
            dags_folder=dags_folder,
            environment={**environment, "TRADEWIND__LEASES__HEARTBEAT_SECONDS": "1"},
        ) as stack,
        ApiClient(stack.api_url, stack.username, stack.password) as api,
    ):
        for dag_id in ("half_over_http", "by_airflow"):
            api.wait_for_dag(dag_id)
            api.unpause(dag_id)
        yield Deployment(api, stack.api_url, database_url)


def test_what_is_below_goes_on_at_once(deployment: Deployment) -> None:
    run_id = deployment.api.trigger("half_over_http")
    attempt_id = deployment.queued(run_id, "far")
    with deployment.start(run_id, "far", attempt_id) as pod:
        began = time.monotonic()
        wait_until(lambda: _beats(pod, attempt_id) and time.monotonic() - began > 2 * LEASE_SECONDS, "two leases")
        assert pod.post(f"/xcoms/half_over_http/{run_id}/far/return_value", json=41).status_code == 201
        assert pod.patch(f"/task-instances/{attempt_id}/skip-downstream", json={"tasks": ["left_out"]}).is_success
        ended = pod.patch(f"/task-instances/{attempt_id}/state", json={"state": "success", "end_date": _now()})
        assert ended.status_code == 204, ended.text

    run = deployment.api.wait_for_run("half_over_http", run_id)
    states = {ti["task_id"]: ti["state"] for ti in deployment.api.task_instances("half_over_http", run_id)}
    assert (run["state"], states) == ("success", {"far": "success", "near": "success", "left_out": "skipped"})
    assert deployment.api.xcom("half_over_http", run_id, "near") == 42


def test_a_pod_that_is_gone_is_found(deployment: Deployment) -> None:
    run_id = deployment.api.trigger("half_over_http")
    first = deployment.queued(run_id, "far")
    with deployment.start(run_id, "far", first) as pod:
        assert deployment.attempt(run_id, "far") == ("running", first)
        wait_until(lambda: deployment.attempt(run_id, "far")[1] not in (None, first), "another attempt", 60.0)
        refused = pod.patch(f"/task-instances/{first}/state", json={"state": "success", "end_date": _now()})
    second = deployment.queued(run_id, "far")
    assert refused.status_code == 410
    with deployment.start(run_id, "far", second) as pod:
        assert pod.patch(f"/task-instances/{second}/state", json={"state": "failed", "end_date": _now()}).is_success
    assert deployment.api.wait_for_run("half_over_http", run_id)["state"] == "failed"


def test_airflows_own_supervisor_runs_tasks(deployment: Deployment, dags_folder: Path, tmp_path: Path) -> None:
    """A launcher of pods: what is queued for them runs in a process of Airflow's SDK, which imports no Tradewind."""
    api = deployment.api
    run_id = api.trigger("by_airflow", conf={"n": 7})
    codes: dict[str, list[int]] = {}
    deadline = time.monotonic() + 180.0
    while api.get(f"/dags/by_airflow/dagRuns/{run_id}").json()["state"] in ("queued", "running"):
        assert time.monotonic() < deadline, api.task_instances("by_airflow", run_id)
        for task_id in [ti["task_id"] for ti in api.task_instances("by_airflow", run_id) if _is_for_pods(ti)]:
            state, attempt_id = deployment.attempt(run_id, task_id)
            if state == "queued" and attempt_id is not None:
                code = _run_by_airflow(deployment, dags_folder, tmp_path, run_id, task_id, attempt_id)
                codes.setdefault(task_id, []).append(code)

    tasks = api.task_instances("by_airflow", run_id)
    states = {ti["task_id"]: ti["state"] for ti in tasks}
    assert {task_id for task_id, state in states.items() if state != "success"} == {"wrong"}, states
    assert states["wrong"] == "skipped"
    assert {task_id: len(each) for task_id, each in codes.items()} == {
        "numbers": 1,
        "added": 2,
        "choice": 1,
        "right": 1,
    }
    assert {ti["task_id"]: ti["try_number"] for ti in tasks}["added"] == 2
    assert api.xcom("by_airflow", run_id, "ours") == {"total": 6, "said": "set by a task", "conf": 7}


def _is_for_pods(ti: dict[str, Any]) -> bool:
    return ti["state"] == "queued" and ti["queue"] == PODS


def _run_by_airflow(
    deployment: Deployment, dags_folder: Path, home: Path, run_id: str, task_id: str, attempt_id: UUID
) -> int:
    claims = AttemptClaims(
        attempt_id=attempt_id, dag_id="by_airflow", run_id=run_id, task_id=task_id, map_index=-1, try_number=1
    )
    token = TokenSigner(SECRET).mint_workload_token(claims, now=datetime.now(UTC), lifetime_seconds=600)
    tries = deployment.api.get(f"/dags/by_airflow/dagRuns/{run_id}/taskInstances/{task_id}").json()["try_number"]
    names = {"id": str(attempt_id), "dag_id": "by_airflow", "run_id": run_id, "task_id": task_id}
    server = f"{deployment.url}/execution/"
    workload = {"ti": {**names, "try_number": tries}, "dag_rel_path": "by_airflow.py", "token": token, "server": server}
    environment_of_it = {
        "PATH": "/usr/bin:/bin",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    }
    done = subprocess.run(
        [str(environment("task-sdk", TASK_SDK) / "python"), "-P", str(SUPERVISOR)],
        input=json.dumps(workload),
        env=environment_of_it,
        capture_output=True,
        text=True,
        timeout=120.0,
        check=False,
    )
    sys.stdout.write(done.stdout[-3000:] + done.stderr[-3000:])
    return done.returncode


def _beats(pod: httpx.Client, attempt_id: UUID) -> bool:
    answer = pod.put(f"/task-instances/{attempt_id}/heartbeat", json={"hostname": "pod-1", "pid": 7})
    assert answer.status_code == 204, answer.text
    return True


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _bearer(token: str) -> dict[str, Any]:
    return {"Authorization": f"Bearer {token}", "Airflow-API-Version": "2026-06-30"}
