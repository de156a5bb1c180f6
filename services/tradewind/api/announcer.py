"""Tells others what the API has written: schedulers, and the workers of attempts that a person ended.

It does so after the commit and off the request's path. Everything that came in since the last turn is one message.
Nothing rests on it: a message that is lost, or dropped because the broker cannot be reached for long, is made up for
by the schedulers' sweep and the workers' heartbeats.
"""

import asyncio
from collections.abc import Iterable
from typing import Final, TypeVar
from uuid import UUID

from tradewind.bus.kills import push_kills
from tradewind.bus.port import Bus, Message
from tradewind.core.errors import AdapterError
from tradewind.core.revisions import Revised
from tradewind.core.rows import AttemptHolder
from tradewind.service.backoff import Backoff, Jitter
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.wire.codec import encode
from tradewind.wire.messages import (
    DagRunsCreated,
    DagRunsRevised,
    DagsChanged,
    DispatchBatch,
    LogsGrew,
    PastChanged,
    QueuedTaskInstance,
    SlotsFreed,
    TaskInstanceKey,
)
from tradewind.wire.queues import DISPATCH, EVENTS, LOG_NEWS, RUNS

MAX_WAITING: Final = 10_000
"""Ids kept for the next message; what comes on top is left to the sweep."""
IDLE_SECONDS: Final = 3600.0
NO_SCHEDULER: Final = UUID(int=0)

IdT = TypeVar("IdT", str, int, AttemptHolder, TaskInstanceKey, QueuedTaskInstance)


