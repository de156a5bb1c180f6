"""`tradewind standalone`, from the outside."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import httpx
import psutil
import pytest

from tests.servers.process import free_ports, wait_until
from tradewind.db.embedded import site_folder

DAG_FILE = """
from tradewind.sdk import dag, task

@dag
def smoke():
    @task
    def one():
        return 1

    @task
    def two(value):
        assert value == 1

    two(one())

smoke()
"""

LONG_DAG_FILE = """
import time
from tradewind.sdk import dag, task

@dag
def long():
    @task
    def sleep():
        time.sleep(600)

    sleep()

long()
"""


class Standalone:
    """One process under test."""

    def __init__(self, process: "subprocess.Popen[str]", url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self.log = log
        self.password = ""

    @property
    def output(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    def wait_until_ready(self) -> None:
        """Read the announcement."""
        for line in self.output:
            if line.startswith("  password"):
                self.password = line.split()[1]
            if line.startswith("Ctrl-C"):
                return
        raise AssertionError(f"it ended with {self.process.wait()}:\n{self.log.read_text()[-3000:]}")

    def client(self) -> httpx.Client:
        """Logged in."""
        body = {"username": "admin", "password": self.password}
        token = httpx.post(f"{self.url}/auth/token", json=body, timeout=60).raise_for_status().json()["access_token"]
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=60)


def family(home: Path) -> list[psutil.Process]:
    """Every process that was started for this home folder."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("TRADEWIND__HOME") == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def name_of(process: psutil.Process) -> str:
    """Empty if it has just ended."""
    with suppress(psutil.NoSuchProcess):
        return process.name()
    return ""


def wait_until_alone(home: Path) -> None:
    """Those that die with their parent do so right after it."""
    wait_until(lambda: family(home) == [], 60, "the end of its children")


def environment(home: Path, port: int) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TRADEWIND__")}
    return {
        **inherited,
        "PYTHONUNBUFFERED": "1",
        "TRADEWIND__HOME": str(home),
        "TRADEWIND__API__PORT": str(port),
        "TRADEWIND__LOGGING__FORMAT": "console",
    }


@contextmanager
def started(home: Path, **more: str) -> Generator[Standalone]:
    """A process that is killed at the end unless it ended by itself. Its database is left for another start."""
    home.mkdir(exist_ok=True)
    (port,) = free_ports(1)
    log = home.parent / "standalone.log"
    with (
        log.open("a") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "tradewind.cli", "standalone"],
            env={**environment(home, port), **more},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            yield Standalone(process, f"http://127.0.0.1:{port}", log)
        finally:
            process.kill()


@pytest.fixture
def home(tmp_path: Path) -> Generator[Path]:
    """A home folder; what root's database left outside of it is removed, too."""
    yield tmp_path / "home"
    shutil.rmtree(site_folder(tmp_path / "home" / "postgres"), ignore_errors=True)


def run_again(home: Path, port: int) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tradewind.cli", "standalone"],
        env=environment(home, port),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def trigger(client: httpx.Client, dag_id: str) -> str:
    path = f"/api/v2/dags/{dag_id}"
    wait_until(lambda: client.get(path).status_code == 200, 60, f"{dag_id} parsed")
    client.patch(path, json={"is_paused": False}).raise_for_status()
    answer = client.post(f"{path}/dagRuns", json={"logical_date": None}).raise_for_status()
    return f"{path}/dagRuns/{answer.json()['dag_run_id']}"


def test_from_start_to_stop(home: Path) -> None:
    with started(home) as standalone:
        standalone.wait_until_ready()
        assert standalone.password == (home / "secrets" / "admin_password").read_text().strip()
        (home / "dags" / "smoke.py").write_text(DAG_FILE)
        with standalone.client() as client:
            run = trigger(client, "smoke")
            wait_until(lambda: client.get(run).json()["state"] == "success", 60, "the run's success")
            ends = 'tradewind_collector_end_verdicts_total{verdict="done"} 2.0'
            wait_until(lambda: ends in client.get("/metrics").text, 60, ends)

        second = run_again(home, free_ports(1)[0])
        assert second.returncode == 2
        assert "another `tradewind standalone`" in second.stderr
        assert "TRADEWIND__HOME" in second.stderr

        names = [name_of(process) for process in family(home)]
        assert "postgres" in names
        assert len(names) > 3
        began = time.monotonic()
        standalone.process.send_signal(signal.SIGTERM)
        assert standalone.process.wait(timeout=60) == 0, standalone.log.read_text()[-3000:]
        assert time.monotonic() - began < 30, "it waits for nobody"
        wait_until_alone(home)
    assert "Traceback" not in standalone.log.read_text()


