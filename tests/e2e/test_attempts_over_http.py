"""An attempt that no worker runs: a process without a way to the broker starts it, keeps it alive and ends it by HTTP;
schedulers and workers go on from there, and find it if it is lost."""

import asyncio
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
from tests.servers.postgres import PostgresServer
from tests.servers.stack import service_stack
from tradewind.db.pool import open_pool
from tradewind.service.tokens import AttemptClaims, TokenSigner

pytestmark = pytest.mark.full

LEASE_SECONDS = 4
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
        api.wait_for_dag("half_over_http")
        api.unpause("half_over_http")
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


def _beats(pod: httpx.Client, attempt_id: UUID) -> bool:
    answer = pod.put(f"/task-instances/{attempt_id}/heartbeat", json={"hostname": "pod-1", "pid": 7})
    assert answer.status_code == 204, answer.text
    return True


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _bearer(token: str) -> dict[str, Any]:
    return {"Authorization": f"Bearer {token}", "Airflow-API-Version": "2026-06-30"}
