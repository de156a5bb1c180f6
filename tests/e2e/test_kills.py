"""What runs when something else ends it is killed within a second, its `on_kill` included."""

from pathlib import Path

import pytest

from tests.e2e.client import ApiClient, wait_until
from tests.servers.process import is_alive
from tests.servers.stack import Stack

FILE = """
import os, time
from pathlib import Path
from airflow.sdk import DAG, BaseOperator, task

FOLDER = Path({folder!r})

class Slow(BaseOperator):
    def execute(self, context):
        (FOLDER / context["run_id"]).mkdir(exist_ok=True)
        self.folder = FOLDER / context["run_id"]
        (self.folder / "pid").write_text(str(os.getpid()))
        while True:
            time.sleep(0.05)
    def on_kill(self):
        (self.folder / "killed").touch()

with DAG("fail_fast", fail_fast=True):
    Slow(task_id="slow")
    @task
    def fails(run_id=None):
        while not (FOLDER / run_id / "pid").exists():
            time.sleep(0.02)
        raise ValueError("the other one is to be killed")
    fails()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, dags_folder: Path, stack: Stack) -> Path:
    """Where the tasks leave their traces."""
    traces = tmp_path_factory.mktemp("traces")
    (dags_folder / "kills.py").write_text(FILE.format(folder=str(traces)))
    return traces


@pytest.fixture(scope="module")
def client(api: ApiClient, folder: Path) -> ApiClient:
    """With the DAG there and running."""
    api.wait_for_dag("fail_fast")
    api.unpause("fail_fast")
    return api


def test_fail_fast_ends_what_runs(client: ApiClient, folder: Path) -> None:
    run_id = client.trigger("fail_fast", dag_run_id="r")
    client.wait_for_run("fail_fast", run_id)
    wait_until_gone(folder / run_id)
    assert client.states("fail_fast", run_id) == {"failed": 2}


def wait_until_gone(folder: Path) -> None:
    """A second is what a kill may take."""
    wait_until(
        lambda: (folder / "killed").exists() and not is_alive(int((folder / "pid").read_text())),
        "the task is killed",
        1.0,
    )
