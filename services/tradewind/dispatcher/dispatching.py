"""From the scheduler's batches to executors: each attempt to the one that it names, or that its queue or the default
says. What nobody here can run is kept where people look, with the reason, and disturbs nothing else."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from tradewind.bus.port import Batch, Bus, Delivery, Message, Queue
from tradewind.core.errors import AdapterError, DomainError, NotFound
from tradewind.core.executors import unknown_executor
from tradewind.dispatcher.executors.base import BaseExecutor, Workload, check_command
from tradewind.dispatcher.executors.loading import Executors
from tradewind.dispatcher.heartbeats import ExecutorHeartbeats
from tradewind.service.backoff import Backoff
from tradewind.service.lifecycle import Stopped, entered_unless_stopped, for_each, pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.task_runner.supervising.acknowledging import Acknowledger
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
        executors: Executors,
        heartbeats: ExecutorHeartbeats,
        prefetch: int,
        max_batch: int,
        telemetry: Telemetry,
    ) -> None:
        self._bus = bus
        self._executors = executors
        self._heartbeats = heartbeats
        self._prefetch = prefetch
        self._max_batch = max_batch
        self._acknowledger = Acknowledger()
        self._dispatched = telemetry.counter("dispatched_total", "Attempts given to an executor", ("executor",))
        self._refused = telemetry.counter(
            "refused_total", "Dead-lettered: undecodable batches, attempts of another command or executor", ("cause",)
        )
        self._adopted = telemetry.counter("adopted_total", "Redelivered attempts that their executor still holds")
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
                    self._refused.labels("undecodable").inc()
                    self._log.error("dispatch.undecodable", reason=str(exc))
                    await batch.dead_letter(delivery, str(exc))
                    continue
                count += len(items)
                chosen.update(await self._queue(items, batch, delivery))
            self._batch_sizes.observe(count)
            for executor in chosen.values():
                await self._heartbeats.beat(executor)

    async def _queue(
        self, items: Sequence[QueuedTaskInstance], batch: Batch, delivery: Delivery
    ) -> Mapping[str, BaseExecutor]:
        """The executors that got something."""
        handed_over = _Countdown(self._acknowledger, batch, delivery, len(items) + 1)
        chosen: dict[str, BaseExecutor] = {}
        known: dict[str, list[Workload]] = {}
        for item in items:
            try:
                executor = self._executor_of(item)
                if delivery.redelivered:
                    check_command(item)
                    known.setdefault(executor.name, []).append(Workload(item, handed_over))
                else:
                    executor.queue_command(item, handed_over)
            except DomainError as refused:
                await self._refuse(item, refused, alone=len(items) == 1, batch=batch, delivery=delivery)
                handed_over()
                continue
            self._dispatched.labels(executor.name).inc()
            chosen[executor.name] = executor
        for name, workloads in known.items():
            await self._queue_again(chosen[name], workloads)
        handed_over()
        return chosen

    def _executor_of(self, item: QueuedTaskInstance) -> BaseExecutor:
        """Raises `NotFound`."""
        executor = self._executors.choose(item.executor, item.ti.queue)
        if executor is None:
            key, configured = item.ti.key, self._executors.configured
            raise NotFound(unknown_executor(key.dag_id, key.task_id, item.executor or "", configured))
        return executor

    async def _queue_again(self, executor: BaseExecutor, workloads: Sequence[Workload]) -> None:
        """These were delivered before; what the executor does not hold any more is queued anew."""
        lost = await executor.try_adopt_task_instances(workloads)
        self._adopted.inc(len(workloads) - len(lost))
        for workload in lost:
            executor.queue_command(workload.item, workload.hand_over, redelivered=True)

    async def _refuse(
        self, item: QueuedTaskInstance, refused: DomainError, *, alone: bool, batch: Batch, delivery: Delivery
    ) -> None:
        """Nobody can run it here: keep it where people look, with the reason. One of many goes back to the queue as
        a message of its own first, so that what is dead-lettered is it and nothing else."""
        if not alone:
            await self._bus.publish(DISPATCH, [Message(body=encode(DispatchBatch((item,))))])
            return
        key = item.ti.key
        is_executor = isinstance(refused, NotFound)
        reason = str(refused) if is_executor else f"task '{key.task_id}' of the DAG '{key.dag_id}': {refused}"
        self._refused.labels("executor" if is_executor else "command").inc()
        self._log.error("task.refused", reason=reason, run_id=key.run_id, attempt_id=str(item.attempt_id))
        await batch.dead_letter(delivery, reason)
