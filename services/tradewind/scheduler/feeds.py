"""What a scheduler listens to: its own queue, the queue of new runs, and broadcasts. Everything goes to the inbox."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, Generic, TypeVar, cast
from uuid import UUID

from prometheus_client import Counter

from tradewind.bus.port import Batch, Bus, Delivery, Message, Queue
from tradewind.core.errors import AdapterError
from tradewind.core.rows import EndedTaskInstance, TaskInstanceId
from tradewind.core.states import TaskInstanceState
from tradewind.scheduler.inbox import Inbox
from tradewind.scheduler.run_cache import RunCache
from tradewind.service.backoff import Jitter, retrying
from tradewind.service.lifecycle import Stopped, entered_unless_stopped, for_each
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.wire.codec import UndecodableMessage, decode
from tradewind.wire.messages import (
    DagRunsCreated,
    DagRunsRevised,
    DagsChanged,
    Event,
    PastChanged,
    SlotsFreed,
    TaskInstanceRef,
    TaskInstancesEnded,
    TriggersCreated,
)
from tradewind.wire.queues import EVENTS

MessageT = TypeVar("MessageT")

_HEARD: Final = cast("type[Event]", Event)
_STATES: Final = {state.value: state for state in TaskInstanceState}


class QueueFeed(Generic[MessageT]):
    """Moves what arrives on one queue to the inbox; deliveries are settled once their turn is committed."""

    def __init__(
        self,
        *,
        name: str,
        bus: Bus,
        queue: Queue,
        kind: type[MessageT],
        put: Callable[[Sequence[MessageT], Batch], None],
        prefetch: int,
        jitter: Jitter,
        telemetry: Telemetry,
        undecodable: Counter,
    ) -> None:
        self._name = name
        self._bus = bus
        self._queue = queue
        self._kind = kind
        self._put = put
        self._prefetch = prefetch
        self._jitter = jitter
        self._telemetry = telemetry
        self._undecodable = undecodable
        self._log = get_logger(feed=name)

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until `stop`."""
        consume = partial(self._consume, stop)
        await retrying(consume, name=self._name, stop=stop, jitter=self._jitter, telemetry=self._telemetry)

    async def _consume(self, stop: asyncio.Event) -> None:
        prefetch = self._prefetch
        consuming = self._bus.consume(self._queue, prefetch=prefetch, max_batch=prefetch)
        with suppress(Stopped):
            async with entered_unless_stopped(stop, consuming) as batches:
                await for_each(batches, self.run_once, stop)

    async def run_once(self, batch: Batch) -> None:
        """Hand one batch over; what cannot be decoded goes to the dead-letter queue."""
        messages: list[MessageT] = []
        for delivery in batch.deliveries:
            try:
                messages.append(decode(delivery.message.body, self._kind))
            except UndecodableMessage as exc:
                self._undecodable.labels(self._name).inc()
                self._log.error("message.undecodable", queue=delivery.queue, reason=str(exc))
                await self._dead_letter(batch, delivery, str(exc))
        self._put(messages, batch)

    async def _dead_letter(self, batch: Batch, delivery: Delivery, reason: str) -> None:
        try:
            await batch.dead_letter(delivery, reason)
        except AdapterError as exc:
            self._log.warning("bus.unavailable", sending="dead_letter", error=str(exc))


class EventFeed:
    """Hears broadcasts: changed DAGs, runs changed by people, slots freed by other schedulers."""

    def __init__(
        self, *, bus: Bus, scheduler_id: UUID, inbox: Inbox, cache: RunCache, jitter: Jitter, telemetry: Telemetry
    ) -> None:
        self._bus = bus
        self._scheduler_id = scheduler_id
        self._inbox = inbox
        self._cache = cache
        self._jitter = jitter
        self._telemetry = telemetry
        self._log = get_logger(feed="events")

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until `stop`."""
        subscribe = partial(self._subscribe, stop)
        await retrying(subscribe, name="events", stop=stop, jitter=self._jitter, telemetry=self._telemetry)

    async def _subscribe(self, stop: asyncio.Event) -> None:
        with suppress(Stopped):
            async with entered_unless_stopped(stop, self._bus.subscribe(EVENTS)) as messages:
                await for_each(messages, self.run_once, stop)

    async def run_once(self, message: Message) -> None:
        """Hand one broadcast over; those of kinds that a scheduler has no use for are passed over."""
        try:
            event = decode(message.body, _HEARD)
        except UndecodableMessage:
            return
        match event:
            case DagsChanged(dag_ids=dag_ids):
                # Pausing changes what may be queued, unpausing what may be started.
                self._inbox.reload(self._cache.run_ids_of(dag_ids))
                self._inbox.start(dag_ids)
                self._inbox.run_creation.dags_changed()
                self._inbox.asset_runs.dags_changed()
            case DagRunsRevised(dag_run_ids=dag_run_ids):
                self._inbox.reload(dag_run_ids)
            case SlotsFreed(scheduler_id=scheduler_id):
                if scheduler_id != self._scheduler_id:
                    self._inbox.refresh_capacity()
            case PastChanged(scheduler_id=scheduler_id, dag_ids=dag_ids):
                if scheduler_id != self._scheduler_id:
                    self._inbox.past(dag_ids)
            case TriggersCreated():
                pass  # for triggerers


def put_ends(inbox: Inbox, messages: Sequence[TaskInstancesEnded], batch: Batch) -> None:
    """Ends of runs of ours; a run with an end of a kind unknown here is read from the store instead."""
    refs = [ref for message in messages for ref in message.items]
    inbox.reload([ref.dag_run_id for ref in refs if ref.state not in _STATES])
    inbox.end([_ended(ref) for ref in refs if ref.state in _STATES], batch)


def put_runs(inbox: Inbox, messages: Sequence[DagRunsCreated], batch: Batch) -> None:
    """New runs, and asset events that may make some, for whichever scheduler hears of them first."""
    inbox.asset_runs.events_queued(dag_id for message in messages for dag_id in message.asset_dag_ids)
    inbox.start([dag_id for message in messages for dag_id in message.dag_ids], batch)


def _ended(ref: TaskInstanceRef) -> EndedTaskInstance:
    return EndedTaskInstance(
        id=TaskInstanceId(ref.dag_run_id, ref.task_id, ref.map_index),
        owner=None,
        attempt_id=ref.attempt_id,
        state=_STATES[ref.state],
        next_action_at=ref.next_action_at,
        map_length=ref.map_length,
        skipped=ref.skipped,
    )
