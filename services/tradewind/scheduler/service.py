"""The scheduler: starts runs, decides what follows from each end, gives out slots, and sweeps for what events missed.

Terms: *owner*, the one scheduler that decides a run; *nudge*, a message that only says where to look; *turn*, one pass
of the decision loop. Authoritative are the rows; everything in memory may be dropped at any time, and is dropped
whenever a commit's outcome is not known. A scheduler that lost its lease throws all of it away and begins as a new one.
"""

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol
from uuid import UUID

from prometheus_client import CollectorRegistry

from tradewind.bus.port import Bus, Queue
from tradewind.core.clock import Clock, IdFactory
from tradewind.db.store import AssetStore, RunCreationStore, SchedulerStore, StoreUnavailable
from tradewind.scheduler.allocation import Allocator
from tradewind.scheduler.asset_runs.loop import AssetRunLoop, AssetRunTelemetry
from tradewind.scheduler.deadlines import DeadlineLoop
from tradewind.scheduler.decisions import DecisionLoop, DecisionTelemetry
from tradewind.scheduler.dispatch import DispatchOutbox, DispatchTelemetry
from tradewind.scheduler.feeds import EventFeed, QueueFeed, put_ends, put_runs
from tradewind.scheduler.inbox import Inbox
from tradewind.scheduler.kill_notice import KillNotice
from tradewind.scheduler.lease import LeaseLoop
from tradewind.scheduler.past import PastRuns
from tradewind.scheduler.request_notice import RequestNotice
from tradewind.scheduler.run_cache import CacheTelemetry, RunCache
from tradewind.scheduler.run_creation.loop import RunCreationLoop, RunCreationTelemetry
from tradewind.scheduler.settings import SchedulerSettings
from tradewind.scheduler.slots_freed import SlotsFreedNotice
from tradewind.scheduler.sweep import SweepLoop, SweepTelemetry
from tradewind.scheduler.timers import Timers
from tradewind.service.backoff import jitter_from
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.service.secrets import fernet_key
from tradewind.wire.messages import DagRunsCreated, TaskInstancesEnded
from tradewind.wire.queues import RUNS, scheduler_queue

if TYPE_CHECKING:
    from tradewind.db.secrets import SecretBox

_RESTART_SECONDS: Final = 0.1


class Store(SchedulerStore, RunCreationStore, AssetStore, Protocol):
    """All that a scheduler asks of the store."""


async def run(
    *,
    settings: SchedulerSettings,
    bus: Bus,
    store: Store,
    clock: Clock,
    new_id: IdFactory,
    stop: asyncio.Event,
    registry: CollectorRegistry,
) -> None:
    """Schedule until `stop`; runs are given up for others to take at once."""
    factory = _SessionFactory(settings, bus, store, clock, new_id, registry)
    while not stop.is_set():
        await factory.session(new_id()).run(stop)
        await pause(stop, _RESTART_SECONDS)


class _Telemetries:
    """All metrics, made once: sessions come and go."""

    def __init__(self, registry: CollectorRegistry, sweep_interval_seconds: float) -> None:
        self.service = Telemetry(registry, service="scheduler")
        self.undecodable = self.service.counter(
            "undecodable_total", "Messages sent to the dead-letter queue", ("feed",)
        )
        self.cache = CacheTelemetry(self.service)
        self.decisions = DecisionTelemetry(self.service)
        self.dispatch = DispatchTelemetry(self.service)
        self.sweep = SweepTelemetry(self.service, sweep_interval_seconds)
        self.asset_runs = AssetRunTelemetry(self.service, sweep_interval_seconds)
        self.run_creation = RunCreationTelemetry(self.service, sweep_interval_seconds)


