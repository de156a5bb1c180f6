"""Tradewind as its users run it: standalone, and as separate processes with two workers, on RabbitMQ and on Redis.

The gate leaves most of Redis to `make test-full`: every bus passes `tests/integration/test_bus.py`.
"""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.e2e.client import ApiClient
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitMQServer
from tests.servers.redis import RedisServer
from tests.servers.stack import Stack, service_stack, standalone_stack


@pytest.fixture(scope="module")
def dags_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The DAGs folder of the module's stacks."""
    return tmp_path_factory.mktemp("dags")


@pytest.fixture(
    scope="module", params=["standalone", "services", pytest.param("services-redis", marks=pytest.mark.full)]
)
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, dags_folder: Path
) -> Generator[Stack]:
    """Each of the ways to run it."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "standalone":
        with standalone_stack(folder, dags_folder=dags_folder) as running:
            yield running
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    broker: RabbitMQServer | RedisServer = request.getfixturevalue(
        "redis" if request.param == "services-redis" else "rabbitmq"
    )
    with (
        postgres.new_database() as database_url,
        service_stack(
            folder,
            database_url=database_url,
            broker_url=broker.new_url(),
            dags_folder=dags_folder,
            counts={"worker": 2},
        ) as running,
    ):
        yield running


@pytest.fixture(scope="module", params=["rabbitmq", pytest.param("redis", marks=pytest.mark.full)])
def broker_url(request: pytest.FixtureRequest) -> str:
    """A place of the module's own on each kind of broker."""
    broker: RabbitMQServer | RedisServer = request.getfixturevalue(request.param)
    return broker.new_url()


@pytest.fixture(scope="module")
def api(stack: Stack) -> Generator[ApiClient]:
    """A logged-in client."""
    with ApiClient(stack.api_url, stack.username, stack.password) as client:
        yield client
