"""Workers as operators see them, and one of them drained over REST: over RabbitMQ, as separate processes."""

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import ApiClient, wait_until
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitMQServer
from tests.servers.stack import Stack, service_stack

pytestmark = pytest.mark.full

FILE = """
import time
from pathlib import Path
from airflow.sdk import DAG, task

with DAG("held"):
    @task
    def waits():
        while not Path({folder!r}, "go").exists():
            time.sleep(0.02)
    waits()
    @task(queue="nobody")
    def lonely(): ...
    lonely()
"""


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, rabbitmq: RabbitMQServer
) -> Generator[tuple[Stack, Path]]:
    folder = tmp_path_factory.mktemp("fleet")
    dags_folder = tmp_path_factory.mktemp("dags")
    (dags_folder / "held.py").write_text(FILE.format(folder=str(folder)))
    with (
        postgres.new_database() as database_url,
        service_stack(
            folder,
            database_url=database_url,
            broker_url=rabbitmq.new_url(),
            dags_folder=dags_folder,
            counts={"worker": 2},
        ) as running,
    ):
        yield running, folder


def workers(api: ApiClient, **params: Any) -> list[dict[str, Any]]:
    answer = api.get("/workers", **params)
    assert answer.status_code == 200, answer.text
    return answer.json()["workers"]


def test_a_worker_that_is_drained_finishes_what_it_runs_and_leaves(stack: tuple[Stack, Path]) -> None:
    running, folder = stack
    with ApiClient(running.api_url, running.username, running.password) as api:
        api.wait_for_dag("held")
        api.unpause("held")
        api.trigger("held", dag_run_id="run")
        wait_until(lambda: api.get("/workers/~/attempts").json()["total_entries"] == 1, "the task runs")
        (attempt,) = api.get("/workers/~/attempts").json()["attempts"]
        assert (attempt["dag_id"], attempt["task_id"], attempt["queue"]) == ("held", "waits", "default")
        queues = {each["queue"]: each for each in api.get("/queues").json()["queues"]}
        assert (queues["default"]["workers"], queues["default"]["running_attempts"]) == (2, 1)
        assert (queues["nobody"]["workers"], queues["nobody"]["queued_attempts"]) == (0, 1)
        # No worker has ever declared that queue: the dispatcher keeps the message.
        assert (queues["default"]["broker_messages"], queues["nobody"]["broker_messages"]) == (0, None)
        assert len(workers(api, state="running", kind="celery")) == 2
        busy = attempt["worker_id"]
        told = command(running, "workers", "drain", busy)
        assert "is draining; 1 attempts still run on it" in told.stdout, told.stderr
        wait_until(lambda: [each["worker_id"] for each in workers(api, state="draining")] == [busy], "it drains")
        assert api.get("/queues").json()["queues"][0]["workers"] == 1
        assert api.get("/workers/~/attempts").json()["total_entries"] == 1
        (folder / "go").touch()
        wait_until(lambda: [each["worker_id"] for each in workers(api)].count(busy) == 0, "it leaves")
        assert len(workers(api, kind="celery")) == 1
        states = {ti["task_id"]: ti["state"] for ti in api.task_instances("held", "run")}
        assert states == {"waits": "success", "lonely": "queued"}


def command(stack: Stack, *words: str) -> "subprocess.CompletedProcess[str]":
    own = {"TRADEWIND_API_URL": stack.api_url, "TRADEWIND__API__ADMIN_PASSWORD": stack.password}
    own["TRADEWIND__API__ADMIN_USERNAME"] = stack.username
    return subprocess.run(
        [sys.executable, "-m", "tradewind.cli", *words],
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
