"""A stock Celery worker, from PyPI, with our app: it executes DAGs over RabbitMQ, alone and beside a worker of ours on
the same queue, refuses what is no attempt, and ends one that Celery revokes."""

import itertools
import json
import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.client import ApiClient, wait_until
from tests.servers.environments import STOCK_WORKER, environment
from tests.servers.postgres import PostgresServer
from tests.servers.process import ServerProcess
from tests.servers.rabbitmq import RabbitMQServer
from tests.servers.stack import Stack, service_stack

pytestmark = pytest.mark.full

DAG_FILE: Final = """
import time
from datetime import timedelta
import psutil
from airflow.sdk import DAG, get_current_context, task

with DAG("stock", schedule=None):
    @task
    def numbers():
        print("in a stock worker")
        return [1, 2, 3]

    @task(retries=1, retry_delay=timedelta(0))
    def double(number):
        if get_current_context()["ti"].try_number == 1 and number == 2:
            raise ValueError("not at the first try")
        return 2 * number

    @task
    def total(doubled):
        return sum(doubled)

    total(double.expand(number=numbers()))

with DAG("shared", schedule=None, max_active_tasks=64):
    @task
    def who(number):
        time.sleep(1)
        lines = [" ".join(parent.cmdline()) for parent in psutil.Process().parents()]
        return "stock" if any("tradewind.worker.celery_app" in line for line in lines) else "ours"

    who.expand(number=list(range(12)))

with DAG("endless", schedule=None):
    @task
    def sleep():
        time.sleep(600)

    sleep()
"""
SEND: Final = """
import json, sys
from celery import Celery
broker, command = sys.argv[1:]
Celery(broker=broker).send_task("tradewind.execute_command", args=[json.loads(command)], queue="default")
"""


class Site:
    """A stack with a worker of ours that can be stopped, and a stock worker."""

    def __init__(self, stack: Stack, folder: Path, broker_url: str, dags_folder: Path) -> None:
        self.stack = stack
        self.folder = folder
        self.broker_url = broker_url
        self.python = environment("celery-worker", STOCK_WORKER) / "python"
        self.log = folder
        self._starts = itertools.count(1)
        self._variables = {
            "TRADEWIND__BROKER__URL": broker_url,
            "TRADEWIND__HOME": str(folder / "stock-home"),
            "TRADEWIND__CORE__DAGS_FOLDER": str(dags_folder),
            "TRADEWIND__CORE__EXECUTION_API_SERVER_URL": stack.api_url,
        }

    @contextmanager
    def stock_worker(self, *, alone: bool) -> Generator[ServerProcess]:
        """`alone`: without ours."""
        self.log = self.folder / f"stock-{next(self._starts)}.log"
        if alone:
            self.stack.stop("worker-1")
        app = ["-m", "celery", "-A", "tradewind.worker.celery_app"]
        options = ["worker", "--concurrency", "3", "--hostname", "stock@test", "--loglevel", "INFO"]
        process = ServerProcess([str(self.python), *app, *options], log=self.log, environment=self._variables)
        process.start()
        try:
            wait_until(lambda: "stock@test ready" in self.log_text, "the stock worker is ready")
            yield process
        finally:
            process.stop()
            self.stack.start("worker-1")

    @property
    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def run(self, *arguments: str) -> str:
        done = subprocess.run([str(self.python), *arguments], check=True, capture_output=True, text=True, timeout=60)
        return done.stdout

    def inspect(self, command: str) -> dict[str, Any]:
        return json.loads(self.run("-m", "celery", "-b", self.broker_url, "inspect", command, "--json"))


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, rabbitmq: RabbitMQServer
) -> Generator[Site]:
    folder = tmp_path_factory.mktemp("stock")
    dags_folder = folder / "dags"
    dags_folder.mkdir()
    (dags_folder / "stock.py").write_text(DAG_FILE)
    broker_url = rabbitmq.new_url()
    with (
        postgres.new_database() as database_url,
        service_stack(
            folder,
            database_url=database_url,
            broker_url=broker_url,
            dags_folder=dags_folder,
            environment={"TRADEWIND__CELERY__WORKER_CONCURRENCY": "2"},
        ) as stack,
    ):
        yield Site(stack, folder, broker_url, dags_folder)


