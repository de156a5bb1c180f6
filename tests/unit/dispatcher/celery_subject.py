"""The CeleryExecutor for the conformance suite, on any bus: what comes out of it are messages in a queue."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from uuid import UUID, uuid4

from tests.unit.dispatcher.world import parts_for
from tradewind.bus.port import Bus, Queue
from tradewind.dispatcher.executors.base import BaseExecutor
from tradewind.dispatcher.executors.celery import CeleryExecutor
from tradewind.wire.celery import CeleryTask, parse_task_message


class CelerySubject:
    """`connect` opens a connection to the one broker; a queue of its own is read as a worker would."""

    slots = 0

    def __init__(self, connect: Callable[[], AbstractAsyncContextManager[Bus]]) -> None:
        self.queue = f"conformance-{uuid4().hex}"
        self._connect = connect
        self._taken: list[CeleryTask] = []

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[BaseExecutor]:
        async with AsyncExitStack() as stack:
            own = await stack.enter_async_context(self._connect())
            other = await stack.enter_async_context(self._connect())
            queue = Queue(name=self.queue, durable=True)
            await other.declare(queue)
            group = await stack.enter_async_context(asyncio.TaskGroup())
            taking = group.create_task(self._take(other, queue))
            yield CeleryExecutor(parts_for(own, celery={"operation_timeout": 30.0}))  # a slow machine is no fault
            taking.cancel()

    async def _take(self, bus: Bus, queue: Queue) -> None:
        async with bus.consume(queue, prefetch=1000, max_batch=1000) as batches:
            async for batch in batches:
                self._taken += [parse_task_message(delivery.message) for delivery in batch.deliveries]
                await batch.ack()

    async def passed_on(self) -> Sequence[UUID]:
        return [task.attempt_id for task in self._taken]

    async def marked(self) -> Sequence[UUID]:
        return [task.attempt_id for task in self._taken if task.flags.mark_success]

    async def finish(self, attempt_id: UUID) -> None:
        """It is not told."""
