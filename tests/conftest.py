"""Fixtures that every test may take: servers, started once per session when first asked for, and a check for leaks."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Generator

import pytest
from hypothesis import HealthCheck, settings

from tests.servers.postgres import PostgresServer, postgres_server
from tests.servers.rabbitmq import RabbitMQServer, rabbitmq_server
from tests.servers.redis import RedisServer, redis_server
from tradewind.db.pool import Database, open_pool

# How long an example takes is the machine's affair: on a busy one, any may be kept waiting.
settings.register_profile("tradewind", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tradewind")


@pytest.fixture(scope="session")
def _own_postgres(  # pyright: ignore[reportUnusedFunction] - by name
    postgres: PostgresServer,
) -> Generator[PostgresServer]:
    if postgres.is_ours:
        yield postgres
    else:
        with postgres_server(private=True) as server:
            yield server


@pytest.fixture
def mortal_postgres(_own_postgres: PostgresServer) -> Generator[PostgresServer]:
    """A Postgres that the test may stop, kill and start; it runs again afterwards."""
    yield _own_postgres
    _own_postgres.start()


@pytest.fixture(scope="session")
def rabbitmq() -> Generator[RabbitMQServer]:
    """The session's RabbitMQ; not to be stopped."""
    with rabbitmq_server() as server:
        yield server


@pytest.fixture
def rabbitmq_url(rabbitmq: RabbitMQServer) -> str:
    """AMQP address of a virtual host of the test's own."""
    return rabbitmq.new_url()


@pytest.fixture(scope="session")
def _own_rabbitmq(  # pyright: ignore[reportUnusedFunction] - by name
    rabbitmq: RabbitMQServer,
) -> Generator[RabbitMQServer]:
    if rabbitmq.is_ours:
        yield rabbitmq
    else:
        with rabbitmq_server(private=True) as server:
            yield server


@pytest.fixture
def mortal_rabbitmq(_own_rabbitmq: RabbitMQServer) -> Generator[RabbitMQServer]:
    """A RabbitMQ that the test may stop, kill and start; it runs again afterwards."""
    yield _own_rabbitmq
    _own_rabbitmq.start()


@pytest.fixture(scope="session")
def redis() -> Generator[RedisServer]:
    """The session's Redis; not to be stopped."""
    with redis_server() as server:
        yield server


@pytest.fixture
def redis_url(redis: RedisServer) -> str:
    """Address of a database of the test's own."""
    return redis.new_url()


@pytest.fixture
def mortal_redis() -> Generator[RedisServer]:
    """A Redis that the test may stop, kill and start."""
    with redis_server(private=True) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Generator[PostgresServer]:
    """The session's Postgres; not to be stopped."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres: PostgresServer) -> str:
    """Address of the session's Postgres (its maintenance database)."""
    return postgres.url


@pytest.fixture
def database_url(postgres: PostgresServer) -> Generator[str]:
    """Address of a fresh database of the test's own, with the schema."""
    with postgres.new_database() as url:
        yield url


@pytest.fixture
def empty_database_url(postgres: PostgresServer) -> Generator[str]:
    """Address of a fresh database without anything in it."""
    with postgres.new_database("template0") as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncGenerator[Database]:
    """A pool of connections to a fresh database with the schema."""
    async with open_pool(database_url, 8) as opened:
        yield opened


@pytest.fixture(autouse=True)
def no_leaked_tasks(request: pytest.FixtureRequest) -> None:
    """Fails a test which leaves asyncio tasks behind, once its other fixtures are closed."""
    function: object = getattr(request, "function", None)
    if inspect.iscoroutinefunction(function):
        request.getfixturevalue("_leaked_tasks")


@pytest.fixture
async def _leaked_tasks() -> AsyncGenerator[None]:  # pyright: ignore[reportUnusedFunction] - by name
    before = asyncio.all_tasks()
    yield
    left = [task for task in asyncio.all_tasks() if task not in before and task is not asyncio.current_task()]
    if left:
        # A task that was just cancelled or finished may need a turn or two of the loop to end, and a busy machine.
        await asyncio.wait(left, timeout=10.0)
    names = sorted(repr(task.get_coro()) for task in left if not task.done())
    assert not names, f"the test left tasks running: {names}"
