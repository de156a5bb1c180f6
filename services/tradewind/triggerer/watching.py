"""Watchers of assets: which of them this triggerer runs, and their events on the way to the store."""

import asyncio
from collections import deque
from typing import Final
from uuid import UUID

from tradewind.bus.port import Bus, Message
from tradewind.core.clock import Clock
from tradewind.core.errors import AdapterError, DomainError
from tradewind.core.triggers import WatchedEvent, Watcher
from tradewind.db.store import StoreUnavailable
from tradewind.db.watchers.store import WatcherStore
from tradewind.service.backoff import Backoff, Jitter
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.triggerer.placement import Placement
from tradewind.triggerer.protocol import RunTrigger
from tradewind.wire.codec import encode
from tradewind.wire.messages import DagRunsCreated
from tradewind.wire.queues import RUNS

MAX_WAITING: Final = 10_000
"""Events kept while the store is away; the oldest make way for further ones, which is counted."""
MAX_BATCH: Final = 500
IDLE_SECONDS: Final = 3600.0
NOBODY: Final = UUID(int=0)


class Watching:
    """Keeps this triggerer's share of the watchers running."""

    def __init__(self, *, triggerer_id: UUID, store: WatcherStore, placement: Placement) -> None:
        self._triggerer_id = triggerer_id
        self._store = store
        self._placement = placement
        self._log = get_logger(loop="duty", triggerer_id=str(triggerer_id))

    async def run_once(self, room: int) -> None:
        """Let go of what is not ours to watch any more, take what nobody watches; raises `StoreUnavailable`."""
        kept = await self._store.keep_watchers(self._triggerer_id)
        ours = dict.fromkeys(kept)
        for running in self._placement.watching:
            if running not in ours:
                self._placement.stop_watching(running)
        held = dict.fromkeys(self._placement.watching)
        lost = [watcher_id for watcher_id in kept if watcher_id not in held]
        if lost:
            await self._store.release_watchers(self._triggerer_id, lost)
        if room > 0:
            for watcher in await self._store.take_watchers(self._triggerer_id, room):
                self._log.info("watcher.taken", asset=watcher.asset_name, watcher=watcher.name)
                self._placement.watch(watcher.id, _request(watcher))

    def drop_all(self) -> None:
        """All that runs here is others' now."""
        for running in self._placement.watching:
            self._placement.stop_watching(running)


def _request(watcher: Watcher) -> RunTrigger:
    return RunTrigger(
        id=0,
        trigger_id=watcher.id,
        classpath=watcher.classpath,
        kwargs=watcher.kwargs,
        dag_id="",
        run_id="",
        task_id=f"{watcher.name} of asset {watcher.asset_name}",
        map_index=-1,
        try_number=0,
        attempt_id=NOBODY,
        token="",
        relative_fileloc="",
        is_watcher=True,
    )


class WatchedLoop:
    """Writes events; everything that has come in is one transaction, then schedulers hear of it."""

    def __init__(
        self,
        *,
        triggerer_id: UUID,
        store: WatcherStore,
        bus: Bus,
        clock: Clock,
        jitter: Jitter,
        telemetry: Telemetry,
    ) -> None:
        self._triggerer_id = triggerer_id
        self._store = store
        self._bus = bus
        self._clock = clock
        self._jitter = jitter
        self._loop = telemetry.loop("watched")
        self._written = telemetry.counter("watched_events_total", "Events of watchers, written")
        self._dropped = telemetry.counter("watched_events_dropped_total", "Events of watchers, without room")
        self._waiting: deque[WatchedEvent] = deque()
        self._wake = asyncio.Event()
        self._log = get_logger(loop="watched")

    def put(self, event: WatchedEvent) -> None:
        """Write this soon."""
        self._waiting.append(event)
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()
            self._dropped.inc()
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Write what comes in, until `stop`, and then once more what is left."""
        failures, backoff = 0, Backoff()
        while not await pause(stop, IDLE_SECONDS, self._wake):
            failures = 0 if await self._try_once() else failures + 1
            if failures:
                await pause(stop, backoff.delay_seconds(failures, self._jitter()))
                self._wake.set()
        await self._try_once()

    async def _try_once(self) -> bool:
        try:
            with self._loop.turn():
                while self._waiting:
                    await self.run_once()
        except StoreUnavailable as exc:
            self._log.warning("store.unavailable", error=str(exc), events=len(self._waiting))
            return False
        return True

    async def run_once(self) -> None:
        """Write one batch; raises `StoreUnavailable`, and everything is kept."""
        batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
        try:
            dag_ids = await self._record(batch)
        except StoreUnavailable:
            self._waiting.extendleft(reversed(batch))
            raise
        if dag_ids:
            message = DagRunsCreated(dag_ids=(), asset_dag_ids=tuple(dag_ids))
            try:
                await self._bus.publish(RUNS, [Message(body=encode(message))], confirm=False)
            except AdapterError as exc:
                self._log.warning("bus.unavailable", sending="dag_runs_created", error=str(exc))

    async def _record(self, batch: list[WatchedEvent]) -> list[str]:
        """Together; if the database refuses an event, each alone, and that one is left out."""
        try:
            dag_ids = await self._store.record_watched(self._triggerer_id, batch, self._clock())
        except StoreUnavailable:
            raise
        except DomainError as exc:
            if len(batch) > 1:
                return [dag_id for event in batch for dag_id in await self._record([event])]
            self._log.error("event.refused", watcher_id=batch[0].watcher_id, error=str(exc))
            return []
        self._written.inc(len(batch))
        return list(dag_ids)
