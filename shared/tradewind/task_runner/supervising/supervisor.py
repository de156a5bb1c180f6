"""The supervisor: takes offers of attempts, claims them, runs each in a child of its own, reports their ends.

It is the heart of a worker, of the local executors and of `tradewind tasks run`. What it may rely on is small: the
bus, a launcher, a log sink, and the clock of the event loop; so the simulation runs it in virtual time.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn
from uuid import UUID

from tradewind.bus.port import Bus, Delivery, Queue
from tradewind.core.clock import Clock, IdFactory
from tradewind.core.errors import AdapterError
from tradewind.core.states import EndCause
from tradewind.service.backoff import Backoff
from tradewind.service.dag_roots import DagRoot
from tradewind.service.logging import get_logger
from tradewind.task_runner.bundles.port import Bundles, FolderBundles
from tradewind.task_runner.launcher import Launcher
from tradewind.task_runner.log_streams.stream import LogSink, LogStreamLimits
from tradewind.task_runner.supervising.attempt_runner import AttemptRunner
from tradewind.task_runner.supervising.attempts import Attempt, Offer, Roster
from tradewind.task_runner.supervising.claims import ClaimLoop
from tradewind.task_runner.supervising.collector_client import CollectorClient, WorkerIdentity
from tradewind.task_runner.supervising.heartbeats import HeartbeatLoop
from tradewind.task_runner.supervising.metrics import SupervisorMetrics
from tradewind.task_runner.supervising.reports import ReportLoop
from tradewind.wire.codec import UndecodableMessage, decode
from tradewind.wire.messages import KillAttempts, TaskInstanceKey
from tradewind.wire.queues import worker_queue

_VOID_GRACE_SECONDS: Final = 1.0
_PREEMPT_GRACE_SECONDS: Final = 5.0
_KILL_MARGIN_SECONDS: Final = 5.0
_LAST_REPORTS_SECONDS: Final = 10.0
_KILLS_PREFETCH: Final = 100
_REVOKED_MAX: Final = 10_000
_LANE_PREFETCH: Final = 64
"""They are claimed by such batches: more would be kept from other workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorOptions:
    """What a supervisor is told once."""

    dag_roots: tuple[DagRoot, ...]
    execution_api_url: str
    heartbeat_seconds: float = 2.0
    shutdown_grace_seconds: float = 600.0
    """How long running attempts may go on after a stop before they are killed as preempted."""
    killed_task_cleanup_seconds: float = 60.0
    """Between SIGTERM and SIGKILL for an attempt that is cancelled."""
    async_concurrency: int = 0
    """Further slots, for coroutine tasks that run side by side."""
    hand_back_after_seconds: float = 1.0
    """Offers that find no free slot for this long had better go to another worker."""
    log_limits: LogStreamLimits = field(default_factory=LogStreamLimits)