def run_of(api: ApiClient, dag_id: str) -> str:
    api.wait_for_dag(dag_id)
    api.unpause(dag_id)
    return api.trigger(dag_id)


def test_executes_a_dag_end_to_end_alone(site: Site) -> None:
    with site.stock_worker(alone=True), ApiClient(site.stack.api_url, site.stack.username, site.stack.password) as api:
        run_id = run_of(api, "stock")
        assert api.wait_for_run("stock", run_id, timeout_seconds=120)["state"] == "success"
        assert api.xcom("stock", run_id, "total") == 12
        tries = {(ti["task_id"], ti["map_index"]): ti["try_number"] for ti in api.task_instances("stock", run_id)}
        assert tries["double", 1] == 2
        assert tries["double", 0] == 1
        assert "in a stock worker" in api.log_events("stock", run_id, "numbers")
        wait_until(lambda: site.log_text.count("attempt.executed") == 5, "Celery hears of five that went well")
        assert "AttemptFailed" in site.log_text


def test_shares_a_queue_with_a_worker_of_ours(site: Site) -> None:
    with site.stock_worker(alone=False), ApiClient(site.stack.api_url, site.stack.username, site.stack.password) as api:
        names = list(site.inspect("ping"))
        assert "stock@test" in names
        assert len(names) == 2
        assert list(site.inspect("registered").values()) == [["tradewind.execute_command"]] * 2
        run_id = run_of(api, "shared")
        assert api.wait_for_run("shared", run_id, timeout_seconds=120)["state"] == "success"
        path = f"/dags/shared/dagRuns/{run_id}/taskInstances/who/xcomEntries/return_value"
        who = [api.get(path, map_index=index).json()["value"] for index in range(12)]
        assert sorted(set(who)) == ["ours", "stock"]


def test_refuses_what_is_no_attempt_and_goes_on(site: Site) -> None:
    with site.stock_worker(alone=True), ApiClient(site.stack.api_url, site.stack.username, site.stack.password) as api:
        witness = site.folder / "witness"
        site.run("-c", SEND, site.broker_url, json.dumps(["/bin/sh", "-c", f"touch {witness}"]))
        site.run("-c", SEND, site.broker_url, json.dumps(["tradewind", "db", "reset", "--yes"]))
        wait_until(lambda: site.log_text.count("CommandRefused") >= 2, "both are refused")
        assert not witness.exists()
        (stats,) = site.inspect("stats").values()
        assert stats["total"]["tradewind.execute_command"] == 2
        run_id = run_of(api, "stock")
        assert api.wait_for_run("stock", run_id, timeout_seconds=120)["state"] == "success"


def test_revoking_an_attempt_ends_it_and_its_end_is_reported(site: Site) -> None:
    with site.stock_worker(alone=True), ApiClient(site.stack.api_url, site.stack.username, site.stack.password) as api:
        run_id = run_of(api, "endless")
        wait_until(lambda: api.states("endless", run_id)["running"] == 1, "it runs", 60)
        ((task,),) = site.inspect("active").values()
        site.run("-m", "celery", "-b", site.broker_url, "control", "terminate", "TERM", task["id"])
        assert api.wait_for_run("endless", run_id, timeout_seconds=60)["state"] == "failed"
        assert "its worker was stopped" in api.log_of("endless", run_id, "sleep")


@pytest.mark.parametrize(
    ("broker_url", "reason"),
    [("", "TRADEWIND__BROKER__URL is not set"), ("redis://127.0.0.1/0", "do not see Redis Streams")],
)
def test_app_says_what_it_lacks(broker_url: str, reason: str) -> None:
    python = environment("celery-worker", STOCK_WORKER) / "python"
    variables = {**os.environ, **({"TRADEWIND__BROKER__URL": broker_url} if broker_url else {})}
    command = [str(python), "-m", "celery", "-A", "tradewind.worker.celery_app", "worker"]
    done = subprocess.run(command, env=variables, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert reason in done.stderr
