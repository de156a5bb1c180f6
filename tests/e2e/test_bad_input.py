"""Bad input gets a clear answer and loses nothing."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.e2e.client import ApiClient
from tests.polling import poll_until
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitMQServer
from tests.servers.stack import Stack, service_stack
from tradewind.bus.open import open_bus
from tradewind.bus.port import Message, Queue
from tradewind.wire import queues

GOOD = """
from airflow.sdk import DAG, task
with DAG("good", schedule=None):
    @task
    def one():
        return 1
    one()
"""
BROKEN = "import airflow.sdk\nfrom airflow.sdk import DAG\nvalue = 1 / 0\n"
ENDLESS = "from airflow.sdk import DAG\nwhile True:\n    pass\n"


@pytest.fixture(scope="module")
def broker_url(rabbitmq: RabbitMQServer) -> str:
    return rabbitmq.new_url()


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, broker_url: str) -> Generator[Stack]:
    folder = tmp_path_factory.mktemp("bad-input")
    dags_folder = folder / "dags"
    dags_folder.mkdir()
    for name, text in (("good.py", GOOD), ("broken.py", BROKEN), ("endless.py", ENDLESS)):
        (dags_folder / name).write_text(text)
    with (
        postgres.new_database() as database_url,
        service_stack(
            folder,
            database_url=database_url,
            broker_url=broker_url,
            dags_folder=dags_folder,
            environment={"TRADEWIND__CORE__DAGBAG_IMPORT_TIMEOUT_SECONDS": "2"},
        ) as stack,
    ):
        yield stack


@pytest.fixture
def api(services: Stack) -> Generator[ApiClient]:
    with ApiClient(services.api_url, services.username, services.password) as client:
        yield client


def test_unknown_dag_is_404_and_named(api: ApiClient) -> None:
    for answer in (api.get("/dags/nope"), api.post("/dags/nope/dagRuns", {"logical_date": None})):
        assert answer.status_code == 404
        assert "nope" in answer.json()["detail"]


def test_malformed_body_is_422_and_says_where(api: ApiClient) -> None:
    api.wait_for_dag("good")
    answer = api.post("/dags/good/dagRuns", {"logical_date": "yesterday-ish", "colour": "red"})
    assert answer.status_code == 422
    places = [error["loc"] for error in answer.json()["detail"]]
    assert ["body", "logical_date"] in places


def test_broken_and_endless_files_are_reported_and_hold_nobody_up(api: ApiClient) -> None:
    api.wait_for_dag("good")
    deadline = time.monotonic() + 20
    while len(errors := api.get("/importErrors").json()["import_errors"]) < 2:
        assert time.monotonic() < deadline, errors
        time.sleep(0.05)
    by_file = {Path(error["filename"]).name: error["stack_trace"] for error in errors}
    assert "ZeroDivisionError" in by_file["broken.py"]
    assert "timed out" in by_file["endless.py"]


@pytest.mark.parametrize(
    "queue", [queues.DISPATCH, queues.CLAIMS, queues.ENDS, queues.HEARTBEATS, queues.RUNS, "default"]
)
async def test_undecodable_message_goes_to_the_dead_letters(
    services: Stack, api: ApiClient, broker_url: str, queue: str
) -> None:
    async with open_bus(broker_url) as bus:
        await bus.publish(queue, [Message(body=b"\xc1 not a message", headers={"x-test": queue})], mandatory=True)
        async with (
            bus.consume(Queue(name=queues.DEAD_LETTER, durable=True), prefetch=10, max_batch=10) as batches,
            asyncio.timeout(10),
        ):
            batch = await anext(batches)
            (dead,) = batch.deliveries
            await batch.ack()
    assert dead.message.body == b"\xc1 not a message"
    assert dead.message.headers["x-source-queue"] == queue
    assert len(str(dead.message.headers["x-reason"])) > 10
    api.wait_for_dag("good")
    api.unpause("good")
    assert api.wait_for_run("good", api.trigger("good"))["state"] == "success"


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("TRADEWIND__DATABASE__URL", "postgresql://nobody:wrong@127.0.0.1:1/none"),
        ("TRADEWIND__BROKER__URL", "amqp://nobody:wrong@127.0.0.1:1/"),
    ],
)
async def test_wrong_address_names_the_setting_and_retries(
    tmp_path: Path, database_url: str, broker_url: str, variable: str, url: str
) -> None:
    environment = {
        **os.environ,
        "TRADEWIND__HOME": str(tmp_path),
        "TRADEWIND__DATABASE__URL": database_url,
        "TRADEWIND__BROKER__URL": broker_url,
        variable: url,
    }
    log = tmp_path / "scheduler.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
            [sys.executable, "-m", "tradewind.cli", "scheduler"], env=environment, stdout=output, stderr=output
        )
        try:
            await poll_until(lambda: log.read_text().count(variable) >= 3, 20.0)
            assert process.poll() is None
            assert "wrong" not in log.read_text()
        finally:
            process.terminate()
            assert process.wait(timeout=20) == 0