class _SessionFactory:
    """Builds what one scheduler id needs."""

    def __init__(
        self,
        settings: SchedulerSettings,
        bus: Bus,
        store: Store,
        clock: Clock,
        new_id: IdFactory,
        registry: CollectorRegistry,
    ) -> None:
        self._settings = settings
        self._bus = bus
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._jitter = jitter_from(new_id)
        self._telemetries = _Telemetries(registry, settings.scheduler.sweep_interval_seconds)

    def session(self, scheduler_id: UUID) -> "Session":
        """A scheduler with nothing in memory."""
        inbox, lost = Inbox(), asyncio.Event()
        cache, outbox = self._cache(scheduler_id), self._outbox()
        decisions = self._decisions(scheduler_id, inbox, cache, outbox)
        return Session(
            scheduler_id=scheduler_id,
            store=self._store,
            inbox=inbox,
            outbox=outbox,
            decisions=decisions,
            sweep=self._sweep(scheduler_id, inbox, decisions),
            deadlines=self._deadlines(),
            run_creation=self._run_creation(scheduler_id, inbox) if self._settings.scheduler.use_job_schedule else None,
            asset_runs=self._asset_runs(scheduler_id, inbox),
            lease=self._lease(scheduler_id, lost),
            feeds=self._feeds(scheduler_id, inbox, cache),
            lost=lost,
            clock=self._clock,
            retry_seconds=self._settings.leases.heartbeat_seconds,
        )

    def _cache(self, scheduler_id: UUID) -> RunCache:
        limits = self._settings.scheduler
        return RunCache(
            store=self._store,
            scheduler_id=scheduler_id,
            snapshot_bytes=limits.snapshot_cache_bytes,
            plan_bytes=limits.plan_cache_bytes,
            telemetry=self._telemetries.cache,
        )

    def _outbox(self) -> DispatchOutbox:
        limits = self._settings.scheduler
        return DispatchOutbox(
            bus=self._bus,
            batch_items=limits.dispatch_batch_items,
            max_items=limits.outbox_items,
            jitter=self._jitter,
            telemetry=self._telemetries.dispatch,
        )

    def _decisions(self, scheduler_id: UUID, inbox: Inbox, cache: RunCache, outbox: DispatchOutbox) -> DecisionLoop:
        return DecisionLoop(
            scheduler_id=scheduler_id,
            inbox=inbox,
            store=self._store,
            cache=cache,
            allocator=Allocator(self._store),
            timers=Timers(),
            outbox=outbox,
            freed=SlotsFreedNotice(bus=self._bus, scheduler_id=scheduler_id),
            past=PastRuns(store=self._store, bus=self._bus, inbox=inbox, scheduler_id=scheduler_id),
            kills=KillNotice(bus=self._bus, store=self._store),
            requests=RequestNotice(bus=self._bus),
            limits=self._settings.scheduler,
            clock=self._clock,
            new_id=self._new_id,
            jitter=self._jitter,
            telemetry=self._telemetries.decisions,
        )

    def _sweep(self, scheduler_id: UUID, inbox: Inbox, decisions: DecisionLoop) -> SweepLoop:
        return SweepLoop(
            scheduler_id=scheduler_id,
            store=self._store,
            bus=self._bus,
            inbox=inbox,
            decisions=decisions,
            clock=self._clock,
            lease_seconds=self._settings.leases.lease_seconds,
            limits=self._settings.scheduler,
            telemetry=self._telemetries.sweep,
        )

    def _deadlines(self) -> DeadlineLoop:
        return DeadlineLoop(
            store=self._store,
            scheduler_store=self._store,
            requests=RequestNotice(bus=self._bus),
            clock=self._clock,
            limits=self._settings.scheduler,
            secrets=partial(_secret_box, self._settings),
        )

    def _run_creation(self, scheduler_id: UUID, inbox: Inbox) -> RunCreationLoop:
        return RunCreationLoop(
            scheduler_id=scheduler_id,
            store=self._store,
            scheduler_store=self._store,
            inbox=inbox,
            wake_up=inbox.run_creation,
            requests=RequestNotice(bus=self._bus),
            clock=self._clock,
            limits=self._settings.scheduler,
            telemetry=self._telemetries.run_creation,
        )

    def _asset_runs(self, scheduler_id: UUID, inbox: Inbox) -> AssetRunLoop:
        return AssetRunLoop(
            scheduler_id=scheduler_id,
            store=self._store,
            inbox=inbox,
            wake_up=inbox.asset_runs,
            requests=RequestNotice(bus=self._bus),
            clock=self._clock,
            limits=self._settings.scheduler,
            telemetry=self._telemetries.asset_runs,
        )

    def _lease(self, scheduler_id: UUID, lost: asyncio.Event) -> LeaseLoop:
        return LeaseLoop(
            scheduler_id=scheduler_id,
            store=self._store,
            clock=self._clock,
            heartbeat_seconds=self._settings.leases.heartbeat_seconds,
            lost=lost,
            telemetry=self._telemetries.service,
        )

    def _feeds(
        self, scheduler_id: UUID, inbox: Inbox, cache: RunCache
    ) -> tuple[QueueFeed[TaskInstancesEnded], QueueFeed[DagRunsCreated], EventFeed]:
        prefetch, telemetry = self._settings.scheduler.prefetch, self._telemetries.service
        return (
            QueueFeed(
                name="ends",
                bus=self._bus,
                queue=Queue(name=scheduler_queue(scheduler_id), exclusive=True),
                kind=TaskInstancesEnded,
                put=partial(put_ends, inbox),
                prefetch=prefetch,
                jitter=self._jitter,
                telemetry=telemetry,
                undecodable=self._telemetries.undecodable,
            ),
            QueueFeed(
                name="runs",
                bus=self._bus,
                queue=Queue(name=RUNS),
                kind=DagRunsCreated,
                put=partial(put_runs, inbox),
                prefetch=prefetch,
                jitter=self._jitter,
                telemetry=telemetry,
                undecodable=self._telemetries.undecodable,
            ),
            EventFeed(
                bus=self._bus,
                scheduler_id=scheduler_id,
                inbox=inbox,
                cache=cache,
                jitter=self._jitter,
                telemetry=telemetry,
            ),
        )


