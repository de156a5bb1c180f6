"""kill -9 of any one service while a run of 200 tasks is under way: the run ends success, nothing stuck or doubled."""

import time
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.e2e.client import ApiClient
from tests.servers.postgres import PostgresServer
from tests.servers.stack import ALL_SERVICES, Stack, service_stack, standalone_stack

TASKS = 200
DAG_ID = "two_hundred"
RESTART_AFTER_SECONDS = 2.0

DAG_FILE = f'''
import time
from airflow.sdk import DAG, task

with DAG("{DAG_ID}", schedule=None, max_active_tasks=64, default_args={{"retries": 2, "retry_delay": 1}}):

    @task
    def first():
        return 1

    @task
    def work(number):
        time.sleep(0.1)
        return number

    @task
    def last():
        return "joined"

    first() >> [work.override(task_id=f"work_{{n}}")(n) for n in range({TASKS})] >> last()
'''


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, broker_url: str) -> Generator[Stack]:
    folder = tmp_path_factory.mktemp("killed")
    dags_folder = folder / "dags"
    dags_folder.mkdir()
    (dags_folder / "two_hundred.py").write_text(DAG_FILE)
    with (
        postgres.new_database() as database_url,
        service_stack(
            folder,
            database_url=database_url,
            broker_url=broker_url,
            dags_folder=dags_folder,
            counts={"worker": 2},
        ) as stack,
    ):
        yield stack


def wait_for_progress(api: ApiClient, run_id: str, done: int) -> None:
    deadline = time.monotonic() + 60
    while api.states(DAG_ID, run_id)["success"] < done:
        assert time.monotonic() < deadline, api.states(DAG_ID, run_id)
        time.sleep(0.05)


def check_run(api: ApiClient, run_id: str) -> None:
    run = api.wait_for_run(DAG_ID, run_id, timeout_seconds=90)
    task_instances = api.task_instances(DAG_ID, run_id)
    assert run["state"] == "success", [ti for ti in task_instances if ti["state"] != "success"]
    assert len(task_instances) == TASKS + 2
    assert len({ti["task_id"] for ti in task_instances}) == TASKS + 2
    assert {ti["state"] for ti in task_instances} == {"success"}
    assert api.xcom(DAG_ID, run_id, "work_7") == 7


@pytest.mark.parametrize("victim", [name if name != "worker" else "worker-1" for name in ALL_SERVICES])
def test_run_survives(services: Stack, victim: str) -> None:
    with ApiClient(services.api_url, services.username, services.password) as api:
        api.wait_for_dag(DAG_ID)
        api.unpause(DAG_ID)
        run_id = api.trigger(DAG_ID)
        wait_for_progress(api, run_id, done=20)
    services.kill(victim)
    time.sleep(RESTART_AFTER_SECONDS)  # the outage is the point of the test
    services.start(victim)
    with ApiClient(services.api_url, services.username, services.password) as api:
        check_run(api, run_id)


def test_standalone_survives(tmp_path: Path) -> None:
    dags_folder = tmp_path / "dags"
    dags_folder.mkdir()
    (dags_folder / "two_hundred.py").write_text(DAG_FILE)
    with standalone_stack(tmp_path, dags_folder=dags_folder) as stack:
        with ApiClient(stack.api_url, stack.username, stack.password) as api:
            api.wait_for_dag(DAG_ID)
            api.unpause(DAG_ID)
            run_id = api.trigger(DAG_ID)
            wait_for_progress(api, run_id, done=20)
        stack.kill("standalone")
        time.sleep(RESTART_AFTER_SECONDS)  # the outage is the point of the test
        stack.start("standalone")
        with ApiClient(stack.api_url, stack.username, stack.password) as api:
            check_run(api, run_id)
