"""The session's Postgres, and databases made from a template that holds the schema."""

import asyncio
import os
import tempfile
from collections.abc import Coroutine, Generator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tradewind.db.embedded import embedded_postgres
from tradewind.db.migrate import migrate

T = TypeVar("T")

TEMPLATE = "tradewind_template"


@dataclass(slots=True)
class PostgresServer:
    """A running Postgres with one migrated database to copy from. `url` names its maintenance database."""

    url: str
    _runner: asyncio.Runner
    _numbers: "count[int]" = field(default_factory=count)

    def url_of(self, database: str) -> str:
        """Address of one database of this server."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{database}"))

    @contextmanager
    def new_database(self, template: str = TEMPLATE) -> Generator[str]:
        """Address of a fresh database with the schema (`template0`: an empty one), dropped afterwards."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield self.url_of(name)
        finally:
            self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def execute(self, sql: str) -> None:
        """Run one statement on the maintenance database."""

        async def run() -> None:
            connection = await asyncpg.connect(self.url)
            try:
                await connection.execute(sql)
            finally:
                await connection.close()

        self.run(run())

    def run(self, work: Coroutine[object, object, T]) -> T:
        """Run a coroutine on the server's own loop, between tests."""
        return self._runner.run(work)


@contextmanager
def postgres_server() -> Generator[PostgresServer]:
    """Start an embedded Postgres in a temporary folder and prepare the template; stop it afterwards."""
    with _temporary_folder() as folder, asyncio.Runner() as runner:
        context = embedded_postgres(folder / "postgres", system_folder=folder / "system")
        server = PostgresServer(runner.run(_entered(context)), runner)
        try:
            server.execute(f'CREATE DATABASE "{TEMPLATE}"')
            runner.run(migrate(server.url_of(TEMPLATE)))
            yield server
        finally:
            runner.run(_left(context))


async def _entered(context: AbstractAsyncContextManager[str]) -> str:
    return await context.__aenter__()


async def _left(context: AbstractAsyncContextManager[str]) -> None:
    await context.__aexit__(None, None, None)


@contextmanager
def _temporary_folder() -> Generator[Path]:
    """Passable by all: as root, Postgres runs as another user."""
    with tempfile.TemporaryDirectory(prefix="tradewind-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