class Session:
    """One scheduler id from its registration to its end."""

    def __init__(
        self,
        *,
        scheduler_id: UUID,
        store: SchedulerStore,
        inbox: Inbox,
        outbox: DispatchOutbox,
        decisions: DecisionLoop,
        sweep: SweepLoop,
        deadlines: DeadlineLoop,
        run_creation: RunCreationLoop | None,
        asset_runs: AssetRunLoop,
        lease: LeaseLoop,
        feeds: tuple[QueueFeed[TaskInstancesEnded], QueueFeed[DagRunsCreated], EventFeed],
        lost: asyncio.Event,
        clock: Clock,
        retry_seconds: float,
    ) -> None:
        self._scheduler_id = scheduler_id
        self._store = store
        self._inbox = inbox
        self._outbox = outbox
        self._decisions = decisions
        self._sweep = sweep
        self._deadlines = deadlines
        self._run_creation = run_creation
        self._asset_runs = asset_runs
        self._lease = lease
        self._feeds = feeds
        self._lost = lost
        self._clock = clock
        self._retry_seconds = retry_seconds
        self._log = get_logger(scheduler_id=str(scheduler_id))

    async def run(self, stop: asyncio.Event) -> None:
        """Schedule until `stop` or until the lease is lost."""
        while not await self._lease.run_once(self._clock()):
            if self._lost.is_set() or await pause(stop, self._retry_seconds):
                return
        self._log.info("scheduler.started")
        ended = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._end_with(stop, ended, group), name="end-watch")
            group.create_task(self._decisions.run(ended), name="decisions")
            group.create_task(self._outbox.run(ended), name="dispatch")
            group.create_task(self._sweep.run(ended), name="sweep")
            group.create_task(self._deadlines.run(ended), name="deadlines")
            if self._run_creation is not None:
                group.create_task(self._run_creation.run(ended), name="run-creation")
            group.create_task(self._asset_runs.run(ended), name="asset-runs")
            group.create_task(self._lease.run(ended), name="lease")
            ends, runs, events = self._feeds
            group.create_task(ends.run(ended), name="ends")
            group.create_task(runs.run(ended), name="runs")
            group.create_task(events.run(ended), name="events")
        await self._retire()

    async def _end_with(self, stop: asyncio.Event, ended: asyncio.Event, group: asyncio.TaskGroup) -> None:
        """Let every loop end, however the session ends, and wake those that wait for work."""
        watchers = [
            group.create_task(_set_when(stop, ended), name="stop-watch"),
            group.create_task(_set_when(self._lost, ended), name="lost-watch"),
        ]
        await ended.wait()
        for watcher in watchers:
            watcher.cancel()
        self._inbox.wake_up()
        self._inbox.run_creation.dags_changed()
        self._inbox.asset_runs.dags_changed()
        self._outbox.wake_up()

    async def _retire(self) -> None:
        try:
            await self._store.retire_scheduler(self._scheduler_id)
        except StoreUnavailable as exc:
            self._log.warning("store.unavailable", error=str(exc), doing="retire_scheduler")
        self._log.info("scheduler.ended", lost_lease=self._lost.is_set())


async def _set_when(source: asyncio.Event, target: asyncio.Event) -> None:
    await source.wait()
    target.set()


def _secret_box(settings: SchedulerSettings) -> "SecretBox":
    # Only deadlines that name a Variable need it: the library would cost every scheduler 4 MB.
    from tradewind.db.secrets import SecretBox

    return SecretBox(fernet_key(settings))
