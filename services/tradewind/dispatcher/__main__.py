"""`tradewind dispatcher`: the composition root of the dispatcher."""

import asyncio
from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry

from tradewind.bus.open import open_bus
from tradewind.dispatcher.service import run
from tradewind.dispatcher.settings import DispatcherSettings
from tradewind.service.clock import new_id, utc_now
from tradewind.service.configuration.report import report_configuration
from tradewind.service.health import bus_check, serve_health
from tradewind.service.lifecycle import run_service, stop_on_signals
from tradewind.service.logging import configure_logging
from tradewind.service.settings import load_settings, required_broker_url


def main() -> None:
    """Run the dispatcher until SIGTERM or SIGINT."""
    run_service(dispatch())


async def dispatch() -> None:
    """Read the settings, connect, run."""
    settings = load_settings(DispatcherSettings)
    configure_logging(settings.logging, service="dispatcher")
    report_configuration()
    broker_url = required_broker_url(settings)
    registry = CollectorRegistry()
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        bus = await stack.enter_async_context(open_bus(broker_url, name="tradewind dispatcher"))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        group.create_task(serve_health(settings.health, {"bus": bus_check(bus)}, registry, stop), name="health")
        service = run(settings=settings, bus=bus, clock=utc_now, new_id=new_id, stop=stop, registry=registry)
        group.create_task(service, name="dispatcher")


if __name__ == "__main__":
    main()
