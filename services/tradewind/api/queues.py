"""Queues as operators know them: rows of the store brought together by the executor that takes the tasks."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tradewind.api.models.fleet import QueueResponse
from tradewind.bus.port import Bus
from tradewind.core.errors import AdapterError
from tradewind.core.executors import CELERY_EXECUTOR, ConfiguredExecutors
from tradewind.db.api.pages import UnknownOrder
from tradewind.db.pool import Row

DEPTH_TIMEOUT_SECONDS: Final = 2.0
ORDERS: Final = ("queue", "executor", "queued_attempts", "oldest_queued_seconds", "running_attempts", "workers")


@dataclass(slots=True)
class _Listeners:
    workers: int = 0
    slots: int = 0
    free_slots: int = 0
    is_unlimited: bool = False

    def add(self, row: Row) -> None:
        self.workers += row["workers"]
        self.slots += row["slots"]
        self.free_slots += row["free_slots"]
        self.is_unlimited = self.is_unlimited or row["is_unlimited"]


@dataclass(slots=True)
class _Queue:
    queued: int = 0
    running: int = 0
    oldest_at: datetime | None = None
    oldest_seconds: float | None = None
    listeners: _Listeners = field(default_factory=_Listeners)

    def add(self, row: Row) -> None:
        self.queued += row["queued_attempts"]
        self.running += row["running_attempts"]
        self.listeners.add(row)
        at = row["oldest_queued_at"]
        if at is not None and (self.oldest_at is None or at < self.oldest_at):
            self.oldest_at, self.oldest_seconds = at, row["oldest_queued_seconds"]


def queues_of(rows: Sequence[Row], executors: ConfiguredExecutors) -> Sequence[QueueResponse]:
    """One per queue and executor, by name: an executor that a task does not name is the one that it would get."""
    queues: dict[tuple[str, str], _Queue] = {}
    anywhere: dict[str, _Listeners] = {}
    for row in rows:
        chosen = executors.choose(row["executor"], row["queue"])
        name = row["executor"] if chosen is None else chosen.name
        if row["queue"]:
            queues.setdefault((row["queue"], name), _Queue()).add(row)
        else:
            anywhere.setdefault(name, _Listeners()).add(row)
    return [_response(*key, queue, anywhere) for key, queue in sorted(queues.items())]


def _response(queue: str, executor: str, found: _Queue, anywhere: Mapping[str, _Listeners]) -> QueueResponse:
    listeners = anywhere.get(executor, found.listeners)
    return QueueResponse(
        queue=queue,
        executor=executor,
        queued_attempts=found.queued,
        oldest_queued_at=found.oldest_at,
        oldest_queued_seconds=found.oldest_seconds,
        running_attempts=found.running,
        workers=listeners.workers,
        slots=None if listeners.is_unlimited else listeners.slots,
        free_slots=None if listeners.is_unlimited else listeners.free_slots,
    )


def ordered(queues: Sequence[QueueResponse], order_by: Sequence[str]) -> Sequence[QueueResponse]:
    """By these keys, each with a leading `-` for descending; what has no value comes last. Raises `UnknownOrder`."""
    found = list(queues)
    for key in reversed(order_by):
        name, is_descending = key.removeprefix("-"), key.startswith("-")
        if name not in ORDERS:
            raise UnknownOrder(f"the list cannot be ordered by {name!r}, only by: {', '.join(ORDERS)}")
        known = [each for each in found if getattr(each, name) is not None]
        known.sort(key=lambda each, name=name: getattr(each, name), reverse=is_descending)
        found = [*known, *(each for each in found if getattr(each, name) is None)]
    return found


async def with_depths(queues: Sequence[QueueResponse], bus: Bus, executors: ConfiguredExecutors) -> list[QueueResponse]:
    """With what waits in the broker; as they are if it does not answer soon."""
    of_broker = [each.name for each in executors.executors if each.target == CELERY_EXECUTOR]
    try:
        async with asyncio.timeout(DEPTH_TIMEOUT_SECONDS):
            return [
                each.model_copy(update={"broker_messages": await bus.depth(each.queue)})
                if each.executor in of_broker
                else each
                for each in queues
            ]
    except (AdapterError, TimeoutError):
        return list(queues)
