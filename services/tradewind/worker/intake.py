"""From a Celery queue to the supervisor: each message is an offer, acknowledged once it is claimed or superseded."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from prometheus_client import Counter

from tradewind.bus.port import Batch, Bus, Delivery, Queue
from tradewind.core.errors import AdapterError
from tradewind.service.backoff import Backoff
from tradewind.service.lifecycle import Stopped, entered_unless_stopped, for_each, pause
from tradewind.service.logging import get_logger
from tradewind.task_runner.supervising.acknowledging import Acknowledger
from tradewind.task_runner.supervising.attempts import Offer, Settlement
from tradewind.task_runner.supervising.supervisor import Supervisor
from tradewind.wire.celery import CeleryTask, parse_task_message
from tradewind.wire.codec import UndecodableMessage
from tradewind.worker.celery_control.ledger import Ledger
from tradewind.worker.pools import OtherPools


class QueueIntake:
    """Consumes one queue while the supervisor has slots. When offers have waited for a slot for too long, it gives
    them back and leaves the queue to other workers until a slot is free."""

    def __init__(
        self,
        *,
        bus: Bus,
        supervisor: Supervisor,
        queue: str,
        ledger: Ledger,
        refused: Counter,
        pools: Sequence[str] = (),
    ) -> None:
        """`pools`: take tasks of these only; none = of all."""
        self._bus = bus
        self._supervisor = supervisor
        self._queue = Queue(name=queue, durable=True)
        self._ledger = ledger
        self._refused = refused
        self._other_pools = OtherPools(pools)
        self._offers: dict[int, Offer] = {}
        self._log = get_logger(queue=queue)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        failures = 0
        while not stop.is_set():
            await _wait_for_either(stop, self._supervisor.room)
            if stop.is_set():
                return
            try:
                with suppress(Stopped):
                    await self._consume(stop)
                failures = 0
            except* AdapterError as group:
                failures += 1
                self._log.warning("intake.interrupted", errors=[str(exc) for exc in group.exceptions])
            if failures:
                await pause(stop, Backoff().delay_seconds(failures, 0.0))

    async def _consume(self, stop: asyncio.Event) -> None:
        """Until `stop`, or until the supervisor has been full for too long."""
        acknowledger, leave = Acknowledger(), asyncio.Event()
        prefetch = max(1, self._supervisor.prefetch)
        async with (
            entered_unless_stopped(
                stop, self._bus.consume(self._queue, prefetch=prefetch, max_batch=prefetch)
            ) as batches,
            asyncio.TaskGroup() as group,
        ):
            settling = group.create_task(acknowledger.run(), name="acknowledge")
            watching = group.create_task(self._watch(stop, leave), name="watch-slots")
            await for_each(batches, partial(self._take, acknowledger, group, leave), leave)
            self._supervisor.hand_back(list(self._offers.values()))  # leaving gives their messages back
            await acknowledger.flush()
            watching.cancel()
            settling.cancel()

    async def _watch(self, stop: asyncio.Event, leave: asyncio.Event) -> None:
        await _wait_for_either(stop, self._supervisor.saturated)
        leave.set()

    async def _take(
        self, acknowledger: Acknowledger, group: asyncio.TaskGroup, leave: asyncio.Event, batch: Batch
    ) -> None:
        offers: dict[int, Offer] = {}
        others: list[Delivery] = []
        for delivery in batch.deliveries:
            try:
                task = parse_task_message(delivery.message)
                if self._other_pools.are_meant_by(task.pool):
                    others.append(delivery)
                else:
                    offers[delivery.tag] = self._offer(acknowledger, batch, delivery, task)
            except UndecodableMessage as exc:
                self._refused.inc()
                self._log.error("task_message.undecodable", reason=str(exc))
                await batch.dead_letter(delivery, str(exc))
        self._offers.update(offers)
        self._supervisor.offer(list(offers.values()))
        if others:
            group.create_task(self._other_pools.give_back(batch, others, leave=leave), name="other-pools")

    def _offer(self, acknowledger: Acknowledger, batch: Batch, delivery: Delivery, task: CeleryTask) -> Offer:
        self._ledger.receive(task, delivery)

        def settle(settlement: Settlement) -> None:
            self._offers.pop(delivery.tag, None)
            self._ledger.settle(task.attempt_id, settlement)
            if settlement is not Settlement.HANDED_BACK:
                acknowledger.note(batch, delivery)

        return Offer(
            key=task.key,
            attempt_id=task.attempt_id,
            relative_fileloc=task.relative_fileloc,
            settle=settle,
            ended=self._ledger.end,
            mark_success=task.flags.mark_success,
        )


async def _wait_for_either(first: asyncio.Event, second: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as group:
        waiters = [group.create_task(event.wait(), name="either") for event in (first, second)]
        await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        for waiter in waiters:
            waiter.cancel()
