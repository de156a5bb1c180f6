"""What is broken: a database and a broker of their own, every service several times, and a relay between workers and
broker."""

import secrets
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from tests.chaos import load, trail
from tests.chaos.brokers import Broker
from tests.chaos.link import Link, link_to
from tests.servers.postgres import PostgresServer
from tests.servers.stack import Stack, service_stack

LEASE_SECONDS: Final = 3.0
SEVERAL: Final = {"scheduler": 2, "dispatcher": 2, "collector": 2, "worker": 3, "triggerer": 2}
FEW: Final = {"scheduler": 2, "collector": 2, "worker": 2}
JWT_SECRET_VARIABLE: Final = "TRADEWIND__API_AUTH__JWT_SECRET"
_ENVIRONMENT: Final = {
    "TRADEWIND__LEASES__LEASE_SECONDS": str(LEASE_SECONDS),
    "TRADEWIND__LEASES__HEARTBEAT_SECONDS": "0.5",
    "TRADEWIND__WORKER__SHUTDOWN_GRACE_SECONDS": "0.4",
    "TRADEWIND__CELERY__WORKER_CONCURRENCY": "4",
    "TRADEWIND__CORE__PARALLELISM": "32",
    "TRADEWIND__SCHEDULER__REPUBLISH_AFTER_SECONDS": "5",  # a minute otherwise: what becomes of a deleted task queue
}


@dataclass(frozen=True, slots=True)
class Room:
    """Everything that runs, and where its traces are."""

    stack: Stack
    postgres: PostgresServer
    broker: Broker
    link: Link
    database_url: str
    dags_folder: Path
    traces: Path

    def rows(self, statement: str, *arguments: object) -> Sequence[asyncpg.Record]:
        """What the database answers."""
        return self.postgres.run(_fetch(self.database_url, statement, arguments))


async def _fetch(url: str, statement: str, arguments: Sequence[object]) -> Sequence[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(statement, *arguments)
    finally:
        await connection.close()


@contextmanager
def open_room(
    folder: Path,
    *,
    postgres: PostgresServer,
    broker: Broker,
    counts: Mapping[str, int] = SEVERAL,
    environment: Mapping[str, str] | None = None,
    own_environments: Mapping[str, Mapping[str, str]] | None = None,
) -> Generator[Room]:
    """A healthy stack with the load's DAGs; `environment` goes before what the room would set.

    Leases are short and the grace of workers is shorter than the longest task, so that it is cut off at times.
    """
    dags_folder, traces = folder / "dags", folder / f"traces-{secrets.token_hex(4)}"
    dags_folder.mkdir(parents=True, exist_ok=True)
    load.write_dags(dags_folder, traces)
    with postgres.new_database() as database_url, link_to(broker.url) as link:
        postgres.run(trail.install(database_url))
        own = dict(own_environments or {})
        own["worker"] = {**own.get("worker", {}), "TRADEWIND__BROKER__URL": link.url}
        with service_stack(
            folder / "stack",
            database_url=database_url,
            broker_url=broker.url,
            dags_folder=dags_folder,
            counts=counts,
            environment={**_ENVIRONMENT, **(environment or {})},
            own_environments=own,
        ) as stack:
            yield Room(stack, postgres, broker, link, database_url, dags_folder, traces)
