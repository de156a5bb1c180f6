"""A supervisor in virtual time: a collector that follows a script, children that end when they are told to."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any
from uuid import UUID

from prometheus_client import CollectorRegistry

from tests.simulation.virtual_time import EPOCH, VirtualTimeLoop, run_in_virtual_time
from tradewind.bus.memory import MemoryBroker, MemoryBus
from tradewind.bus.port import Bus, Message, Queue
from tradewind.core.rows import Verdict
from tradewind.core.states import EndCause, Outcome
from tradewind.service.dag_roots import DagFileLocation, DagRoot
from tradewind.service.metrics import Telemetry
from tradewind.task_runner.launcher import ChildEvent, Exit, LaunchFailed, LogBytes
from tradewind.task_runner.log_streams.stream import LogSinkFailed
from tradewind.task_runner.protocol import AttemptRequest, AttemptResult
from tradewind.task_runner.supervising.attempts import Offer, Settlement
from tradewind.task_runner.supervising.collector_client import WorkerIdentity
from tradewind.task_runner.supervising.metrics import SupervisorMetrics
from tradewind.task_runner.supervising.supervisor import Supervisor, SupervisorOptions
from tradewind.wire.codec import decode, encode
from tradewind.wire.messages import (
    ClaimItem,
    ClaimReply,
    ClaimRequest,
    ClaimVerdict,
    EndReply,
    EndReport,
    EndVerdict,
    Grant,
    Heartbeat,
    HeartbeatReply,
    KillAttempts,
    TaskFinished,
    TaskInstanceKey,
    TaskStarted,
)
from tradewind.wire.queues import CLAIMS, ENDS, HEARTBEATS, worker_queue

WORKER = "worker-1"


def attempt(number: int) -> UUID:
    """The attempt of this number."""
    return UUID(int=number)


def key_of(number: int) -> TaskInstanceKey:
    return TaskInstanceKey("dag", f"task_{number}", "manual", 1)


def in_virtual_time(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test that runs on a loop of its own, in virtual time."""

    @wraps(test)
    def run() -> None:
        run_in_virtual_time(asyncio.wait_for(test(), 100_000.0))

    del run.__wrapped__  # pytest would take it for a coroutine function
    return run


def virtual_now() -> datetime:
    loop = asyncio.get_running_loop()
    return loop.now() if isinstance(loop, VirtualTimeLoop) else datetime.now(UTC)


class Child:
    """A child process that does what the test says."""

    def __init__(self, request: AttemptRequest) -> None:
        self.request = request
        self.pid: int | None = 4711
        self.kills: list[tuple[float, float]] = []
        """(time, grace) of each kill."""
        self.dies_when_killed = True
        self._events: asyncio.Queue[ChildEvent] = asyncio.Queue()

    def start(self) -> None:
        """User code begins."""
        self._events.put_nowait(TaskStarted(self.request.attempt_id, 4711, virtual_now(), "host"))

    def write(self, data: bytes) -> None:
        self._events.put_nowait(LogBytes(data))

    def finish(
        self,
        outcome: Outcome = Outcome.SUCCESS,
        cause: EndCause = EndCause.NONE,
        detail: str | None = None,
        *,
        overtime_seconds: float | None = None,
    ) -> None:
        """It gives a result."""
        now = virtual_now()
        xcoms = (("return_value", b"1"),)
        self._events.put_nowait(
            AttemptResult(outcome, cause, detail, now, now, xcoms=xcoms, overtime_seconds=overtime_seconds)
        )

    def exit(self, gone: Exit) -> None:
        self._events.put_nowait(gone)

    def kill(self, grace_seconds: float) -> None:
        self.kills.append((asyncio.get_running_loop().time(), grace_seconds))
        if self.dies_when_killed:
            self.exit(Exit(signal=15))

    async def events(self) -> AsyncIterator[ChildEvent]:
        while True:
            yield await self._events.get()


