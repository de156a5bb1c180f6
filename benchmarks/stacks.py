"""The stacks that are measured: separate processes over RabbitMQ or Redis and Postgres, and standalone."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import asyncpg

from benchmarks.results import Figure, Goal
from tests.servers.postgres import postgres_server
from tests.servers.rabbitmq import rabbitmq_server
from tests.servers.redis import redis_server
from tests.servers.stack import Stack, service_stack, standalone_stack

COLD_STARTS: Final = 3
LIFTED: Final = {
    "TRADEWIND__CORE__PARALLELISM": "0",
    "TRADEWIND__CORE__MAX_MAP_LENGTH": "100000",
    "TRADEWIND__LOGGING__LEVEL": "WARNING",
}


@dataclass(frozen=True, slots=True)
class Setup:
    """How the stack is made up."""

    workers: int
    concurrency: int
    reuses: bool = False
    """Processes go on with another task; else each task has a fresh fork."""
    async_concurrency: int = 0
    """Coroutine tasks at once per worker, besides."""

    @property
    def environment(self) -> dict[str, str]:
        return {
            **LIFTED,
            "TRADEWIND__CELERY__WORKER_CONCURRENCY": str(self.concurrency),
            "TRADEWIND__TASK_RUNNER__ISOLATION": "reuse" if self.reuses else "fork",
            "TRADEWIND__TASK_RUNNER__ASYNC_CONCURRENCY": str(self.async_concurrency),
        }


@dataclass(frozen=True, slots=True)
class Running:
    """A stack that is up."""

    name: str
    stack: Stack
    dags_folder: Path
    database_url: str
    reuses: bool = False


@contextmanager
def services(setup: Setup) -> Generator[Running]:
    """Every service as a process of its own, and some workers, over RabbitMQ and a Postgres that has every commit on
    disk before it answers."""
    with rabbitmq_server() as rabbitmq, services_over(rabbitmq.new_url(), setup, "services") as running:
        yield running


@contextmanager
def services_redis(setup: Setup) -> Generator[Running]:
    """The same over Redis."""
    with redis_server() as redis, services_over(redis.new_url(), setup, "services-redis") as running:
        yield running


@contextmanager
def services_over(broker_url: str, setup: Setup, name: str) -> Generator[Running]:
    """The same over a broker that is there."""
    with (
        _database() as database_url,
        _folders() as (folder, dags_folder),
        service_stack(
            folder,
            database_url=database_url,
            broker_url=broker_url,
            dags_folder=dags_folder,
            counts={"worker": setup.workers},
            environment=setup.environment,
        ) as stack,
    ):
        named = f"{name}{'-reuse' if setup.reuses else ''}, {setup.workers}x{setup.concurrency}"
        yield Running(named, stack, dags_folder, database_url, setup.reuses)


@contextmanager
def standalone(setup: Setup) -> Generator[Running]:
    """One process with the in-memory bus; the database is the same program as the embedded one, reachable for us."""
    with _database() as database_url, _folders() as (folder, dags_folder):
        environment = {**setup.environment, "TRADEWIND__DATABASE__URL": database_url}
        with standalone_stack(folder, dags_folder=dags_folder, environment=environment) as stack:
            yield Running("standalone", stack, dags_folder, database_url)


OpenStack = Callable[[Setup], AbstractContextManager[Running]]


def _reusing(opening: OpenStack) -> OpenStack:
    return lambda setup: opening(replace(setup, reuses=True))


STACKS: Final[dict[str, OpenStack]] = {
    "services": services,
    "services-redis": services_redis,
    "standalone": standalone,
    "services-reuse": _reusing(services),
    "services-redis-reuse": _reusing(services_redis),
}
DEFAULT_STACKS: Final = ("services", "services-redis", "standalone")


def cold_starts() -> list[Figure]:
    """Standalone on embedded parts: from its start to healthy, on a new home and on one that was used before."""
    first: list[float] = []
    again: list[float] = []
    for _ in range(COLD_STARTS):
        with (
            _folders() as (folder, dags_folder),
            standalone_stack(folder, dags_folder=dags_folder, environment=LIFTED, start=False) as stack,
        ):
            for seconds in (first, again):
                began = time.monotonic()
                stack.start("standalone")
                seconds.append(time.monotonic() - began)
                stack.stop("standalone")
    return [
        Figure(workload=f"cold start to healthy, {home}", system="standalone", value=value, unit="s", goal=Goal(3.0))
        for home, value in (("new home", sorted(first)[len(first) // 2]), ("used home", sorted(again)[len(again) // 2]))
    ]


@contextmanager
def _folders() -> Generator[tuple[Path, Path]]:
    with tempfile.TemporaryDirectory(prefix="tradewind-bench-", ignore_cleanup_errors=True) as name:
        dags_folder = Path(name) / "dags"
        dags_folder.mkdir()
        yield Path(name) / "stack", dags_folder


@contextmanager
def _database() -> Generator[str]:
    """Address of a fresh database with the schema, in which no pool and no parallelism bounds anything: what is
    measured is the machinery."""
    with postgres_server() as postgres, postgres.new_database() as database_url:
        asyncio.run(_lift_limits(database_url))
        yield database_url


async def _lift_limits(database_url: str) -> None:
    database = await asyncpg.connect(database_url)
    try:
        await database.execute("UPDATE slot_pool SET slots = -1")
        await database.execute("UPDATE parallelism SET slots = 0")
        await database.execute("INSERT INTO slot_pool (pool, slots) VALUES ('closed', 0)")
    finally:
        await database.close()