class Announcer:
    """Collects ids and sends them from one loop."""

    def __init__(self, *, bus: Bus, telemetry: Telemetry, jitter: Jitter) -> None:
        self._bus = bus
        self._jitter = jitter
        self._telemetry = telemetry
        self._loop = telemetry.loop("announcer")
        self._dropped = telemetry.counter("announcements_dropped_total", "Ids left to the schedulers' sweep")
        self._wake_up = asyncio.Event()
        # Dicts serve as ordered sets.
        self._created: dict[str, None] = {}
        self._queued_for: dict[str, None] = {}
        self._changed: dict[str, None] = {}
        self._revised: dict[int, None] = {}
        self._killed: dict[AttemptHolder, None] = {}
        self._queued: dict[QueuedTaskInstance, None] = {}
        self._freed: dict[str, None] = {}
        self._past: dict[str, None] = {}
        self._grown: dict[TaskInstanceKey, None] = {}

    def dag_runs_created(self, dag_ids: Iterable[str]) -> None:
        """These DAGs have queued runs, or were unpaused and may have some."""
        self._add(self._created, dag_ids)

    def asset_events_queued(self, dag_ids: Iterable[str]) -> None:
        """These DAGs have new asset events in their queues."""
        self._add(self._queued_for, dag_ids)

    def dags_changed(self, dag_ids: Iterable[str]) -> None:
        """These DAGs were paused or unpaused."""
        self._add(self._changed, dag_ids)

    def dag_runs_revised(self, dag_run_ids: Iterable[int]) -> None:
        """Their owners must load these runs again."""
        self._add(self._revised, dag_run_ids)

    def revised(self, revised: Revised) -> None:
        """A person changed runs: owners load them again, workers kill what is over, queued runs may start."""
        self._add(self._killed, revised.holders)
        self._add(self._revised, (revision.dag_run_id for revision in revised.revisions))
        self._add(self._created, revised.dag_ids)
        self._add(self._freed, revised.freed_pools)
        self._add(self._past, revised.dag_ids)

    def pools_changed(self, pools: Iterable[str]) -> None:
        """Schedulers read the limits again: tasks that wait may fit now."""
        self._add(self._freed, pools)

    def log_grew(self, key: TaskInstanceKey) -> None:
        """A chunk of this try's log was stored."""
        self._add(self._grown, (key,))

    def attempt_queued(self, attempt: QueuedTaskInstance) -> None:
        """A person had this attempt queued: dispatchers take it at once."""
        self._add(self._queued, (attempt,))

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`, then what is left, once."""
        failures, backoff = 0, Backoff()
        while not await pause(stop, IDLE_SECONDS, self._wake_up):
            failures = 0 if await self._sent_everything() else failures + 1
            if failures:
                self._telemetry.count_retry("announce")
                await pause(stop, backoff.delay_seconds(failures, self._jitter()))
                self._wake_up.set()
        await self._sent_everything()

    async def run_once(self) -> None:
        """Send everything that has come in. What cannot be sent is kept, and the bus's error raised."""
        await self._send_kills()
        await self._send_created()
        await self._send_changed()
        await self._send_revised()
        await self._send_freed()
        await self._send_past()
        await self._send_queued()
        await self._send_grown()

    async def _sent_everything(self) -> bool:
        try:
            with self._loop.turn():
                await self.run_once()
        except AdapterError as exc:
            get_logger().warning("announcement.failed", error=str(exc))
            return False
        return True

    # Ids are taken before they are sent: one that comes in meanwhile may speak of a later commit.

    async def _send_kills(self) -> None:
        taken, self._killed = self._killed, {}
        if taken:
            try:
                await push_kills(self._bus, tuple(taken))
            except AdapterError:
                self._add(self._killed, taken)
                raise

    async def _send_queued(self) -> None:
        """Not kept if it fails, for there may be no dispatcher for long: the sweep publishes what stays queued."""
        taken, self._queued = self._queued, {}
        if taken:
            message = Message(body=encode(DispatchBatch(items=tuple(taken))))
            await self._bus.publish(DISPATCH, [message], mandatory=True)

    async def _send_freed(self) -> None:
        taken, self._freed = self._freed, {}
        if taken:
            try:
                message = SlotsFreed(scheduler_id=NO_SCHEDULER, pools=tuple(taken))
                await self._bus.broadcast(EVENTS, Message(body=encode(message)))
            except AdapterError:
                self._add(self._freed, taken)
                raise

    async def _send_past(self) -> None:
        taken, self._past = self._past, {}
        if taken:
            try:
                message = PastChanged(scheduler_id=NO_SCHEDULER, dag_ids=tuple(taken))
                await self._bus.broadcast(EVENTS, Message(body=encode(message)))
            except AdapterError:
                self._add(self._past, taken)
                raise

    async def _send_grown(self) -> None:
        """Not kept if it fails: who follows looks by itself."""
        taken, self._grown = self._grown, {}
        if taken:
            await self._bus.broadcast(LOG_NEWS, Message(body=encode(LogsGrew(tuple(taken)))))

    async def _send_created(self) -> None:
        taken, self._created = self._created, {}
        queued_for, self._queued_for = self._queued_for, {}
        if taken or queued_for:
            message = DagRunsCreated(dag_ids=tuple(taken), asset_dag_ids=tuple(queued_for))
            try:
                await self._bus.publish(RUNS, [Message(body=encode(message))])
            except AdapterError:
                self._add(self._created, taken)
                self._add(self._queued_for, queued_for)
                raise

    async def _send_changed(self) -> None:
        taken, self._changed = self._changed, {}
        if taken:
            try:
                await self._bus.broadcast(EVENTS, Message(body=encode(DagsChanged(tuple(taken)))))
            except AdapterError:
                self._add(self._changed, taken)
                raise

    async def _send_revised(self) -> None:
        taken, self._revised = self._revised, {}
        if taken:
            try:
                await self._bus.broadcast(EVENTS, Message(body=encode(DagRunsRevised(tuple(taken)))))
            except AdapterError:
                self._add(self._revised, taken)
                raise

    def _add(self, waiting: dict[IdT, None], ids: Iterable[IdT]) -> None:
        for id_ in ids:
            if len(waiting) < MAX_WAITING:
                waiting[id_] = None
            else:
                self._dropped.inc()
        self._wake_up.set()