class Launcher:
    """Keeps the children by the number of their attempt."""

    def __init__(self) -> None:
        self.children: dict[int, Child] = {}
        self.launches: list[int] = []
        self.prepared: list[Path] = []
        self.fails = False
        self.finishes_at_once = False
        self.lane_tasks: tuple[str, ...] = ()

    def prepare(self, file: DagFileLocation) -> None:
        self.prepared.append(file.path)

    def is_for_lane(self, key: TaskInstanceKey) -> bool:
        return key.task_id in self.lane_tasks

    async def launch(self, request: AttemptRequest, file: DagFileLocation) -> Child:
        if self.fails:
            raise LaunchFailed("no more processes")
        child = Child(request)
        self.children[request.attempt_id.int] = child
        self.launches.append(request.attempt_id.int)
        child.start()
        if self.finishes_at_once:
            child.finish()
        return child


@dataclass
class LogStore:
    """The log sink: what was stored, or why not."""

    chunks: dict[tuple[int, int], bytes] = field(default_factory=dict[tuple[int, int], bytes])
    calls: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    failure: LogSinkFailed | None = None
    loses_answers: int = 0

    async def append(self, attempt_id: UUID, token: str, sequence: int, records: bytes) -> None:
        assert token == f"token-{attempt_id.int}"
        place = (attempt_id.int, sequence)
        self.calls.append(place)
        await asyncio.sleep(0.001)
        if self.failure is not None:
            raise self.failure
        self.chunks.setdefault(place, records)
        if self.loses_answers:
            self.loses_answers -= 1
            raise LogSinkFailed("the answer was lost", retryable=True)


