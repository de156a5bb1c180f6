"""`tradewind standalone`: every service in one process, on an embedded Postgres and an in-memory bus.

With `TRADEWIND__DATABASE__URL` or `TRADEWIND__BROKER__URL` set it uses those instead; the code of the services is the
same. User code runs in child processes, as always.
"""

import asyncio
import fcntl
import os
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
from prometheus_client import CollectorRegistry

from tradewind.bus.memory import MemoryBroker
from tradewind.bus.open import open_bus
from tradewind.bus.port import Bus
from tradewind.cli.completed_settings import CompletedSettings
from tradewind.cli.crash import ServiceCrashed, crashes_reported
from tradewind.cli.readiness import Stopwatch, wait_until_healthy
from tradewind.core.errors import ConfigError
from tradewind.db.embedded import embedded_postgres, site_folder
from tradewind.db.migrate import migrate, set_parallelism
from tradewind.db.pool import Database, open_pool
from tradewind.db.store import StoreUnavailable
from tradewind.service.configuration.report import report_configuration
from tradewind.service.lifecycle import Stopped, pause, run_service, stop_on_signals, unless_stopped
from tradewind.service.logging import configure_logging, get_logger
from tradewind.service.secrets import make_home, unusable
from tradewind.service.settings import ServiceSettings, load_settings

if TYPE_CHECKING:
    from types import ModuleType

DATABASE_FOLDER: Final = "postgres"
RETRY_SECONDS: Final = 1.0
WATCH_SECONDS: Final = 1.0
LOCK_NAME: Final = "standalone.lock"


def main() -> None:
    """Run until SIGTERM or Ctrl-C. Exit code 2 and one line for a wrong setting, 1 and one line for a crash."""
    with crashes_reported():
        run_service(standalone())


async def standalone() -> None:
    """Start everything in order, announce it, run until stopped; end everything in the opposite order."""
    settings, stopwatch = load_settings(ServiceSettings), Stopwatch()
    configure_logging(settings.logging, service="standalone", stream=sys.stderr)
    report_configuration()
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        stack.enter_context(_sole_owner(make_home(settings.home)))
        _make_dags_folder(settings)
        completed = CompletedSettings.of(settings)
        database = await _foundations(settings, stack, stop, stopwatch)
        from tradewind.cli.fleet import Fleet, service_names  # loaded by now, see `_foundations`

        fleet = Fleet(
            settings_of=completed.settings_of,
            database=database,
            buses=await _buses(settings, service_names(settings), stack),
            registry=CollectorRegistry(),
            stop=stop,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(_announce(completed, stop, stopwatch), name="announcement")
            group.create_task(_watch_postgres(settings, stop), name="postgres-watch")
            await fleet.run()


@contextmanager
def _sole_owner(home: Path) -> Generator[None]:
    """Hold the home folder's lock, which the system frees however this process ends."""
    try:
        lock = (home / LOCK_NAME).open("a+")
    except OSError as exc:
        raise unusable(home, exc) from exc
    with lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            lock.seek(0)
            raise ConfigError(
                f"another `tradewind standalone` (pid {lock.read().strip() or 'unknown'}) runs on {home}: "
                "stop it, or set TRADEWIND__HOME to another folder"
            ) from exc
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _make_dags_folder(settings: ServiceSettings) -> None:
    """The default one only: a folder that was named and is not there is a mistake to report."""
    if settings.core.dags_folder is None:
        settings.dags_folder.mkdir(exist_ok=True)


async def _foundations(
    settings: ServiceSettings, stack: AsyncExitStack, stop: asyncio.Event, stopwatch: "Stopwatch"
) -> Database:
    """A migrated database. While it starts, in a process of its own, the services are imported."""
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.to_thread(_import_services), name="imports")
        if settings.database.url is not None:
            url = settings.database.url.get_secret_value()
        else:
            starting = stack.enter_async_context(embedded_postgres(settings.home / DATABASE_FOLDER))
            url = await unless_stopped(stop, starting)
        opening = stack.enter_async_context(open_pool(url, settings.database.pool_size))
        database = await unless_stopped(stop, opening)
        stopwatch.lap("postgres")
        await unless_stopped(stop, _prepare_database(url, database, settings.core.parallelism))
        stopwatch.lap("migrate")
    stopwatch.lap("imports")
    return database


def _import_services() -> "ModuleType":
    import tradewind.cli.fleet

    return tradewind.cli.fleet


async def _prepare_database(url: str, database: Database, parallelism: int) -> None:
    """Migrate it, and set the cap that all schedulers share; again and again while it is away."""
    while True:
        try:
            await migrate(url)
            await set_parallelism(database, parallelism)
        except StoreUnavailable as exc:
            get_logger().warning("database.unavailable", error=str(exc), hint="check TRADEWIND__DATABASE__URL")
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return


async def _watch_postgres(settings: ServiceSettings, stop: asyncio.Event) -> None:
    """Without its embedded Postgres this process can do nothing: better that it ends, and says so."""
    servers = [child for child in psutil.Process().children() if child.name() == "postgres"]
    while not await pause(stop, WATCH_SECONDS):
        for server in servers:
            if not server.is_running() or server.status() == psutil.STATUS_ZOMBIE:
                log = site_folder(settings.home / DATABASE_FOLDER) / "postgres.log"
                raise ServiceCrashed("embedded Postgres", f"see {log}")


async def _buses(settings: ServiceSettings, services: Sequence[str], stack: AsyncExitStack) -> Mapping[str, Bus]:
    """A connection for each service, all to one broker."""
    url = settings.broker.url.get_secret_value() if settings.broker.url is not None else None
    broker = MemoryBroker()
    return {
        name: await stack.enter_async_context(open_bus(url, broker=broker, name=f"tradewind {name}"))
        for name in services
    }


async def _announce(settings: CompletedSettings, stop: asyncio.Event, stopwatch: "Stopwatch") -> None:
    """Say where everything is, once it works."""
    with suppress(Stopped):
        await unless_stopped(stop, wait_until_healthy(settings.api_host, settings.api_port))
        stopwatch.lap("services")
        get_logger().info("standalone.healthy", **stopwatch.laps)
        sys.stdout.write(settings.announcement(stopwatch.total_seconds))
        sys.stdout.flush()
