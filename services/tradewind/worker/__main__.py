"""`tradewind worker`: the composition root of the worker."""

import asyncio
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TypeVar

from prometheus_client import CollectorRegistry
from pydantic import BaseModel, ValidationError

from tradewind.bus.open import open_bus
from tradewind.core.errors import ConfigError
from tradewind.service.clock import new_id, utc_now
from tradewind.service.health import bus_check, serve_health
from tradewind.service.lifecycle import run_service, stop_on_signals
from tradewind.service.logging import configure_logging
from tradewind.service.settings import load_settings, required_broker_url
from tradewind.worker.celery_control.control import Link
from tradewind.worker.service import run
from tradewind.worker.settings import WorkerSettings

GroupT = TypeVar("GroupT", bound=BaseModel)


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
        settings = settings.model_copy(update={"celery": settings.celery.model_copy(update={"worker_autoscale": None})})
    return settings.model_copy(
        update={
            "worker": _with(settings.worker, worker),
            "celery": _with(settings.celery, celery),
            "task_runner": _with(settings.task_runner, task_runner),
        }
    )


def _with(group: GroupT, given: Mapping[str, object]) -> GroupT:
    said = {key: value for key, value in given.items() if value is not None}
    try:
        return type(group).model_validate({**dict(group), **said})
    except ValidationError as exc:
        first = exc.errors()[0]
        name = "--" + str(first["loc"][0]).removeprefix("worker_").replace("_", "-")
        raise ConfigError(f"{name}: {first['msg'].removeprefix('Value error, ')}") from None


if __name__ == "__main__":
    main()
