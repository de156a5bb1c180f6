"""The triggerer: runs what deferred tasks wait for, many at a time, in child processes.

    trigger rows ──take, under a lease──▶ DutyLoop ──▶ Placement ──socket pair──▶ child: all triggers, one event loop
         ▲             TriggersCreated ──▶ (wakes)         │    └─────────────────▶ child: one trigger that blocks
         └── fired: row gone, task `scheduled` ── OutcomeLoop ◀── event, failure
                                                       └──▶ `TaskInstancesEnded` to the run's owner

A trigger may run twice: after its triggerer died, or was thought to. What it says counts once, because it counts only
together with the removal of its row. User code never runs in this process.
"""

import asyncio
from datetime import timedelta
from typing import Protocol

from prometheus_client import CollectorRegistry

from tradewind.bus.port import Bus
from tradewind.core.clock import Clock, IdFactory
from tradewind.db.store import TriggererStore
from tradewind.db.watchers.store import WatcherStore
from tradewind.service.backoff import jitter_from
from tradewind.service.dag_roots import dag_roots
from tradewind.service.metrics import Telemetry
from tradewind.service.secrets import jwt_secret
from tradewind.service.tokens import TokenSigner
from tradewind.task_runner.bundles.fetched import open_bundles
from tradewind.triggerer.bundle_code import CodePlacement
from tradewind.triggerer.duty import DutyLoop
from tradewind.triggerer.feed import WakeUps
from tradewind.triggerer.outcomes import OutcomeLoop
from tradewind.triggerer.placement import Placement
from tradewind.triggerer.protocol import ChildSetup
from tradewind.triggerer.settings import TriggererSettings
from tradewind.triggerer.watching import WatchedLoop, Watching


class Store(TriggererStore, WatcherStore, Protocol):
    """What a triggerer asks."""


async def run(
    *,
    settings: TriggererSettings,
    bus: Bus,
    store: Store,
    clock: Clock,
    new_id: IdFactory,
    stop: asyncio.Event,
    registry: CollectorRegistry,
) -> None:
    """Run triggers until `stop`; those that run then are anybody's at once."""
    telemetry, jitter = Telemetry(registry, service="triggerer"), jitter_from(new_id)
    own, triggerer_id = settings.triggerer, new_id()
    outcomes = OutcomeLoop(store=store, bus=bus, clock=clock, jitter=jitter, telemetry=telemetry)
    watched = WatchedLoop(
        triggerer_id=triggerer_id, store=store, bus=bus, clock=clock, jitter=jitter, telemetry=telemetry
    )
    placement = Placement(
        setup=child_setup(settings),
        report=outcomes.put,
        report_watched=watched.put,
        block_seconds=own.block_seconds,
        isolated_max=own.isolated_max,
        jitter=jitter,
        telemetry=telemetry,
    )
    roots = dag_roots(settings)
    async with open_bundles(
        roots,
        cache_folder=settings.task_runner.bundle_cache_folder or settings.home / "bundles",
        max_bytes=settings.task_runner.bundle_cache_bytes,
        execution_api_url=settings.execution_api_url,
        uses_folders=settings.task_runner.run_from_dags_folder,
    ) as bundles:
        code = CodePlacement(placement=placement, bundles=bundles, roots=roots, outcomes=outcomes)
        duty = DutyLoop(
            triggerer_id=triggerer_id,
            store=store,
            clock=clock,
            lease=timedelta(seconds=settings.leases.lease_seconds),
            settings=own,
            placement=code,
            outcomes=outcomes,
            watching=Watching(triggerer_id=triggerer_id, store=store, placement=placement),
            signer=TokenSigner(jwt_secret(settings)),
            telemetry=telemetry,
        )
        wake_ups = WakeUps(bus=bus, wake_up=duty.wake_up, jitter=jitter, telemetry=telemetry)
        async with asyncio.TaskGroup() as group:
            group.create_task(placement.run(stop), name="triggers")
            group.create_task(code.run(stop), name="trigger-code")
            group.create_task(outcomes.run(stop), name="outcomes")
            group.create_task(watched.run(stop), name="watched")
            group.create_task(duty.run(stop), name="duty")
            group.create_task(wake_ups.run(stop), name="wake-ups")


def child_setup(settings: TriggererSettings) -> ChildSetup:
    """What every child is told first."""
    return ChildSetup(
        execution_api_url=settings.execution_api_url,
        roots=tuple((str(root.folder), root.prefix) for root in dag_roots(settings)),
        kill_seconds=settings.triggerer.on_kill_timeout,
        log_bytes=settings.triggerer.log_bytes,
        dags_folder=str(settings.dags_folder.absolute()),
    )
