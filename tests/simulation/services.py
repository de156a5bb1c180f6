"""The real services as processes of a world: their own `run`, with simulated ports."""

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.simulation.triggerers import triggerer
from tradewind.collector import service as collector
from tradewind.collector.settings import CollectorSettings
from tradewind.db.store import StoreUnavailable
from tradewind.dispatcher import service as dispatcher
from tradewind.dispatcher.settings import DispatcherSettings
from tradewind.scheduler import service as scheduler
from tradewind.scheduler.settings import SchedulerSettings
from tradewind.service.environment import SecretStr
from tradewind.service.settings import ApiAuthSettings, CoreSettings
from tradewind.task_runner.log_streams.stream import LogSinkFailed
from tradewind.task_runner.supervising.children import Children
from tradewind.worker import service as worker
from tradewind.worker.settings import CelerySettings, WorkerOptions, WorkerSettings

if TYPE_CHECKING:
    from tests.simulation.world import ProcessParts, WorldOptions

Main = Callable[["ProcessParts"], Coroutine[Any, Any, None]]

_AUTH = ApiAuthSettings(jwt_secret=SecretStr("simulated-" + "x" * 32))


def processes(options: "WorldOptions") -> list[tuple[str, Main]]:
    """Name and main of every process."""
    return [
        *((f"scheduler-{number}", _scheduler) for number in range(options.schedulers)),
        *((f"collector-{number}", _collector) for number in range(options.collectors)),
        *((f"dispatcher-{number}", _dispatcher(options)) for number in range(options.dispatchers)),
        *((f"worker-{number}", _worker(options)) for number in range(options.workers)),
        *((f"triggerer-{number}", triggerer) for number in range(options.triggerers)),
    ]


async def _scheduler(parts: "ProcessParts") -> None:
    await scheduler.run(
        settings=SchedulerSettings(),
        bus=parts.bus,
        store=parts.store,  # pyright: ignore[reportArgumentType] - forwards every method of the port
        clock=parts.clock,
        new_id=parts.new_id,
        stop=parts.stop,
        registry=parts.registry,
    )


async def _collector(parts: "ProcessParts") -> None:
    await collector.run(
        settings=CollectorSettings(api_auth=_AUTH),
        bus=parts.bus,
        store=parts.store,  # pyright: ignore[reportArgumentType] - forwards every method of the port
        clock=parts.clock,
        new_id=parts.new_id,
        stop=parts.stop,
        registry=parts.registry,
    )


def _worker(options: "WorldOptions") -> Main:
    async def main(parts: "ProcessParts") -> None:
        settings = WorkerSettings(
            celery=CelerySettings(worker_concurrency=options.worker_concurrency),
            worker=WorkerOptions(name=parts.name, shutdown_grace_seconds=20.0),
        )
        await worker.run(
            settings=settings,
            bus=parts.bus,
            clock=parts.clock,
            new_id=parts.new_id,
            stop=parts.stop,
            registry=parts.registry,
            open_children=lambda _: _children(parts),
        )

    return main


def _dispatcher(options: "WorldOptions") -> Main:
    async def main(parts: "ProcessParts") -> None:
        settings = DispatcherSettings(core=CoreSettings(executor=options.executor, parallelism=options.parallelism))
        await dispatcher.run(
            settings=settings,
            bus=parts.bus,
            clock=parts.clock,
            new_id=parts.new_id,
            stop=parts.stop,
            registry=parts.registry,
            open_children=lambda _: _children(parts),
        )

    return main


@asynccontextmanager
async def _children(parts: "ProcessParts") -> AsyncGenerator[Children]:
    yield Children(launcher=parts.launcher, log_sink=_LogStore(parts))


class _LogStore:
    """The log sink without HTTP: chunks go straight to the store, as the execution API would put them there."""

    def __init__(self, parts: "ProcessParts") -> None:
        self._parts = parts

    async def append(self, attempt_id: UUID, token: str, sequence: int, records: bytes) -> None:
        try:
            await self._parts.store.append_log(attempt_id, sequence, records, self._parts.clock())
        except StoreUnavailable as exc:
            raise LogSinkFailed(str(exc), retryable=True) from exc