class Collector:
    """Answers as the real one would: one grant per attempt, replayed to the identical claim only."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.is_away = False
        self.loses_replies: dict[str, int] = {}
        """How many of the next replies are lost, by queue."""
        self.verdict: Verdict | None = None
        """Given to every claim and end instead of the true one."""
        self.claims: list[ClaimItem] = []
        self.requests: list[ClaimRequest] = []
        self.reports: list[EndReport] = []
        self.beats: list[Heartbeat] = []
        self.granted: dict[UUID, tuple[UUID, int]] = {}
        self.ended: dict[UUID, TaskFinished] = {}
        self.void: list[UUID] = []
        """Attempts that are not current."""
        self.expired: list[UUID] = []
        """Incarnations that were given up."""
        self.kill: tuple[UUID, ...] = ()
        self.drain = False
        self.reply_seconds = 0.0
        """How long an answer is on its way."""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._serve(CLAIMS, self._claim))
            group.create_task(self._serve(ENDS, self._end))
            group.create_task(self._serve(HEARTBEATS, self._beat))

    async def _serve(self, queue: str, answer: Callable[[bytes], bytes]) -> None:
        async with self._bus.consume(Queue(name=queue), prefetch=100, max_batch=100) as batches:
            async for batch in batches:
                for delivery in batch.deliveries:
                    if self.is_away:
                        continue
                    reply = Message(body=answer(delivery.message.body))
                    if self.loses_replies.get(queue):
                        self.loses_replies[queue] -= 1
                    else:
                        await asyncio.sleep(self.reply_seconds)
                        await self._bus.reply([(delivery, reply)])
                await batch.ack()

    def _claim(self, body: bytes) -> bytes:
        request = decode(body, ClaimRequest)
        self.requests.append(request)
        self.claims += request.items
        return encode(ClaimReply(tuple(self._grant(request.incarnation, item) for item in request.items)))

    def _grant(self, incarnation: UUID, item: ClaimItem) -> ClaimVerdict:
        if self.verdict is not None:
            return ClaimVerdict(item.attempt_id, self.verdict)
        if incarnation in self.expired:
            return ClaimVerdict(item.attempt_id, Verdict.EXPIRED)
        holder = self.granted.setdefault(item.attempt_id, (incarnation, item.nonce))
        if item.attempt_id in self.void or holder != (incarnation, item.nonce):
            return ClaimVerdict(item.attempt_id, Verdict.SUPERSEDED)
        return ClaimVerdict(item.attempt_id, Verdict.DONE, _grant_of(item))

    def _end(self, body: bytes) -> bytes:
        report = decode(body, EndReport)
        self.reports.append(report)
        verdicts: list[EndVerdict] = []
        for item in report.items:
            verdict = self.verdict or (Verdict.SUPERSEDED if item.attempt_id in self.void else Verdict.DONE)
            if verdict is Verdict.DONE:
                self.ended.setdefault(item.attempt_id, item)
            verdicts.append(EndVerdict(item.attempt_id, verdict))
        return encode(EndReply(tuple(verdicts)))

    def _beat(self, body: bytes) -> bytes:
        beat = decode(body, Heartbeat)
        self.beats.append(beat)
        verdict = Verdict.EXPIRED if beat.incarnation in self.expired else Verdict.DONE
        return encode(HeartbeatReply(verdict, self.kill, self.drain))


def _grant_of(item: ClaimItem) -> Grant:
    return Grant(
        token=f"token-{item.attempt_id.int}",
        try_number=1,
        max_tries=0,
        relative_fileloc="file.py",
        file_digest="digest",
        run_type="manual",
        logical_date=None,
        data_interval_start=None,
        data_interval_end=None,
        run_after=EPOCH,
        dag_run_start_date=EPOCH,
        dag_run_queued_at=EPOCH,
        triggered_by="rest_api",
        conf=b"{}",
        start_date=EPOCH,
    )


class World:
    """One supervisor with everything around it. `async with`: it runs, and is stopped at the end."""

    def __init__(self, *, concurrency: int = 2, **options: Any) -> None:
        self.broker = MemoryBroker()
        self.bus = MemoryBus(self.broker)
        self.collector = Collector(MemoryBus(self.broker))
        self.launcher = Launcher()
        self.logs = LogStore()
        self.settled: dict[int, list[Settlement]] = {}
        self.verdicts: dict[int, str] = {}
        self.registry = CollectorRegistry()
        self.stop = asyncio.Event()
        self._ids = (UUID(int=1_000_000 + number) for number in range(1_000_000))
        self.supervisor = Supervisor(
            identity=WorkerIdentity(
                worker_id=WORKER, hostname="host", pid=1, kind="celery", queues=("default",), concurrency=concurrency
            ),
            options=SupervisorOptions(dag_roots=(DagRoot(Path("/dags")),), execution_api_url="http://api", **options),
            bus=self.bus,
            launcher=self.launcher,
            log_sink=self.logs,
            clock=virtual_now,
            new_id=lambda: next(self._ids),
            metrics=SupervisorMetrics(Telemetry(self.registry, service="worker")),
        )
        self._group = asyncio.TaskGroup()
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "World":
        await self._group.__aenter__()
        self._collecting = self._group.create_task(self.collector.run(), name="collector")
        self._running = self._group.create_task(self.supervisor.run(self.stop), name="supervisor")
        return self

    async def __aexit__(self, *error: Any) -> None:
        if error[0] is None:
            await self.leave()
        self._collecting.cancel()
        await self._group.__aexit__(*error)

    async def leave(self) -> None:
        """Stop the supervisor; returns when it has stopped."""
        self.stop.set()
        assert self._running is not None
        await self._running

    @property
    def has_left(self) -> bool:
        return self._running is not None and self._running.done()

    @property
    def time(self) -> float:
        return asyncio.get_running_loop().time()

    def offer(self, *numbers: int) -> list[Offer]:
        offers = [self._offer(number) for number in numbers]
        self.supervisor.offer(offers)
        return offers

    def _offer(self, number: int) -> Offer:
        self.settled.setdefault(number, [])

        def on_ended(finished: TaskFinished, verdict: str) -> None:
            self.verdicts[number] = verdict

        return Offer(
            key=key_of(number),
            attempt_id=attempt(number),
            relative_fileloc="file.py",
            settle=self.settled[number].append,
            ended=on_ended,
        )

    async def child(self, number: int) -> Child:
        """The child of this attempt, once it was launched."""
        await self.until(lambda: number in self.launcher.children)
        return self.launcher.children[number]

    async def until(self, condition: Callable[[], bool], seconds: float = 300.0) -> None:
        """Wait for it in virtual time."""
        deadline = self.time + seconds
        while not condition():
            assert self.time < deadline, f"not within {seconds:g} s of virtual time"
            await asyncio.sleep(0.005)

    async def push_kill(self, numbers: Sequence[int]) -> None:
        body = encode(KillAttempts(tuple(attempt(number) for number in numbers)))
        await self.bus.publish(worker_queue(WORKER), [Message(body=body)])
