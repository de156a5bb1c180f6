"""`tradewind collector`: the composition root of the collector."""

import asyncio
from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry

from tradewind.bus.open import open_bus
from tradewind.collector.service import run
from tradewind.collector.settings import CollectorSettings
from tradewind.db.migrate import wait_for_schema
from tradewind.db.pool import open_pool
from tradewind.db.postgres.store import PostgresStore
from tradewind.db.statements import statement
from tradewind.service.clock import new_id, utc_now
from tradewind.service.configuration.report import report_configuration
from tradewind.service.health import bus_check, serve_health, store_check
from tradewind.service.lifecycle import run_service, stop_on_signals, unless_stopped
from tradewind.service.logging import configure_logging
from tradewind.service.settings import load_settings, required_broker_url, required_database_url


def main() -> None:
    """Run the collector until SIGTERM or SIGINT."""
    run_service(collect())


async def collect() -> None:
    """Read the settings, connect, run."""
    settings = load_settings(CollectorSettings)
    configure_logging(settings.logging, service="collector")
    report_configuration()
    database_url, broker_url = required_database_url(settings), required_broker_url(settings)
    registry = CollectorRegistry()
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        bus = await stack.enter_async_context(open_bus(broker_url, name="tradewind collector"))
        opening = stack.enter_async_context(open_pool(database_url, settings.database.pool_size))
        database = await unless_stopped(stop, opening)
        await unless_stopped(stop, wait_for_schema(database))
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
            group.create_task(service, name="collector")


if __name__ == "__main__":
    main()
