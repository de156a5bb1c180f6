"""A Postgres for tests: given by TRADEWIND_TEST_DATABASE_URL (may create databases), or the embedded one.

Each test takes a database of its own, copied from a template that was migrated once.
"""

import asyncio
import itertools
import os
import secrets
import signal
import tempfile
import urllib.parse
from collections.abc import Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg
import psutil

from tests.servers.process import ServerUnavailable, is_alive, wait_until
from tradewind.db.embedded import embedded_postgres
from tradewind.db.migrate import migrate

ResultT = TypeVar("ResultT")


TEMPLATE: Final = "tradewind_template"
EMPTY: Final = "template0"


class PostgresServer:
    """A running Postgres. Its calls block: from an event loop, use `asyncio.to_thread`."""

    def __init__(self, folder: Path, given_url: str | None = None) -> None:
        self._folder = folder
        self._url = given_url or ""
        self.is_ours = given_url is None
        """Whether we started it and so may stop it."""
        self._context: AbstractAsyncContextManager[str] | None = None
        # One thread with one loop for everything: an embedded server dies with the thread that started it.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="postgres")
        self._runner = self._thread.submit(asyncio.Runner).result()
        self._prefix = f"test_{secrets.token_hex(4)}"
        self._numbers = itertools.count(1)
        self._template: str | None = None

    @property
    def url(self) -> str:
        """Address of its maintenance database."""
        return self._url

    def url_of(self, database: str) -> str:
        """Address of one database of this server."""
        return urllib.parse.urlsplit(self._url)._replace(path=f"/{database}").geturl()

    @contextmanager
    def new_database(self, template: str = TEMPLATE) -> Generator[str]:
        """Address of a database of one's own at the newest schema (`EMPTY`: without anything), dropped afterwards."""
        source = self._migrated_template() if template == TEMPLATE else template
        name = f"{self._prefix}_{next(self._numbers)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}"')
        try:
            yield self.url_of(name)
        finally:
            self.start()
            self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def execute(self, sql: str) -> None:
        """Run one statement on the maintenance database."""
        self.run(_execute(self._url, sql))

    def run(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Run a coroutine on the server's own loop."""
        return self._thread.submit(self._runner.run, work).result()

    def start(self) -> None:
        """Start it unless it runs; its data and addresses are those from before."""
        if self.is_ours and self._context is None:
            context = embedded_postgres(self._folder / "data", system_folder=self._folder / "system")
            self._url = self.run(_entered(context))
            self._context = context

    def stop(self) -> None:
        """End it in good order."""
        self._check_ours()
        if self._context is not None:
            context, self._context = self._context, None
            self.run(_left(context))

    def kill(self) -> None:
        """SIGKILL to all of its processes, as a lost machine would."""
        self._check_ours()
        for file in self._folder.rglob("postmaster.pid"):
            postmaster = psutil.Process(int(file.read_text().split()[0]))
            family = [postmaster, *postmaster.children(recursive=True)]
            for process in family:
                with suppress(psutil.NoSuchProcess):  # they end by themselves once the first of them has
                    process.send_signal(signal.SIGKILL)
            wait_until(lambda family=family: not any(map(is_alive, family)), 60.0, "kill")
        self.stop()

    def close(self) -> None:
        """End everything."""
        if self.is_ours:
            self.stop()
        elif self._template is not None:
            self.execute(f'DROP DATABASE "{self._template}"')
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()

    def _check_ours(self) -> None:
        if not self.is_ours:
            raise ServerUnavailable("the server of TRADEWIND_TEST_DATABASE_URL is not ours to stop")

    def _migrated_template(self) -> str:
        if self._template is None:
            name = f"{self._prefix}_template"
            self.execute(f'CREATE DATABASE "{name}"')
            self.run(migrate(self.url_of(name)))
            self._template = name
        return self._template


async def _entered(context: AbstractAsyncContextManager[str]) -> str:
    return await context.__aenter__()


async def _left(context: AbstractAsyncContextManager[str]) -> None:
    await context.__aexit__(None, None, None)


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@contextmanager
def postgres_server(*, private: bool = False) -> Generator[PostgresServer]:
    """A running Postgres. `private`: one that may be stopped and killed, so never the one given by its address."""
    given_url = None if private else os.environ.get("TRADEWIND_TEST_DATABASE_URL")
    with tempfile.TemporaryDirectory(prefix="tradewind-postgres-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # as root, Postgres runs as another user, who must pass here
        server = PostgresServer(Path(folder), given_url)
        try:
            server.start()
            yield server
        finally:
            server.close()
