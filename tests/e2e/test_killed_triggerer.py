"""kill -9 of a triggerer while tasks wait: another one runs their triggers, none is lost or resumed twice."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.e2e.client import ApiClient, wait_until
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitMQServer
from tests.servers.stack import Stack, service_stack

TASKS = 20
FILE = """
from airflow.sdk import DAG
from airflow.providers.standard.sensors.filesystem import FileSensor

with DAG("waiting", max_active_tasks=50):
    for number in range({tasks}):
        FileSensor(task_id=f"wait_{{number}}", filepath="{file}", poke_interval=0.2, deferrable=True, retries=0)
"""


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the tasks wait for."""
    return tmp_path_factory.mktemp("waited_for") / "there"


@pytest.fixture(scope="module")
def services(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, rabbitmq: RabbitMQServer, there: Path
) -> Generator[Stack]:
    folder = tmp_path_factory.mktemp("killed_triggerer")
    (folder / "dags").mkdir()
    (folder / "dags" / "waiting.py").write_text(FILE.format(tasks=TASKS, file=there))
    with (
        postgres.new_database() as database_url,
        service_stack(
            folder,
            database_url=database_url,
            broker_url=rabbitmq.new_url(),
            dags_folder=folder / "dags",
            counts={"triggerer": 2},
            environment={
                "TRADEWIND__LEASES__LEASE_SECONDS": "8",
                "TRADEWIND__LEASES__HEARTBEAT_SECONDS": "1",
                "TRADEWIND__TRIGGERER__MAX_TRIGGER_TO_SELECT_PER_LOOP": "5",
            },
        ) as stack,
    ):
        yield stack


def test_another_triggerer_takes_over(services: Stack, there: Path) -> None:
    with ApiClient(services.api_url, services.username, services.password) as api:
        api.wait_for_dag("waiting")
        api.unpause("waiting")
        run_id = api.trigger("waiting")
        wait_until(lambda: api.states("waiting", run_id)["deferred"] == TASKS, "all tasks wait")
        services.kill("triggerer-1")
        there.touch()
        run = api.wait_for_run("waiting", run_id)
        found = api.task_instances("waiting", run_id)
        health = api.get("/monitor/health").json()
    assert run["state"] == "success"
    assert [(ti["state"], ti["try_number"]) for ti in found] == [("success", 1)] * TASKS
    assert health["triggerer"]["status"] == "healthy"
    services.start("triggerer-1")
