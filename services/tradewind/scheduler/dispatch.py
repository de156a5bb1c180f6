"""Queued attempts on their way to the dispatchers: messages, and the outbox that publishes them after the commit."""

import asyncio
from collections import deque
from collections.abc import Sequence

from tradewind.bus.dispatching import QueuedAttempt, queued_message
from tradewind.bus.port import Bus, Message
from tradewind.core.errors import AdapterError
from tradewind.core.snapshot import RunSnapshot
from tradewind.core.states import TaskInstanceState
from tradewind.service.backoff import Backoff, Jitter
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.wire.codec import encode
from tradewind.wire.messages import DispatchBatch, QueuedTaskInstance
from tradewind.wire.queues import DISPATCH


def queued_task_instance(snapshot: RunSnapshot, position: int) -> QueuedTaskInstance | None:
    """The message that hands the position's attempt to an executor; None unless it is queued."""
    attempt_id = snapshot.attempt_ids[position]
    if attempt_id is None or snapshot.states[position] is not TaskInstanceState.QUEUED:
        return None
    return queued_message(
        QueuedAttempt(
            run=snapshot.run,
            task=snapshot.task(position),
            map_index=snapshot.instances.map_index(position),
            try_number=snapshot.try_numbers[position],
            attempt_id=attempt_id,
            priority=snapshot.priority(position),
            relative_fileloc=snapshot.plan.spec.relative_fileloc,
            by_hand=snapshot.by_hand.get(position),
        )
    )


class DispatchOutbox:
    """Publishes what was committed as queued. What it holds when the process dies is found by whoever adopts the
    runs; what does not fit is found by the sweep."""

    def __init__(
        self, *, bus: Bus, batch_items: int, max_items: int, jitter: Jitter, telemetry: "DispatchTelemetry"
    ) -> None:
        self._bus = bus
        self._batch_items = batch_items
        self._max_items = max_items
        self._jitter = jitter
        self._telemetry = telemetry
        self._items: deque[QueuedTaskInstance] = deque()
        self._wake = asyncio.Event()
        self._log = get_logger(loop="dispatch")

    def add(self, items: Sequence[QueuedTaskInstance]) -> None:
        """Publish these soon."""
        self._items.extend(items)
        overflow = len(self._items) - self._max_items
        if overflow > 0:
            for _ in range(overflow):
                self._items.popleft()
            self._telemetry.overflow.inc(overflow)
        if self._items:
            self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop`, and then once more what is left."""
        failures, backoff = 0, Backoff()
        while not stop.is_set():
            await self._wake.wait()
            if await self.run_once():
                failures = 0
            else:
                failures += 1
                await pause(stop, backoff.delay_seconds(failures, self._jitter()))
        await self.run_once()

    def wake_up(self) -> None:
        """End a wait for something to publish."""
        self._wake.set()

    async def run_once(self) -> bool:
        """Publish everything in one flush; False = the bus could not, and everything is kept."""
        self._wake.clear()
        if not self._items:
            return True
        items, self._items = tuple(self._items), deque[QueuedTaskInstance]()
        step = self._batch_items
        batches = [DispatchBatch(items=items[start : start + step]) for start in range(0, len(items), step)]
        try:
            await self._bus.publish(DISPATCH, [Message(body=encode(batch)) for batch in batches], mandatory=True)
        except AdapterError as exc:
            self._telemetry.failures.inc()
            self._log.warning("dispatch.failed", items=len(items), error=str(exc))
            later, self._items = self._items, deque(items)
            self.add(later)
            return False
        self._telemetry.published.inc(len(items))
        return True


class DispatchTelemetry:
    """What the outbox counts."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.published = telemetry.counter("published_total", "Attempts published to dispatchers")
        self.failures = telemetry.counter("publish_failures_total", "Flushes that the bus refused")
        self.overflow = telemetry.counter("outbox_overflow_total", "Attempts left to the sweep: the outbox was full")
