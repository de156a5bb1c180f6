"""A dispatcher in virtual time: a collector, children that end when told to, whoever publishes and consumes."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec
from prometheus_client import CollectorRegistry

from tests.unit.supervisor.world import (
    Collector,
    Launcher,
    LogStore,
    attempt,
    key_of,
    virtual_now,
)
from tradewind.bus.memory import MemoryBroker, MemoryBus
from tradewind.bus.port import Bus, Delivery, Message, Queue
from tradewind.dispatcher.executors.base import ExecutorParts
from tradewind.dispatcher.service import run
from tradewind.dispatcher.settings import DispatcherSettings
from tradewind.service.metrics import Telemetry
from tradewind.task_runner.settings import TaskRunningSettings
from tradewind.task_runner.supervising.children import Children
from tradewind.task_runner.supervising.metrics import SupervisorMetrics
from tradewind.wire.celery import TASK_NAME, parse_task_message
from tradewind.wire.codec import encode
from tradewind.wire.messages import DispatchBatch, QueuedTaskInstance, TaskInstanceInCelery, TaskInstanceKey
from tradewind.wire.queues import DISPATCH
from tradewind.wire.task_run import TaskRun, task_run_command


def queued(
    number: int,
    *,
    queue: str = "default",
    executor: str | None = None,
    priority: int = 1,
    key: TaskInstanceKey | None = None,
    options: Sequence[str] = (),
) -> QueuedTaskInstance:
    key = key or key_of(number)
    run = TaskRun(dag_id=key.dag_id, task_id=key.task_id, run_id=key.run_id, attempt_id=attempt(number))
    ti = TaskInstanceInCelery(key, (*task_run_command(run), *options), queue, TASK_NAME)
    return QueuedTaskInstance(ti, attempt(number), priority=priority, executor=executor, relative_fileloc="file.py")


def with_command(item: QueuedTaskInstance, *command: str) -> QueuedTaskInstance:
    return msgspec.structs.replace(item, ti=msgspec.structs.replace(item.ti, command=command))


class ObservedBus(MemoryBus):
    """Counts flushes, and may be slow to confirm them."""

    def __init__(self, broker: MemoryBroker) -> None:
        super().__init__(broker)
        self.flushes: list[tuple[str, int]] = []
        """(queue, messages) of each."""
        self.confirm_seconds = 0.0

    def lose_channels(self) -> None:
        """What was delivered here and not settled is delivered again."""
        for consumer in self.consumers:
            self.broker.give_back(DISPATCH, consumer.forget())

    async def publish(
        self, queue: str, messages: Sequence[Message], *, mandatory: bool = False, confirm: bool = True
    ) -> None:
        self.flushes.append((queue, len(messages)))
        await super().publish(queue, messages, mandatory=mandatory, confirm=confirm)
        await asyncio.sleep(self.confirm_seconds)


class World:
    """One dispatcher, a collector, and whoever publishes and consumes."""

    def __init__(
        self,
        executor: str = "LocalExecutor",
        *,
        parallelism: int = 2,
        executor_queues: str = "",
        celery: Mapping[str, float] | None = None,
        async_concurrency: int = 0,
        **options: Any,
    ) -> None:
        self.broker = MemoryBroker()
        self.bus = MemoryBus(self.broker)
        self.own_bus = ObservedBus(self.broker)
        self.collector = Collector(MemoryBus(self.broker))
        self.launcher = Launcher()
        self.stop = asyncio.Event()
        self.registry = CollectorRegistry()
        self._settings = msgspec.convert(
            {
                "core": {"executor": executor, "parallelism": parallelism, "executor_queues": executor_queues},
                "celery": celery or {},
                "dispatcher": options,
                "task_runner": {"async_concurrency": async_concurrency},
            },
            DispatcherSettings,
        )
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> "World":
        await self._group.__aenter__()
        self._collecting = self._group.create_task(self.collector.run())
        self.dispatching = self._group.create_task(self._run())
        await self.until(lambda: self.broker.depth(DISPATCH) is not None)
        return self

    async def __aexit__(self, *error: Any) -> None:
        if error[0] is None:
            self.stop.set()
            await asyncio.wait([self.dispatching])
            if not self.dispatching.cancelled():
                self.dispatching.result()
        self._collecting.cancel()
        await self._group.__aexit__(*error)

    async def _run(self) -> None:
        ids = (UUID(int=1_000_000 + count) for count in range(1_000_000))
        await run(
            settings=self._settings,
            bus=self.own_bus,
            clock=virtual_now,
            new_id=lambda: next(ids),
            stop=self.stop,
            registry=self.registry,
            open_children=self._children,
        )

    @asynccontextmanager
    async def _children(self, settings: TaskRunningSettings) -> AsyncGenerator[Children]:
        yield Children(self.launcher, LogStore())

    async def dispatch(self, *items: QueuedTaskInstance) -> None:
        await self.bus.publish(DISPATCH, [Message(body=encode(DispatchBatch(items)))])

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"tradewind_dispatcher_{name}", labels)

    async def until(self, condition: Callable[[], bool], seconds: float = 300.0) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while not condition():
            assert asyncio.get_running_loop().time() < deadline, f"not within {seconds:g} s of virtual time"
            await asyncio.sleep(0.005)

    def unsettled(self) -> int:
        return sum(len(consumer.unsettled) for consumer in self.own_bus.consumers)

    async def take(self, queue: str, count: int, *, durable: bool = True) -> list[Delivery]:
        """Declare the queue and take messages from it."""
        taken: list[Delivery] = []
        async with self.bus.consume(Queue(name=queue, durable=durable), prefetch=1000, max_batch=1000) as batches:
            async for batch in batches:
                taken += batch.deliveries
                await batch.ack()
                if len(taken) >= count:
                    return taken
        return taken


def attempts_in(deliveries: Sequence[Delivery]) -> list[int]:
    return [parse_task_message(delivery.message).attempt_id.int for delivery in deliveries]


def parts_for(bus: Bus, **settings: Any) -> ExecutorParts:
    telemetry = Telemetry(CollectorRegistry(), service="dispatcher")

    @asynccontextmanager
    async def children(settings: TaskRunningSettings) -> AsyncGenerator[Children]:
        yield Children(Launcher(), LogStore())

    return ExecutorParts(
        settings=msgspec.convert(settings, DispatcherSettings),
        bus=bus,
        clock=virtual_now,
        new_id=lambda: UUID(int=1),
        telemetry=telemetry,
        supervisor_metrics=SupervisorMetrics(telemetry),
        open_children=children,
    )
