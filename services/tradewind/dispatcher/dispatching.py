"""From the scheduler's batches to executors: each attempt to the one that it names, or else to the first."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from tradewind.bus.port import Batch, Bus, Delivery, Message, Queue
from tradewind.core.errors import AdapterError
from tradewind.dispatcher.executors.base import BaseExecutor
from tradewind.service.backoff import Backoff
from tradewind.service.lifecycle import Stopped, entered_unless_stopped, for_each, pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.task_runner.acknowledging import Acknowledger
from tradewind.wire.codec import UndecodableMessage, decode, encode
from tradewind.wire.messages import DispatchBatch, QueuedTaskInstance
from tradewind.wire.queues import DISPATCH

_QUEUE: Final = Queue(name=DISPATCH, durable=True)


class _Countdown:
    """Acknowledges a delivery when all of its attempts are handed over."""

    def __init__(self, acknowledger: Acknowledger, batch: Batch, delivery: Delivery, count: int) -> None:
        self._acknowledger = acknowledger
        self._batch = batch
        self._delivery = delivery
        self._left = count

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._acknowledger.note(self._batch, self._delivery)


class DispatchLoop:
    """Takes batches until stopped. A message is acknowledged once an executor has handed over all that it holds, so
    what a dead dispatcher held is delivered to another."""

    def __init__(
        self,
        *,
        bus: Bus,
        executors: Mapping[str, BaseExecutor],
        prefetch: int,
        max_batch: int,
        telemetry: Telemetry,
    ) -> None:
        self._bus = bus
        self._executors = executors
        self._default = next(iter(executors))
        self._prefetch = prefetch
        self._max_batch = max_batch
        self._acknowledger = Acknowledger()
        self._dispatched = telemetry.counter("dispatched_total", "Attempts given to an executor", ("executor",))
        self._refused = telemetry.counter("refused_total", "Attempts that name an executor that there is none of")
        self._batch_sizes = telemetry.sizes("batch_items", "Attempts taken at once")
        self._loop = telemetry.loop("dispatch")
        self._log = get_logger()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        failures = 0
        while not stop.is_set():
            try:
                with suppress(Stopped):
                    await self._consume(stop)
                failures = 0
            except* AdapterError as group:
                failures += 1
                self._log.warning("dispatch.interrupted", errors=[str(exc) for exc in group.exceptions])
            if failures:
                await pause(stop, Backoff().delay_seconds(failures, 0.0))

    async def _consume(self, stop: asyncio.Event) -> None:
        self._acknowledger = Acknowledger()
        async with (
            entered_unless_stopped(
                stop, self._bus.consume(_QUEUE, prefetch=self._prefetch, max_batch=self._max_batch)
            ) as batches,
            asyncio.TaskGroup() as group,
        ):
            acknowledging = group.create_task(self._acknowledger.run(), name="acknowledge")
            await for_each(batches, self.dispatch, stop)
            await self._acknowledger.flush()
            acknowledging.cancel()

    async def dispatch(self, batch: Batch) -> None:
        """Give every attempt of the batch to its executor, then let the executors pass them on."""
        with self._loop.turn():
            chosen: dict[str, BaseExecutor] = {}
            count = 0
            for delivery in batch.deliveries:
                try:
                    items = decode(delivery.message.body, DispatchBatch).items
                except UndecodableMessage as exc:
                    self._log.error("dispatch.undecodable", reason=str(exc))
                    await batch.dead_letter(delivery, str(exc))
                    continue
                count += len(items)
                chosen.update(await self._queue(items, batch, delivery))
            self._batch_sizes.observe(count)
            for executor in chosen.values():
                await executor.heartbeat()

    async def _queue(
        self, items: Sequence[QueuedTaskInstance], batch: Batch, delivery: Delivery
    ) -> Mapping[str, BaseExecutor]:
        """The executors that got something."""
        handed_over = _Countdown(self._acknowledger, batch, delivery, len(items) + 1)
        chosen: dict[str, BaseExecutor] = {}
        for item in items:
            name = item.executor or self._default
            executor = self._executors.get(name)
            if executor is None:
                await self._refuse(item, name, alone=len(items) == 1, batch=batch, delivery=delivery)
                handed_over()
                continue
            executor.queue_task_instance(item, handed_over)
            self._dispatched.labels(executor.name).inc()
            chosen[executor.name] = executor
        handed_over()
        return chosen

    async def _refuse(
        self, item: QueuedTaskInstance, name: str, *, alone: bool, batch: Batch, delivery: Delivery
    ) -> None:
        """Nobody can run it here: keep it where people look, with the reason. One of many goes back to the queue as
        a message of its own first, so that what is dead-lettered is it and nothing else."""
        if not alone:
            await self._bus.publish(DISPATCH, [Message(body=encode(DispatchBatch((item,))))])
            return
        key = item.ti.key
        known = ", ".join(dict.fromkeys(executor.name for executor in self._executors.values()))
        reason = f"task {key.dag_id}.{key.task_id} names the executor {name!r}; TRADEWIND__CORE__EXECUTOR has {known}"
        self._refused.inc()
        self._log.error("executor.unknown", reason=reason, run_id=key.run_id, attempt_id=str(item.attempt_id))
        await batch.dead_letter(delivery, reason)
