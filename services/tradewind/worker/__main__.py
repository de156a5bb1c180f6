"""`tradewind worker`: the composition root of the worker."""

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass

from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from tradewind.bus.open import open_bus
from tradewind.service.clock import new_id, utc_now
from tradewind.service.configuration.report import report_configuration
from tradewind.service.environment import with_given
from tradewind.service.health import bus_check, serve_health
from tradewind.service.lifecycle import run_service, stop_on_signals
from tradewind.service.logging import configure_logging
from tradewind.service.settings import load_settings, required_broker_url
from tradewind.worker.celery_control.control import Link
from tradewind.worker.service import run
from tradewind.worker.settings import WorkerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the command line says, as it says it; None = it says nothing."""

    queues: str | None = None
    concurrency: int | None = None
    name: str | None = None
    autoscale: str | None = None
    umask: str | None = None
    tags: str | None = None
    pools: str | None = None
    isolation: str | None = None
    max_tasks_per_child: int | None = None
    max_memory_per_child: int | None = None
    async_concurrency: int | None = None


def main(given: Given = Given()) -> None:
    """Run a worker until SIGTERM or SIGINT. What is given here goes before the environment."""
    run_service(work(given))


async def work(given: Given) -> None:
    """Read the settings, connect, run."""
    settings = completed(load_settings(WorkerSettings), given)
    if settings.celery.worker_umask is not None:
        os.umask(settings.celery.worker_umask)
    configure_logging(settings.logging, service="worker")
    report_configuration()
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


def completed(settings: WorkerSettings, given: Given) -> WorkerSettings:
    """With what is given in place of what was read; raises `ConfigError`, which names what does not fit."""
    worker = {"queues": given.queues, "name": given.name, "tags": given.tags, "pools": given.pools}
    celery = {
        "worker_concurrency": given.concurrency,
        "worker_autoscale": given.autoscale,
        "worker_umask": given.umask,
        "worker_max_tasks_per_child": given.max_tasks_per_child,
        "worker_max_memory_per_child": given.max_memory_per_child,
    }
    task_runner = {"isolation": given.isolation, "async_concurrency": given.async_concurrency}
    if given.concurrency is not None and given.autoscale is None:
        settings = replace(settings, celery=replace(settings.celery, worker_autoscale=None))
    return replace(
        settings,
        worker=with_given(settings.worker, worker, _option),
        celery=with_given(settings.celery, celery, _option),
        task_runner=with_given(settings.task_runner, task_runner, _option),
    )


def _option(field: str) -> str:
    return "--" + field.removeprefix("worker_").replace("_", "-")


if __name__ == "__main__":
    main()
