"""The collector: grants claims, takes ends and heartbeats, writes each batch in one transaction, tells the owners."""

import asyncio
from datetime import timedelta

from prometheus_client import CollectorRegistry

from tradewind.bus.port import Bus
from tradewind.collector.answering import AnsweringLoop
from tradewind.collector.claims import ClaimHandler
from tradewind.collector.ends import EndHandler
from tradewind.collector.heartbeats import HeartbeatHandler
from tradewind.collector.lease_clock import LeaseClockLoop
from tradewind.collector.settings import CollectorSettings
from tradewind.core.clock import Clock, IdFactory
from tradewind.db.store import CollectorStore
from tradewind.service.backoff import jitter_from
from tradewind.service.metrics import Telemetry
from tradewind.service.secrets import jwt_secret
from tradewind.service.tokens import TokenSigner
from tradewind.wire.messages import ClaimRequest, EndReport, Heartbeat
from tradewind.wire.queues import CLAIMS, ENDS, HEARTBEATS


async def run(
    *,
    settings: CollectorSettings,
    bus: Bus,
    store: CollectorStore,
    clock: Clock,
    new_id: IdFactory,
    stop: asyncio.Event,
    registry: CollectorRegistry,
) -> None:
    """Run the collector's loops until `stop`."""
    telemetry = Telemetry(registry, service="collector")
    limits, jitter = settings.collector, jitter_from(new_id)
    claims = AnsweringLoop(
        name="claims",
        queue=CLAIMS,
        kind=ClaimRequest,
        handler=ClaimHandler(store=store, clock=clock, signer=TokenSigner(jwt_secret(settings)), telemetry=telemetry),
        bus=bus,
        telemetry=telemetry,
        jitter=jitter,
        limits=limits,
    )
    ends = AnsweringLoop(
        name="ends",
        queue=ENDS,
        kind=EndReport,
        handler=EndHandler(store=store, clock=clock, telemetry=telemetry),
        bus=bus,
        telemetry=telemetry,
        jitter=jitter,
        limits=limits,
    )
    heartbeats = AnsweringLoop(
        name="heartbeats",
        queue=HEARTBEATS,
        kind=Heartbeat,
        handler=HeartbeatHandler(store=store, clock=clock, telemetry=telemetry),
        bus=bus,
        telemetry=telemetry,
        jitter=jitter,
        limits=limits,
    )
    lease_clock = LeaseClockLoop(
        store=store,
        collector_id=new_id(),
        clock=clock,
        lease=timedelta(seconds=settings.leases.lease_seconds),
        tick_seconds=limits.lease_tick_seconds,
        is_receiving=lambda: bus.connected and heartbeats.is_keeping_up(),
        telemetry=telemetry,
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(claims.run(stop), name="claims")
        group.create_task(ends.run(stop), name="ends")
        group.create_task(heartbeats.run(stop), name="heartbeats")
        group.create_task(lease_clock.run(stop), name="lease-clock")
