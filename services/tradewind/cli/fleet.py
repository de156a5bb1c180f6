"""All services as tasks of one process. Importing this module imports every service.

Two groups, because what ends first needs the others until then: when the process is to stop, the scheduler, the
executors and the dag processor end in order, while their children still report to the API and the collector.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from tradewind.api import service as api
from tradewind.api.settings import ApiServiceSettings
from tradewind.bus.port import Bus
from tradewind.cli.crash import ServiceCrashed
from tradewind.collector import service as collector
from tradewind.collector.settings import CollectorSettings
from tradewind.core.errors import ConfigError
from tradewind.core.executors import CELERY_EXECUTOR, configured_executors
from tradewind.dag_processor import service as dag_processor
from tradewind.dag_processor.settings import DagProcessorSettings
from tradewind.db.pool import Database
from tradewind.db.postgres.store import PostgresStore
from tradewind.dispatcher import service as dispatcher
from tradewind.dispatcher.settings import DispatcherSettings
from tradewind.scheduler import service as scheduler
from tradewind.scheduler.settings import SchedulerSettings
from tradewind.service.clock import new_id, utc_now
from tradewind.service.config_errors import find_error
from tradewind.service.logging import bind_log_values, get_logger
from tradewind.service.settings import ServiceSettings
from tradewind.triggerer import service as triggerer
from tradewind.triggerer.settings import TriggererSettings
from tradewind.worker import service as worker
from tradewind.worker.settings import WorkerSettings

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)
GracefulT = TypeVar("GracefulT", DispatcherSettings, WorkerSettings)

GRACE_SECONDS: Final = 5.0
"""How long running tasks may go on after Ctrl-C, at most: a person waits."""


class SettingsSource(Protocol):
    """Reads the settings of one service, completed by what this process has found out (addresses, secrets)."""

    def __call__(self, kind: type[SettingsT]) -> SettingsT: ...


def service_names(settings: ServiceSettings) -> tuple[str, ...]:
    """The services to run: a worker only where an executor sends tasks to queues. Raises `ConfigError`."""
    always = ("api-server", "collector", "scheduler", "dispatcher", "dag-processor", "triggerer")
    configured = configured_executors(settings.core.executor, settings.core.executor_queues)
    sends = any(each.target == CELERY_EXECUTOR for each in configured.executors)
    return (*always, "worker") if sends else always


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The services with what they share."""

    settings_of: SettingsSource
    database: Database
    buses: Mapping[str, Bus]
    """A connection for each service to run, by its name."""
    registry: CollectorRegistry
    stop: asyncio.Event

    async def run(self) -> None:
        """Run until `stop`; raises a group with `ServiceCrashed` when a service ended by itself."""
        store, servers_stop = PostgresStore(self.database), asyncio.Event()
        first, last = _Runner(self, store, self.stop), _Runner(self, store, servers_stop)
        async with asyncio.TaskGroup() as servers:
            last.start(servers, "api-server", last.api_server())
            last.start(servers, "collector", last.collector())
            async with asyncio.TaskGroup() as group:
                first.start(group, "dispatcher", first.dispatcher())
                first.start(group, "scheduler", first.scheduler())
                first.start(group, "dag-processor", first.dag_processor())
                first.start(group, "triggerer", first.triggerer())
                if "worker" in self.buses:
                    first.start(group, "worker", first.worker())
            servers_stop.set()


class _Runner:
    """Starts each service with its share of the fleet's adapters."""

    def __init__(self, fleet: Fleet, store: PostgresStore, stop: asyncio.Event) -> None:
        self._fleet = fleet
        self._store = store
        self._stop = stop

    def start(self, group: asyncio.TaskGroup, name: str, service: Coroutine[object, object, None]) -> None:
        group.create_task(guarded(name, service, self._stop), name=name)

    async def api_server(self) -> None:
        await api.run(
            settings=self._fleet.settings_of(ApiServiceSettings),
            bus=self._fleet.buses["api-server"],
            pool=self._fleet.database,
            clock=utc_now,
            new_id=new_id,
            stop=self._stop,
            registry=self._fleet.registry,
        )

    async def collector(self) -> None:
        await collector.run(
            settings=self._fleet.settings_of(CollectorSettings),
            bus=self._fleet.buses["collector"],
            store=self._store,
            clock=utc_now,
            new_id=new_id,
            stop=self._stop,
            registry=self._fleet.registry,
        )

    async def scheduler(self) -> None:
        await scheduler.run(
            settings=self._fleet.settings_of(SchedulerSettings),
            bus=self._fleet.buses["scheduler"],
            store=self._store,
            clock=utc_now,
            new_id=new_id,
            stop=self._stop,
            registry=self._fleet.registry,
        )

    async def dag_processor(self) -> None:
        await dag_processor.run(
            settings=self._fleet.settings_of(DagProcessorSettings),
            bus=self._fleet.buses["dag-processor"],
            store=self._store,
            clock=utc_now,
            new_id=new_id,
            stop=self._stop,
            registry=self._fleet.registry,
        )

    async def triggerer(self) -> None:
        await triggerer.run(
            settings=self._fleet.settings_of(TriggererSettings),
            bus=self._fleet.buses["triggerer"],
            store=self._store,
            clock=utc_now,
            new_id=new_id,
            stop=self._stop,
            registry=self._fleet.registry,
        )

    async def dispatcher(self) -> None:
        await dispatcher.run(
            settings=_with_short_grace(self._fleet.settings_of(DispatcherSettings)),
            bus=self._fleet.buses["dispatcher"],
            clock=utc_now,
            new_id=new_id,
            stop=self._stop,
            registry=self._fleet.registry,
        )

    async def worker(self) -> None:
        await worker.run(
            settings=_with_short_grace(self._fleet.settings_of(WorkerSettings)),
            bus=self._fleet.buses["worker"],
            clock=utc_now,
            new_id=new_id,
            stop=self._stop,
            registry=self._fleet.registry,
        )


async def guarded(name: str, service: Coroutine[object, object, None], stop: asyncio.Event) -> None:
    """Run the service; that it raises, or ends before it was asked to, is a `ServiceCrashed`."""
    bind_log_values(service=name)
    try:
        await service
    except Exception as exc:
        if find_error(exc, ConfigError) is not None:
            raise
        get_logger().exception("service.crashed")
        raise ServiceCrashed(name, _reason(exc)) from exc
    if not stop.is_set():
        raise ServiceCrashed(name, "it ended by itself")


def _with_short_grace(settings: GracefulT) -> GracefulT:
    if isinstance(settings, DispatcherSettings):
        own = settings.dispatcher
        grace = min(own.shutdown_grace_seconds, GRACE_SECONDS)
        return replace(settings, dispatcher=replace(own, shutdown_grace_seconds=grace))
    options = settings.worker
    grace = min(options.shutdown_grace_seconds, GRACE_SECONDS)
    return replace(settings, worker=replace(options, shutdown_grace_seconds=grace))


def _reason(exc: Exception) -> str:
    """The first cause, in one line."""
    if isinstance(exc, ExceptionGroup):
        members: tuple[Exception, ...] = exc.exceptions  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] - isinstance forgets what the group holds
        return _reason(members[0])
    return f"{type(exc).__name__}: {exc}"
