"""What runs when something else ends it is killed, its `on_kill` included; how a task's process ended
is said truly; and what it wrote is there, whatever it was, without the secrets.
"""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.e2e.client import ApiClient, wait_until
from tests.servers.process import is_alive

KILL_SECONDS = 10.0
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

ENDS = """
import os, signal, sys, time
from datetime import timedelta
from airflow.sdk import DAG, Connection, Variable, task
from airflow.sdk.log import mask_secret

with DAG("ends"):
    @task
    def raises():
        raise ValueError("no such file")
    @task
    def exits():
        os._exit(3)
    @task
    def crashes():
        os.kill(os.getpid(), signal.SIGSEGV)
    @task
    def killed():
        print("before the end", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    @task
    def terminated():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)
    @task(execution_timeout=timedelta(seconds=0.3))
    def dawdles():
        time.sleep(30)
    [raises(), exits(), crashes(), killed(), terminated(), dawdles()]

with DAG("rubbish"):
    @task
    def writes():
        for number in range(20_000):
            print("line", number)
        sys.stdout.buffer.write(bytes(range(256)) * 20)
        sys.stdout.write("\\n" + "endless" * 100_000 + "\\n")
        os.write(1, b"raw \\xff\\xfe\\x00 rubbish\\n")
        os.write(1, b"\\x1e{\\"event\\": 5}\\n\\x1enot json\\n")
        print("the last line")
    writes()

with DAG("secretive"):
    @task
    def tells():
        secret = Variable.get("e2e_password")
        print("from a variable:", secret, "and", repr(secret))
        password = Connection.get("e2e_conn").password
        sys.stdout.write(password[:7]); sys.stdout.flush(); time.sleep(0.7)
        print(password[7:])
        mask_secret("registered-by-hand")
        raise RuntimeError("registered-by-hand and " + password)
    tells()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, dags_folder: Path) -> Path:
    """Where the tasks leave their traces; one for all stacks, since each run has a folder of its own in it."""
    traces = tmp_path_factory.mktemp("traces")
    (dags_folder / "kills.py").write_text(FILE.format(folder=str(traces)))
    (dags_folder / "ends.py").write_text(ENDS)
    return traces


@pytest.fixture(scope="module")
def client(api: ApiClient, folder: Path) -> ApiClient:
    """With the DAG there and running."""
    api.wait_for_dag("fail_fast")
    api.unpause("fail_fast")
    return api


def test_fail_fast_ends_what_runs(client: ApiClient, folder: Path) -> None:
    run_id = client.trigger("fail_fast", dag_run_id=uuid4().hex)
    client.wait_for_run("fail_fast", run_id)
    wait_until_gone(folder / run_id)
    assert client.states("fail_fast", run_id) == {"failed": 2}


SECRETS = ("hunter2-of-the-variable", "Pa55 of the connection", "registered-by-hand")
CAUSES = {
    "raises": "user_error, ValueError: no such file",
    "exits": "user_error, the task's process exited with code 3 without a result",
    "crashes": "user_error, the task's process was ended by SIGSEGV without a result",
    "killed": "killed, the task's process was ended by SIGKILL, by something outside of it",
    "terminated": "killed, AirflowTaskTerminated: ",
    "dawdles": "timeout, AirflowTaskTimeout: ",
}


@pytest.fixture(scope="module")
def ended(client: ApiClient) -> ApiClient:
    """With a run of each of the other DAGs over."""
    client.post("/variables", {"key": "e2e_password", "value": SECRETS[0]})
    client.post("/connections", {"connection_id": "e2e_conn", "conn_type": "http", "password": SECRETS[1]})
    for dag_id in ("ends", "rubbish", "secretive"):
        client.wait_for_dag(dag_id)
        client.unpause(dag_id)
        client.trigger(dag_id, dag_run_id="r")
    for dag_id in ("ends", "rubbish", "secretive"):
        client.wait_for_run(dag_id, "r")
    return client


@pytest.mark.parametrize("task_id", CAUSES)
def test_how_a_task_ended_is_said_in_its_log_and_explained(ended: ApiClient, task_id: str) -> None:
    answer = ended.get(f"/dags/ends/dagRuns/r/taskInstances/{task_id}/explain")
    assert CAUSES[task_id] in answer.json()["summary"], answer.text
    cause, _, detail = CAUSES[task_id].partition(", ")
    assert cause in ("user_error", "killed", "timeout")
    assert detail.strip() in ended.log_of("ends", "r", task_id) or "Terminated" in detail or "Timeout" in detail
    if task_id == "killed":
        assert "before the end" in ended.log_events("ends", "r", "killed")


def test_whatever_a_task_writes_can_be_read(ended: ApiClient) -> None:
    events = ended.log_events("rubbish", "r", "writes")
    assert [event for event in events if event.startswith("line ")] == [f"line {number}" for number in range(20_000)]
    assert "".join(event for event in events if set(event) <= set("endless")) == "endless" * 100_000
    assert [event for event in events if "rubbish" in event] == ["raw \ufffd\ufffd\x00 rubbish"]
    assert [event for event in events if "not json" in event] == ["\x1enot json"]
    assert events[-2:] == ["the last line", "Done. Returned value was: None"]


def test_secrets_are_nowhere_in_a_log(ended: ApiClient) -> None:
    text = ended.log_of("secretive", "r", "tells")
    explained = ended.get("/dags/secretive/dagRuns/r/taskInstances/tells/explain").text
    assert "from a variable: ***" in text
    assert "RuntimeError: ***" in explained
    for secret in SECRETS:
        assert secret not in text + explained
        assert secret[7:] not in text + explained


def wait_until_gone(folder: Path) -> None:
    """It takes a fraction of a second where the machine has one to spare."""
    wait_until(
        lambda: (folder / "killed").exists() and not is_alive(int((folder / "pid").read_text())),
        "the task is killed",
        KILL_SECONDS,
    )
