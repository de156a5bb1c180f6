"""The lease: one heartbeat for all attempts of a worker. The first one registers it, before any claim."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from typing import NoReturn
from uuid import UUID

from tradewind.core.errors import AdapterError
from tradewind.core.rows import Verdict
from tradewind.service.backoff import Backoff
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.task_runner.supervising.attempts import Roster
from tradewind.task_runner.supervising.collector_client import CollectorClient, WorkerIdentity
from tradewind.wire.messages import Heartbeat


class HeartbeatLoop:
    """Beats until cancelled. A beat that fails is only missed: a worker that was cut off runs on until it is told."""

    def __init__(
        self,
        *,
        identity: WorkerIdentity,
        roster: Roster,
        collector: CollectorClient,
        interval_seconds: float,
        expire: Callable[[UUID], None],
        kill: Callable[[Sequence[UUID]], None],
        drain: Callable[[], None],
        telemetry: Telemetry,
    ) -> None:
        self._identity = identity
        self.queues = identity.queues
        self._roster = roster
        self._collector = collector
        self._interval_seconds = interval_seconds
        self._expire = expire
        self._kill = kill
        self._drain = drain
        self._loop = telemetry.loop("heartbeats", interval_seconds=interval_seconds)
        self._sequence = itertools.count(1)
        self._log = get_logger(worker_id=identity.worker_id)

    async def run(self) -> NoReturn:
        """Until cancelled. While it is not registered it asks more often."""
        loop = asyncio.get_running_loop()
        hurry = Backoff(initial_seconds=0.05, cap_seconds=self._interval_seconds)
        failures = 0
        while True:
            since = loop.time()
            with self._loop.turn():
                failures = 0 if await self.beat() else failures + 1
            if failures and not self._roster.registered.is_set():
                await asyncio.sleep(hurry.delay_seconds(failures, 0.0))
            else:
                await asyncio.sleep(max(0.0, since + self._interval_seconds - loop.time()))

    async def beat(self, *, leaving: bool = False) -> bool:
        """One heartbeat; False = no good answer to it."""
        incarnation = self._roster.incarnation
        message = self._heartbeat(leaving=leaving)
        try:
            reply = await self._collector.beat(message, timeout_seconds=max(self._interval_seconds, 1.0))
        except AdapterError as exc:
            self._log.warning("heartbeat.unanswered", sequence=message.sequence, error=str(exc))
            return False
        if reply.verdict == Verdict.EXPIRED:
            self._expire(incarnation)
            return False
        if reply.verdict != Verdict.DONE or self._roster.incarnation != incarnation:
            return False
        if not self._roster.registered.is_set():
            self._log.info("worker.registered", incarnation=str(incarnation))
            self._roster.registered.set()
        self._kill(reply.kill)
        if reply.drain and not self._roster.is_closed:
            self._log.info("worker.drain_asked")
            self._drain()
        return True

    def _heartbeat(self, *, leaving: bool) -> Heartbeat:
        me = self._identity
        return Heartbeat(
            worker_id=me.worker_id,
            incarnation=self._roster.incarnation,
            sequence=next(self._sequence),
            hostname=me.hostname,
            pid=me.pid,
            kind=me.kind,
            queues=self.queues,
            concurrency=self._roster.concurrency,
            attempts=self._roster.held_attempts,
            leaving=leaving,
            tags=me.tags,
            pools=me.pools,
            draining=self._roster.is_closed,
        )
