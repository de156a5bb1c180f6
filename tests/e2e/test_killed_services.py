"""kill -9 of any one service, or of the broker with all that it held, while a run is under way: the run ends success,
nothing stuck or doubled."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.client import ApiClient, wait_until
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import rabbitmq_server
from tests.servers.redis import redis_server
from tests.servers.stack import ALL_SERVICES, Stack, service_stack, standalone_stack

TASKS = 200
TASKS_OVER_THE_BROKER = 60

DAG_FILE = """
import time
from airflow.sdk import DAG, task

with DAG("many_{tasks}", schedule=None, max_active_tasks=64, default_args={{"retries": 2, "retry_delay": 1}}):

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

    first() >> [work.override(task_id=f"work_{{n}}")(n) for n in range({tasks})] >> last()
"""


def dags_in(folder: Path, tasks: int) -> Path:
    """A DAGs folder with a DAG of so many tasks beside the first and the last."""
    dags_folder = folder / "dags"
    dags_folder.mkdir()
    (dags_folder / "many.py").write_text(DAG_FILE.format(tasks=tasks))
    return dags_folder


@contextmanager
def separate_services(folder: Path, postgres: PostgresServer, broker_url: str, tasks: int) -> Generator[Stack]:
    """All services over this broker."""
    dags_folder = dags_in(folder, tasks)
    with (
        postgres.new_database() as database_url,
        service_stack(
            folder, database_url=database_url, broker_url=broker_url, dags_folder=dags_folder, counts={"worker": 2}
        ) as stack,
    ):
        yield stack


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, broker_url: str) -> Generator[Stack]:
    with separate_services(tmp_path_factory.mktemp("killed"), postgres, broker_url, TASKS) as stack:
        yield stack


def client(stack: Stack) -> ApiClient:
    return ApiClient(stack.api_url, stack.username, stack.password)


def check_survival(
    stack: Stack, tasks: int, kill: Callable[[], None], start: Callable[[], None], *, outage_seconds: float = 2.0
) -> None:
    dag_id = f"many_{tasks}"
    with client(stack) as api:
        api.wait_for_dag(dag_id)
        api.unpause(dag_id)
        run_id = api.trigger(dag_id)
        wait_until(lambda: api.states(dag_id, run_id)["success"] >= tasks // 10, "a tenth of the successes")
    kill()
    time.sleep(outage_seconds)  # the outage is the point of the test
    start()
    with client(stack) as api:
        run = api.wait_for_run(dag_id, run_id, timeout_seconds=180)
        task_instances = api.task_instances(dag_id, run_id)
        assert run["state"] == "success", [ti for ti in task_instances if ti["state"] != "success"]
        assert len(task_instances) == len({ti["task_id"] for ti in task_instances}) == tasks + 2
        assert {ti["state"] for ti in task_instances} == {"success"}
        assert api.xcom(dag_id, run_id, "work_7") == 7


@pytest.mark.parametrize("victim", [name if name != "worker" else "worker-1" for name in ALL_SERVICES])
def test_run_survives(services: Stack, victim: str) -> None:
    check_survival(services, TASKS, lambda: services.kill(victim), lambda: services.start(victim))


def test_standalone_survives(tmp_path: Path) -> None:
    with standalone_stack(tmp_path, dags_folder=dags_in(tmp_path, TASKS)) as stack:
        check_survival(stack, TASKS, lambda: stack.kill("standalone"), lambda: stack.start("standalone"))


@pytest.mark.parametrize("broker", ["redis", pytest.param("rabbitmq", marks=pytest.mark.full)])
def test_run_survives_the_loss_of_the_broker(tmp_path: Path, postgres: PostgresServer, broker: str) -> None:
    own_broker = redis_server if broker == "redis" else rabbitmq_server
    with (
        own_broker(private=True) as server,
        separate_services(tmp_path, postgres, server.new_url(), TASKS_OVER_THE_BROKER) as stack,
    ):
        check_survival(stack, TASKS_OVER_THE_BROKER, server.kill, server.start, outage_seconds=1.0)
