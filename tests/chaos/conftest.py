"""One running system for all tests of this room, on servers that may be killed."""

from collections.abc import Generator

import pytest

from tests.chaos.brokers import RabbitMQ
from tests.chaos.room import FEW, JWT_SECRET_VARIABLE, Room, open_room
from tests.e2e.client import ApiClient
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitMQServer

JWT_SECRET = "the-secret-that-the-tests-know-too"


@pytest.fixture(scope="package")
def room(
    tmp_path_factory: pytest.TempPathFactory, _own_postgres: PostgresServer, _own_rabbitmq: RabbitMQServer
) -> Generator[Room]:
    """Two schedulers, collectors and workers, one of each other service."""
    with open_room(
        tmp_path_factory.mktemp("chaos"),
        postgres=_own_postgres,
        broker=RabbitMQ(_own_rabbitmq),
        counts=FEW,
        environment={JWT_SECRET_VARIABLE: JWT_SECRET},
    ) as opened:
        yield opened


@pytest.fixture
def api(room: Room) -> Generator[ApiClient]:
    """A logged-in client."""
    with ApiClient(room.stack.api_url, room.stack.username, room.stack.password) as client:
        yield client
