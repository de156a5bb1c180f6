"""Schedulers over the in-memory store and bus in virtual time, with a worker that does nothing but end attempts."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from prometheus_client import CollectorRegistry

from tests.simulation.virtual_time import VirtualTimeLoop, run_in_virtual_time
from tradewind.bus.memory import MemoryBroker, MemoryBus
from tradewind.bus.port import Message, Queue
from tradewind.core.rows import (
    AttemptEndRecord,
    Claim,
    EndAnswer,
    EndEffectsRecord,
    TaskInstanceId,
    Verdict,
    WorkerBeat,
)
from tradewind.core.spec import DagSpec
from tradewind.core.states import DagRunState, EndCause, Outcome, TaskInstanceState
from tradewind.db.memory.store import MemoryStore
from tradewind.db.store import StoreUnavailable
from tradewind.scheduler.service import run as run_scheduler
from tradewind.scheduler.settings import SchedulerLimits, SchedulerSettings
from tradewind.wire.codec import decode, encode
from tradewind.wire.messages import (
    DagRunsCreated,
    DispatchBatch,
    QueuedTaskInstance,
    TaskInstanceRef,
    TaskInstancesEnded,
)
from tradewind.wire.queues import DISPATCH, RUNS, scheduler_queue

ParamsT = ParamSpec("ParamsT")
ResultT = TypeVar("ResultT")

Ending = tuple[Outcome, EndCause, float]
"""How an attempt ends, and after how many seconds."""

SUCCESS: Ending = (Outcome.SUCCESS, EndCause.NONE, 0.01)
FAILURE: Ending = (Outcome.FAILED, EndCause.USER_ERROR, 0.01)
INCARNATION = UUID(int=99)


Failing = Callable[[str, str], bool]
"""(method, "before" or "after") → whether to fail there."""


def never(method: str, when: str) -> bool:
    return False


def now_and_then(random: Random, share: float) -> Failing:
    def failing(method: str, when: str) -> bool:
        return random.random() < share

    return failing


class FlakyStore(MemoryStore):
    """Fails some of the scheduler's calls: before anything was written, or after everything was."""

    failing: Failing

    def fail_once(self, method: str, when: str) -> None:
        """Fail the next call of this method, there and never again."""
        due = [(method, when)]

        def failing(*point: str) -> bool:
            if point in due:
                due.remove((method, when))
                return True
            return False

        self.failing = failing

    def __getattribute__(self, name: str) -> Any:
        found = object.__getattribute__(self, name)
        return partial(self._flaky, name, found) if name in FLAKY_METHODS else found

    async def _flaky(
        self, name: str, method: Callable[..., Awaitable[ResultT]], *args: object, **options: object
    ) -> ResultT:
        await asyncio.sleep(0.001)
        if self.failing(name, "before"):
            raise StoreUnavailable("before the call")
        result = await method(*args, **options)
        if self.failing(name, "after"):
            raise StoreUnavailable("after the commit")
        return result


FLAKY_METHODS = (
    "renew_scheduler",
    "start_dag_runs",
    "due_dags",
    "next_run_times",
    "create_scheduled_runs",
    "asset_dag_ids",
    "create_asset_runs",
    "adopt_dag_runs",
    "owned_dag_runs",
    "load_dag_runs",
    "load_dag_specs",
    "load_capacity",
    "commit_decisions",
    "pending_dag_runs",
    "take_unclaimed",
    "expire_workers",
    "expire_schedulers",
    "recount_slots",
    "retire_scheduler",
)


@dataclass
class Scheduler:
    """One scheduler process."""

    bus: MemoryBus
    task: "asyncio.Task[None]"
    stop: asyncio.Event
    registry: CollectorRegistry

    def crash(self) -> None:
        self.task.cancel()
        self.bus.crash()

    async def end(self) -> None:
        """SIGTERM."""
        self.stop.set()
        await self.task
        await self.bus.close()

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"tradewind_scheduler_{name}", labels) or 0.0

    def found(self, thing: str) -> float:
        return self.metric("sweep_found_total", thing=thing)


