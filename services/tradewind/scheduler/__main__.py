"""`tradewind scheduler`: the composition root of the scheduler."""

import asyncio
from contextlib import AsyncExitStack
from typing import Final

from prometheus_client import CollectorRegistry

from tradewind.bus.open import open_bus
from tradewind.db.migrate import set_parallelism, wait_for_schema
from tradewind.db.pool import Database, open_pool
from tradewind.db.postgres.store import PostgresStore
from tradewind.db.statements import statement
from tradewind.db.store import StoreUnavailable
from tradewind.scheduler.service import run
from tradewind.scheduler.settings import SchedulerSettings
from tradewind.service.clock import new_id, utc_now
from tradewind.service.configuration.report import report_configuration
from tradewind.service.health import bus_check, serve_health, store_check
from tradewind.service.lifecycle import pause, run_service, stop_on_signals, unless_stopped
from tradewind.service.logging import configure_logging, get_logger
from tradewind.service.settings import load_settings, required_broker_url, required_database_url

RETRY_SECONDS: Final = 1.0


def main() -> None:
    """Run the scheduler until SIGTERM or SIGINT."""
    run_service(schedule())


async def schedule() -> None:
    """Read the settings, connect, run."""
    settings = load_settings(SchedulerSettings)
    configure_logging(settings.logging, service="scheduler")
    report_configuration()
    database_url, broker_url = required_database_url(settings), required_broker_url(settings)
    registry = CollectorRegistry()
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        bus = await stack.enter_async_context(open_bus(broker_url, name="tradewind scheduler"))
        opening = stack.enter_async_context(open_pool(database_url, settings.database.pool_size))
        database = await unless_stopped(stop, opening)
        await unless_stopped(stop, wait_for_schema(database))
        await _announce_parallelism(database, settings.core.parallelism, stop)
        checks = {
            "bus": bus_check(bus),
            "store": store_check(lambda: database.fetch_row(statement("get_schema_range"))),
        }
        async with asyncio.TaskGroup() as group:
            group.create_task(serve_health(settings.health, checks, registry, stop), name="health")
            service = run(
                settings=settings,
                bus=bus,
                store=PostgresStore(database),
                clock=utc_now,
                new_id=new_id,
                stop=stop,
                registry=registry,
            )
            group.create_task(service, name="scheduler")


async def _announce_parallelism(database: Database, slots: int, stop: asyncio.Event) -> None:
    """The cap is one for all schedulers: it lies in the database, and the scheduler that started last sets it."""
    while not stop.is_set():
        try:
            await set_parallelism(database, slots)
        except StoreUnavailable as exc:
            get_logger().warning("store.unavailable", error=str(exc), doing="set_parallelism")
            await pause(stop, RETRY_SECONDS)
        else:
            return


if __name__ == "__main__":
    main()
