"""`tradewind dag-processor`: the composition root."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial

from prometheus_client import CollectorRegistry

from tradewind.bus.open import open_bus
from tradewind.dag_processor.service import run
from tradewind.dag_processor.settings import DagProcessorSettings
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


async def serve(settings: DagProcessorSettings) -> None:
    """Run until SIGTERM or Ctrl-C."""
    registry = CollectorRegistry()
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        pool = open_pool(required_database_url(settings), settings.database.pool_size)
        bus = await stack.enter_async_context(open_bus(required_broker_url(settings), name="dag-processor"))
        database = await unless_stopped(stop, stack.enter_async_context(pool))
        await unless_stopped(stop, wait_for_schema(database))
        ping = partial(database.fetch_row, statement("get_schema_range"))
        checks = {"broker": bus_check(bus), "database": store_check(ping)}
        async with asyncio.TaskGroup() as group:
            group.create_task(serve_health(settings.health, checks, registry, stop), name="health")
            group.create_task(
                run(
                    settings=settings,
                    bus=bus,
                    store=PostgresStore(database),
                    clock=utc_now,
                    new_id=new_id,
                    stop=stop,
                    registry=registry,
                ),
                name="dag-processor",
            )


def main() -> None:
    """Entry point."""
    settings = load_settings(DagProcessorSettings)
    configure_logging(settings.logging, service="dag_processor")
    report_configuration()
    run_service(serve(settings))


if __name__ == "__main__":
    main()
