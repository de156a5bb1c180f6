"""Separate processes over Redis: a run ends well though Redis is lost under way, with all that it held."""

import time
from collections.abc import Generator

import pytest

from tests.e2e.client import ApiClient, wait_until
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer, redis_server
from tests.servers.stack import Stack, service_stack

TASKS = 60
DAG_ID = "sixty"

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
def own_redis() -> Generator[RedisServer]:
    """A Redis that may be killed."""
    with redis_server(private=True) as server:
        yield server


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, own_redis: RedisServer
) -> Generator[Stack]:
    """All services over it."""
    folder = tmp_path_factory.mktemp("redis")
    dags_folder = folder / "dags"
    dags_folder.mkdir()
    (dags_folder / "sixty.py").write_text(DAG_FILE)
    with (
        postgres.new_database() as database_url,
        service_stack(
            folder,
            database_url=database_url,
            broker_url=own_redis.new_url(),
            dags_folder=dags_folder,
            counts={"worker": 2},
        ) as running,
    ):
        yield running


def test_run_survives_the_loss_of_redis(api: ApiClient, own_redis: RedisServer) -> None:
    api.wait_for_dag(DAG_ID)
    api.unpause(DAG_ID)
    run_id = api.trigger(DAG_ID)
    wait_until(lambda: api.states(DAG_ID, run_id)["success"] >= 10, "the first ten successes")
    own_redis.kill()
    time.sleep(1.0)  # the outage is the point of the test
    own_redis.start()
    run = api.wait_for_run(DAG_ID, run_id, timeout_seconds=90)
    task_instances = api.task_instances(DAG_ID, run_id)
    assert run["state"] == "success", [ti for ti in task_instances if ti["state"] != "success"]
    assert len(task_instances) == TASKS + 2
    assert {ti["state"] for ti in task_instances} == {"success"}
    assert api.xcom(DAG_ID, run_id, "work_7") == 7