class World:
    """Everything around the schedulers."""

    def __init__(self, group: asyncio.TaskGroup, store: MemoryStore, seed: int) -> None:
        self.group = group
        self.store = store
        self.random = Random(seed)
        self.broker = MemoryBroker()
        self.bus = MemoryBus(self.broker)
        self.endings: dict[str, list[Ending]] = {}
        self.asset_events: dict[str, list[bytes]] = {}
        """Task → what the ends of its attempts say of assets."""
        self.tells_of_assets = True
        """False = every message about asset events is lost."""
        self.executed: list[tuple[str, int]] = []
        """(task_id, try_number) in the order of their claims."""
        self.dispatched: list[QueuedTaskInstance] = []
        self.running = 0
        self.running_max = 0
        self._ids = 1_000

    def now(self) -> datetime:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        return loop.now()

    def seconds(self) -> float:
        return asyncio.get_running_loop().time()

    def new_id(self) -> UUID:
        self._ids += 1
        return UUID(int=(self._ids << 32) | self.random.getrandbits(32))

    def start_scheduler(self, **limits: Any) -> Scheduler:
        bus, stop, registry = MemoryBus(self.broker), asyncio.Event(), CollectorRegistry()
        service = run_scheduler(
            settings=SchedulerSettings(scheduler=SchedulerLimits(**limits)),
            bus=bus,
            store=self.store,
            clock=self.now,
            new_id=self.new_id,
            stop=stop,
            registry=registry,
        )
        return Scheduler(bus, self.group.create_task(service, name="scheduler"), stop, registry)

    async def add_dag(self, spec: DagSpec) -> None:
        await self.store.write_dag_file(spec.relative_fileloc, f"digest of {spec.dag_id}", [spec], self.now())
        await self.store.pause_dag(spec.dag_id, is_paused=False)

    async def trigger(self, dag_id: str, run_id: str = "run") -> int:
        """As the API: a row, then a nudge."""
        row = await self.store.create_dag_run(dag_id=dag_id, run_id=run_id, now=self.now())
        await self.bus.publish(RUNS, [Message(body=encode(DagRunsCreated(dag_ids=(dag_id,))))])
        return row.id

    def start_worker(self) -> None:
        self.group.create_task(self._tick(), name="lease-clock")
        self.group.create_task(self._serve(), name="worker")

    async def _serve(self) -> None:
        """Dispatcher, worker and collector in one."""
        async with self.bus.consume(Queue(name=DISPATCH), prefetch=1000, max_batch=100) as batches:
            async for batch in batches:
                for delivery in batch.deliveries:
                    for item in decode(delivery.message.body, DispatchBatch).items:
                        self.dispatched.append(item)
                        self.group.create_task(self._execute(item), name="attempt")
                await batch.ack()

    async def _tick(self) -> None:
        sequence = 0
        while True:
            sequence += 1
            await self.store.advance_lease_clock(UUID(int=5), self.now(), timedelta(seconds=10))
            await self.beat(sequence)
            await asyncio.sleep(0.5)

    async def beat(self, sequence: int) -> None:
        held = [row for run in self.store.dag_runs for row in self.store.task_instances(run.id) if row.is_open]
        beat = WorkerBeat(
            worker_id="worker",
            incarnation=INCARNATION,
            hostname="host",
            pid=1,
            kind="local",
            queues=(),
            concurrency=1,
            attempt_ids=tuple(row.attempt_id for row in held if row.attempt_id is not None),
            sequence=sequence,
        )
        await self.store.record_beats([beat], self.now())

    async def _execute(self, item: QueuedTaskInstance) -> None:
        key = item.ti.key
        claim = Claim(
            dag_id=key.dag_id,
            run_id=key.run_id,
            task_id=key.task_id,
            map_index=key.map_index,
            attempt_id=item.attempt_id,
            worker_id="worker",
            incarnation=INCARNATION,
            nonce=self.random.getrandbits(32),
        )
        (answer,) = await self.store.grant_claims([claim], self.now())
        if answer.verdict is not Verdict.DONE or answer.run is None:
            return
        self.executed.append((key.task_id, answer.run.try_number))
        endings = self.endings.get(key.task_id)
        outcome, cause, seconds = endings.pop(0) if endings else SUCCESS
        self.running += 1
        self.running_max = max(self.running_max, self.running)
        await asyncio.sleep(seconds)
        self.running -= 1
        await self._report(claim, outcome, cause)

    async def _report(self, claim: Claim, outcome: Outcome, cause: EndCause) -> None:
        record = AttemptEndRecord(
            dag_id=claim.dag_id,
            run_id=claim.run_id,
            task_id=claim.task_id,
            map_index=claim.map_index,
            attempt_id=claim.attempt_id,
            worker_id=claim.worker_id,
            incarnation=claim.incarnation,
            outcome=outcome,
            cause=cause,
            detail=None,
            started_at=None,
            ended_at=self.now(),
            effects=EndEffectsRecord(asset_events=tuple(self.asset_events.get(claim.task_id, ()))),
        )
        for answer in await self.store.record_ends([record], self.now()):
            await self.nudge(answer)

    async def nudge(self, answer: EndAnswer) -> None:
        if answer.asset_dag_ids and self.tells_of_assets:
            message = DagRunsCreated(dag_ids=(), asset_dag_ids=answer.asset_dag_ids)
            await self.bus.publish(RUNS, [Message(body=encode(message))])
        if answer.owner is None or answer.id is None or answer.state is None:
            return
        id_: TaskInstanceId = answer.id
        ref = TaskInstanceRef(*id_, answer.attempt_id, answer.state, answer.next_action_at)
        await self.bus.publish(scheduler_queue(answer.owner), [Message(body=encode(TaskInstancesEnded(items=(ref,))))])

    async def until_listening(self) -> None:
        """Wait until a scheduler hears of new runs and its first sweep is over."""
        await self.until(lambda: RUNS in self.broker.queue_depths)
        await asyncio.sleep(0.1)

    async def until_ended(self, *dag_run_ids: int, timeout: float = 3_600.0) -> None:  # noqa: ASYNC109 - virtual time
        """Wait until these runs (none named: all) are over."""

        def open_runs() -> list[int]:
            ended = (DagRunState.SUCCESS, DagRunState.FAILED)
            wanted = dag_run_ids or [run.id for run in self.store.dag_runs]
            return [run.id for run in self.store.dag_runs if run.id in wanted and run.state not in ended]

        await self.until(lambda: not open_runs(), timeout)

    async def until(self, predicate: Callable[[], bool], timeout: float = 3_600.0) -> None:  # noqa: ASYNC109 - as above
        deadline = self.seconds() + timeout
        while not predicate():
            assert self.seconds() < deadline, f"not within {timeout:g} virtual seconds: {self.report()}"
            await asyncio.sleep(0.01)

    def report(self) -> object:
        return [(run.id, str(run.state), self.states(run.id)) for run in self.store.dag_runs]

    def states(self, dag_run_id: int) -> dict[str, str]:
        return {row.id.task_id: str(row.state) for row in self.store.task_instances(dag_run_id)}

    def run_state(self, dag_run_id: int) -> DagRunState:
        return next(run.state for run in self.store.dag_runs if run.id == dag_run_id)

    def slots_used(self) -> tuple[int, int]:
        tables = self.store.tables
        return sum(pool.used for pool in tables.pools.values()), tables.parallelism.used

    def times(self, dag_run_id: int, task_id: str, state: TaskInstanceState) -> Sequence[datetime]:
        """When the task instance entered this state."""
        id_ = TaskInstanceId(dag_run_id, task_id)
        return [entry.now for entry in self.store.journal if entry.id == id_ and entry.to_state == state]


def in_world(
    test: Callable[[World], Coroutine[Any, Any, None]],
    *,
    store: MemoryStore | None = None,
    seed: int = 1,
    with_worker: bool = True,
) -> None:
    """Run a test, by default with a worker at hand; everything it started is ended afterwards."""

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            world = World(group, store or MemoryStore(), seed)
            if with_worker:
                world.start_worker()
                await asyncio.sleep(0)
            await test(world)
            raise _OverError

    try:
        run_in_virtual_time(main())
    except* _OverError:
        pass


class _OverError(Exception):
    """Ends the group."""