class Supervisor:
    """Offer attempts with `offer`, at any time; `run` does the rest."""

    def __init__(
        self,
        *,
        identity: WorkerIdentity,
        options: SupervisorOptions,
        bus: Bus,
        launcher: Launcher,
        log_sink: LogSink,
        clock: Clock,
        new_id: IdFactory,
        metrics: SupervisorMetrics,
        bundles: Bundles | None = None,
    ) -> None:
        self._identity = identity
        self._options = options
        self._bus = bus
        self._new_id = new_id
        self._metrics = metrics
        self._log = get_logger(worker_id=identity.worker_id)
        self._group: asyncio.TaskGroup | None = None
        self._stop: asyncio.Event | None = None
        self._attempt_tasks: dict[UUID, asyncio.Task[None]] = {}
        self._revoked: dict[UUID, None] = {}
        self._roster = Roster(
            incarnation=new_id(),
            concurrency=identity.concurrency,
            hand_back_after_seconds=options.hand_back_after_seconds,
            async_concurrency=options.async_concurrency,
            is_for_lane=launcher.is_for_lane,
        )
        collector = CollectorClient(bus)
        self._runner = AttemptRunner(
            roster=self._roster,
            launcher=launcher,
            log_sink=log_sink,
            clock=clock,
            spawn=self._spawn,
            bundles=bundles or FolderBundles(options.dag_roots),
            execution_api_url=options.execution_api_url,
            worker_id=identity.worker_id,
            hostname=identity.hostname,
            log_limits=options.log_limits,
            metrics=metrics,
        )
        self._claims = ClaimLoop(
            worker_id=identity.worker_id,
            roster=self._roster,
            collector=collector,
            launch=self._launch,
            expire=self._expire,
            metrics=metrics,
        )
        self._reports = ReportLoop(
            worker_id=identity.worker_id,
            roster=self._roster,
            collector=collector,
            expire=self._expire,
            metrics=metrics,
        )
        self._heartbeats = HeartbeatLoop(
            identity=identity,
            roster=self._roster,
            collector=collector,
            interval_seconds=options.heartbeat_seconds,
            expire=self._expire,
            kill=self._kill,
            drain=self._leave,
            telemetry=metrics.telemetry,
        )
        metrics.watch(
            running=lambda: len(self._roster.running) + len(self._roster.overtime),
            kept_ends=lambda: self._roster.kept_ends,
        )

    @property
    def room(self) -> asyncio.Event:
        """Set while a slot is free."""
        return self._roster.room

    @property
    def saturated(self) -> asyncio.Event:
        """Set once offers have waited for a slot for too long: whoever feeds the supervisor should `hand_back`."""
        return self._roster.saturated

    @property
    def open_slots(self) -> int:
        """How many more attempts could be claimed now, beyond those that wait already; coroutine tasks not counted."""
        return max(0, self._roster.free_slots - self._roster.waiting_for_slots)

    @property
    def open_lane_slots(self) -> int:
        """Likewise of coroutine tasks."""
        return max(0, self._roster.free_lane_slots - self._roster.waiting_for_lane)

    def is_for_lane(self, key: TaskInstanceKey) -> bool:
        """Whether it is a coroutine task, with a slot of those, as far as is known by now."""
        return self._roster.async_concurrency > 0 and self._roster.is_for_lane(key)

    @property
    def concurrency(self) -> int:
        """Slots; 0 = no limit."""
        return self._roster.concurrency

    @property
    def busy_slots(self) -> int:
        """Slots in use."""
        return self._roster.busy_slots

    @property
    def waiting(self) -> int:
        """Attempts that have been offered and wait for a slot."""
        return self._roster.waiting_for_slots

    @property
    def prefetch(self) -> int:
        """How many offers at once are enough to keep the slots busy."""
        return self._roster.concurrency + min(self._options.async_concurrency, _LANE_PREFETCH)

    def set_concurrency(self, concurrency: int) -> None:
        """Slots from now on; what runs beyond them runs to its end. The next heartbeat says so."""
        self._roster.set_concurrency(concurrency)

    def set_queues(self, queues: Sequence[str]) -> None:
        """What heartbeats name from now on; to consume them is the caller's part."""
        self._heartbeats.queues = tuple(queues)

    @property
    def pids(self) -> Mapping[UUID, int]:
        """Attempt → its child process, as far as it has one."""
        attempts = [*self._roster.running.values(), *self._roster.overtime.values()]
        children = ((attempt.offer.attempt_id, attempt.child) for attempt in attempts)
        return {attempt_id: child.pid for attempt_id, child in children if child is not None and child.pid is not None}

    @property
    def revoked(self) -> tuple[UUID, ...]:
        """What was revoked here, oldest first."""
        return tuple(self._revoked)

    def revoke(self, attempt_ids: Sequence[UUID]) -> None:
        """Attempts that shall not start here: they end as cancelled if they are granted. What runs goes on. The last
        some thousand are remembered."""
        for attempt_id in attempt_ids:
            self._revoked.pop(attempt_id, None)
            self._revoked[attempt_id] = None
        for oldest in list(self._revoked)[:-_REVOKED_MAX]:
            del self._revoked[oldest]

    def terminate(self, attempt_ids: Sequence[UUID]) -> None:
        """Revoke them and end the children of those that run; their ends are reported as cancelled."""
        self.revoke(attempt_ids)
        self._kill(attempt_ids)

    async def wait_for_slots(self) -> None:
        """Until a slot has come free since the last call. For one waiter."""
        await self._roster.freed.wait()
        self._roster.freed.clear()

    def offer(self, offers: Sequence[Offer]) -> None:
        """Attempts that may be run here; each is settled exactly once, now or later. The caller bounds how many
        unsettled offers there are."""
        for relative_fileloc in dict.fromkeys(offer.relative_fileloc for offer in offers):
            self._runner.prepare(relative_fileloc)
        self._roster.add(offers)

    def hand_back(self, offers: Sequence[Offer]) -> None:
        """Settle those of the offers that wait for a slot as handed back."""
        handed_back = self._roster.hand_back(offers)
        self._metrics.handed_back.inc(handed_back)

    def preempt(self) -> None:
        """Kill what runs. Its ends say so, and it is dispatched again at the cost of infrastructure, not of tries."""
        for attempt in list(self._roster.running.values()):
            attempt.kill(EndCause.PREEMPTED, _PREEMPT_GRACE_SECONDS)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`, then drain: see `SupervisorOptions.shutdown_grace_seconds`. Callbacks that are called after a
        success may take the time that they have. Ends that the collector has not answered some seconds after the last
        child's end are given up; the lease will end those attempts."""
        self._stop = stop
        async with asyncio.TaskGroup() as group:
            self._group = group
            heartbeats = group.create_task(self._heartbeats.run(), name="heartbeats")
            loops = [
                group.create_task(self._claims.run(), name="claims"),
                group.create_task(self._reports.run(), name="reports"),
                group.create_task(self._take_kills(), name="kills"),
            ]
            await stop.wait()
            is_clean = await self._drain()
            heartbeats.cancel()
            if is_clean:
                await self._heartbeats.beat(leaving=True)
            for task in [*loops, *self._attempt_tasks.values()]:
                task.cancel()
        self._group = None

    def _leave(self) -> None:
        """As if whoever runs this supervisor had been told to stop."""
        if self._stop is not None:
            self._stop.set()

    async def _drain(self) -> bool:
        """Whether nothing is held any more."""
        roster = self._roster
        self._log.info("worker.draining", running=len(roster.running), kept_ends=roster.kept_ends)
        roster.close()

        def is_done() -> bool:
            return not (roster.claiming or roster.running)

        if not await self._until(is_done, self._options.shutdown_grace_seconds):
            self.preempt()
            await self._until(is_done, _PREEMPT_GRACE_SECONDS + _KILL_MARGIN_SECONDS)
        overtime = max((attempt.overtime_seconds for attempt in roster.overtime.values()), default=0.0)
        await self._until(lambda: not roster.overtime, overtime + _PREEMPT_GRACE_SECONDS + _KILL_MARGIN_SECONDS)
        is_clean = await self._until(lambda: roster.is_idle and roster.kept_ends == 0, _LAST_REPORTS_SECONDS)
        if not is_clean:
            self._log.error("worker.left_with_ends", kept_ends=roster.kept_ends, running=len(roster.running))
        return is_clean

    async def _until(self, condition: Callable[[], bool], seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    self._roster.changed.clear()
                    await self._roster.changed.wait()
        except TimeoutError:
            return False
        return True

    def _launch(self, attempt: Attempt) -> None:
        attempt_id = attempt.offer.attempt_id
        is_doomed = attempt_id in self._roster.doomed
        self._roster.doomed.pop(attempt_id, None)
        if self._roster.is_closed:
            self._runner.hand_back(attempt)
            return
        if attempt_id in self._revoked:
            self._runner.refuse(attempt)
            return
        if is_doomed:
            attempt.kill(EndCause.CANCELLED, self._options.killed_task_cleanup_seconds)
        task = self._spawn(self._runner.run(attempt), f"attempt-{attempt_id}")
        self._attempt_tasks[attempt_id] = task
        task.add_done_callback(lambda _task: self._attempt_tasks.pop(attempt_id, None))

    def _spawn(self, coroutine: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        if self._group is None:
            raise AssertionError("attempts run inside `run` only")
        return self._group.create_task(coroutine, name=name)

    def _expire(self, incarnation: UUID) -> None:
        """The lease of this incarnation was given up, and its attempts with it."""
        if incarnation != self._roster.incarnation:
            return
        self._metrics.expiries.inc()
        attempts = self._roster.renew(self._new_id())
        self._log.error("worker.expired", incarnation=str(incarnation), killed=len(attempts))
        for attempt in attempts:
            attempt.kill(EndCause.WORKER_LOST, _VOID_GRACE_SECONDS)

    def _kill(self, attempt_ids: Sequence[UUID]) -> None:
        for attempt_id in attempt_ids:
            attempt = self._roster.running.get(attempt_id)
            if attempt_id in self._roster.claiming:
                self._roster.doomed[attempt_id] = None
            elif attempt is not None and attempt.kill_cause is None:
                self._log.info("attempt.killed", attempt_id=str(attempt_id))
                attempt.kill(EndCause.CANCELLED, self._options.killed_task_cleanup_seconds)

    async def _take_kills(self) -> NoReturn:
        queue = Queue(name=worker_queue(self._identity.worker_id), exclusive=True)
        failures = 0
        while True:
            try:
                async with self._bus.consume(queue, prefetch=_KILLS_PREFETCH, max_batch=_KILLS_PREFETCH) as batches:
                    async for batch in batches:
                        failures = 0
                        for delivery in batch.deliveries:
                            await self._obey(delivery, batch.dead_letter)
                        await batch.ack()
            except AdapterError as exc:
                failures += 1
                self._log.warning("kills.interrupted", error=str(exc))
                await asyncio.sleep(Backoff().delay_seconds(failures, 0.0))

    async def _obey(
        self, delivery: Delivery, dead_letter: Callable[[Delivery, str], Coroutine[object, object, None]]
    ) -> None:
        try:
            self._kill(decode(delivery.message.body, KillAttempts).attempts)
        except UndecodableMessage as exc:
            self._metrics.undecodable.inc()
            self._log.error("kill.undecodable", reason=str(exc))
            await dead_letter(delivery, str(exc))
