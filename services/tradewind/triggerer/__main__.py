"""`tradewind triggerer`: the composition root."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial

from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from tradewind.bus.open import open_bus
from tradewind.db.migrate import wait_for_schema
from tradewind.db.pool import open_pool
from tradewind.db.postgres.store import PostgresStore
from tradewind.db.statements import statement
from tradewind.service.clock import new_id, utc_now
from tradewind.service.configuration.report import report_configuration
from tradewind.service.environment import with_given
from tradewind.service.health import bus_check, serve_health, store_check
from tradewind.service.lifecycle import run_service, stop_on_signals, unless_stopped
from tradewind.service.logging import configure_logging
from tradewind.service.settings import load_settings, required_broker_url, required_database_url
from tradewind.triggerer.service import run
from tradewind.triggerer.settings import TriggererSettings


async def serve(settings: TriggererSettings) -> None:
    """Run until SIGTERM or Ctrl-C."""
    registry = CollectorRegistry()
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        pool = open_pool(required_database_url(settings), settings.database.pool_size)
        bus = await stack.enter_async_context(open_bus(required_broker_url(settings), name="tradewind triggerer"))
        database = await unless_stopped(stop, stack.enter_async_context(pool))
        await unless_stopped(stop, wait_for_schema(database))
        checks = {
            "broker": bus_check(bus),
            "database": store_check(partial(database.fetch_row, statement("get_schema_range"))),
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
            group.create_task(service, name="triggerer")


def main(*, capacity: int | None = None, queues: str | None = None) -> None:
    """Entry point; what is given here wins over the environment."""
    settings = load_settings(TriggererSettings)
    given = with_given(settings.triggerer, {"capacity": capacity, "queues": queues}, "--{}".format)
    settings = replace(settings, triggerer=given)
    configure_logging(settings.logging, service="triggerer")
    report_configuration()
    run_service(serve(settings))


if __name__ == "__main__":
    main()
