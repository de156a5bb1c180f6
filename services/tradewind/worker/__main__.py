"""`tradewind worker`: the composition root of the worker."""

import asyncio
from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry

from tradewind.bus.open import open_bus
from tradewind.service.clock import new_id, utc_now
from tradewind.service.health import bus_check, serve_health
from tradewind.service.lifecycle import run_service, stop_on_signals
from tradewind.service.logging import configure_logging
from tradewind.service.settings import load_settings, required_broker_url
from tradewind.worker.celery_control.control import Link
from tradewind.worker.service import run
from tradewind.worker.settings import WorkerSettings


def main(*, queues: str | None = None, concurrency: int | None = None, name: str | None = None) -> None:
    """Run a worker until SIGTERM or SIGINT. What is given here goes before the environment."""
    run_service(work(queues=queues, concurrency=concurrency, name=name))


async def work(*, queues: str | None, concurrency: int | None, name: str | None) -> None:
    """Read the settings, connect, run."""
    settings = _completed(load_settings(WorkerSettings), queues, concurrency, name)
    configure_logging(settings.logging, service="worker")
    broker_url = required_broker_url(settings)
    registry = CollectorRegistry()
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        bus = await stack.enter_async_context(open_bus(broker_url, name="tradewind worker"))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        group.create_task(serve_health(settings.health, {"bus": bus_check(bus)}, registry, stop), name="health")
        service = run(
            settings=settings,
            bus=bus,
            clock=utc_now,
            new_id=new_id,
            stop=stop,
            registry=registry,
            celery_link=_celery_link(settings, broker_url),
        )
        group.create_task(service, name="worker")


def _celery_link(settings: WorkerSettings, broker_url: str) -> Link | None:
    """Celery's tools speak AMQP only here; what they need of the driver is loaded for them alone."""
    if not settings.celery.worker_enable_remote_control or not broker_url.startswith(("amqp://", "amqps://")):
        return None
    from tradewind.worker.celery_control.link import CeleryLink

    return CeleryLink(broker_url, name="tradewind worker: Celery's tools")


def _completed(
    settings: WorkerSettings, queues: str | None, concurrency: int | None, name: str | None
) -> WorkerSettings:
    given = {"queues": queues, "name": name}
    worker = {**settings.worker.model_dump(), **{key: value for key, value in given.items() if value is not None}}
    celery = settings.celery.model_dump()
    if concurrency is not None:
        celery["worker_concurrency"] = concurrency
    return settings.model_copy(
        update={
            "worker": type(settings.worker).model_validate(worker),
            "celery": type(settings.celery).model_validate(celery),
        }
    )


if __name__ == "__main__":
    main()
