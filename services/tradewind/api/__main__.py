"""`tradewind api-server`: the composition root of the API."""

from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry

from tradewind.api.processes import serve_in_processes
from tradewind.api.service import run
from tradewind.api.settings import ApiServiceSettings
from tradewind.bus.open import open_bus
from tradewind.db.migrate import wait_for_schema
from tradewind.db.pool import open_pool
from tradewind.service.clock import new_id, utc_now
from tradewind.service.configuration.report import report_configuration
from tradewind.service.lifecycle import run_service, stop_on_signals, unless_stopped
from tradewind.service.logging import configure_logging
from tradewind.service.settings import load_settings, required_broker_url, required_database_url


async def serve(*, is_port_shared: bool = False) -> None:
    """Read the settings, connect, run until SIGTERM or Ctrl-C."""
    settings = load_settings(ApiServiceSettings)
    configure_logging(settings.logging, service="api")
    report_configuration()
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        opening = open_pool(required_database_url(settings), settings.database.pool_size)
        bus = await stack.enter_async_context(open_bus(required_broker_url(settings), name="tradewind api"))
        database = await unless_stopped(stop, stack.enter_async_context(opening))
        await unless_stopped(stop, wait_for_schema(database))
        await run(
            settings=settings,
            bus=bus,
            pool=database,
            clock=utc_now,
            new_id=new_id,
            stop=stop,
            registry=CollectorRegistry(),
            is_port_shared=is_port_shared,
        )


def main(*, workers: int = 1) -> None:
    """Entry point. Several workers are processes that share the port."""
    if workers == 1:
        run_service(serve())
    else:
        serve_in_processes(workers, lambda: run_service(serve(is_port_shared=True)))


if __name__ == "__main__":
    main()