def test_ctrl_c_does_not_wait_for_a_long_task_and_a_new_start_goes_on(home: Path) -> None:
    (home / "dags").mkdir(parents=True)
    (home / "dags" / "long.py").write_text(LONG_DAG_FILE)
    with started(home) as standalone:
        standalone.wait_until_ready()
        with standalone.client() as client:
            run = trigger(client, "long")
            tasks = f"{run}/taskInstances"
            state = lambda: client.get(tasks).json()["task_instances"][0]["state"]  # noqa: E731
            wait_until(lambda: client.get(tasks).json()["total_entries"] == 1, 60, "the task instance")
            wait_until(lambda: state() == "running", 60, "the task's start")
        standalone.process.send_signal(signal.SIGINT)
        assert standalone.process.wait(timeout=60) == 0, standalone.log.read_text()[-3000:]
        wait_until_alone(home)
    with started(home) as standalone:
        standalone.wait_until_ready()
        with standalone.client() as client:
            # The user's code had begun and the task has no retries: it is not run a second time.
            wait_until(lambda: client.get(run).json()["state"] == "failed", 60, "the run's end")
        standalone.process.send_signal(signal.SIGTERM)
        assert standalone.process.wait(timeout=60) == 0


def test_it_ends_when_its_postgres_is_killed(home: Path) -> None:
    with started(home) as standalone:
        standalone.wait_until_ready()
        (server,) = [
            child for child in psutil.Process(standalone.process.pid).children() if name_of(child) == "postgres"
        ]
        server.kill()
        assert standalone.process.wait(timeout=60) == 1
        wait_until_alone(home)
    assert "tradewind: the embedded Postgres crashed" in standalone.log.read_text()


@pytest.mark.parametrize("broker", ["rabbitmq", pytest.param("redis", marks=pytest.mark.full)])
def test_on_an_external_database_and_broker(
    home: Path, empty_database_url: str, broker: str, request: pytest.FixtureRequest
) -> None:
    outside = {
        "TRADEWIND__DATABASE__URL": empty_database_url,
        "TRADEWIND__BROKER__URL": request.getfixturevalue(f"{broker}_url"),
        "TRADEWIND__CORE__EXECUTOR": "CeleryExecutor",
    }
    with started(home, **outside) as standalone:
        standalone.wait_until_ready()
        (home / "dags" / "smoke.py").write_text(DAG_FILE)
        with standalone.client() as client:
            run = trigger(client, "smoke")
            wait_until(lambda: client.get(run).json()["state"] == "success", 60, "the run's success")
        assert not (home / "postgres").exists()
        standalone.process.send_signal(signal.SIGTERM)
        assert standalone.process.wait(timeout=60) == 0, standalone.log.read_text()[-3000:]
        wait_until_alone(home)


def test_a_database_that_is_away_is_waited_for(home: Path) -> None:
    with started(home, TRADEWIND__DATABASE__URL="postgresql://u:p@127.0.0.1:1/n") as standalone:
        wait_until(lambda: "database.unavailable" in standalone.log.read_text(), 60, "the warning")
        standalone.process.send_signal(signal.SIGTERM)
        assert standalone.process.wait(timeout=60) == 0, standalone.log.read_text()[-3000:]
    assert "TRADEWIND__DATABASE__URL" in standalone.log.read_text()


def test_a_stop_during_the_start_is_a_good_end(home: Path) -> None:
    with started(home) as standalone:
        lock = home / "standalone.lock"
        wait_until(lambda: lock.exists() and lock.read_text() != "", 60, "the start")
        standalone.process.send_signal(signal.SIGTERM)
        assert standalone.process.wait(timeout=60) == 0, standalone.log.read_text()[-3000:]
        wait_until_alone(home)


def test_a_taken_port_is_said_before_anything_starts(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run_again(home, taken.getsockname()[1])
    assert done.returncode == 2
    assert "set TRADEWIND__API__PORT" in done.stderr
    assert not (home / "postgres").exists()


def test_an_executor_that_nobody_knows_names_the_setting(home: Path) -> None:
    with started(home, TRADEWIND__CORE__EXECUTOR="Sublime") as standalone:
        assert standalone.process.wait(timeout=60) == 2
    assert "TRADEWIND__CORE__EXECUTOR" in standalone.log.read_text()
