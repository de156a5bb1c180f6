"""A whole Tradewind in virtual time: the real loops of every service, on the memory bus and the in-memory store.

Everything that is drawn comes from one seed, so a seed names a history; `World.digest` shows that it does.
"""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import CollectorRegistry

from tests.simulation import services
from tests.simulation.children import Execution, SimulatedLauncher
from tests.simulation.faults import FaultRates, Faults, SimulatedStore
from tests.simulation.invariants import (
    ENDED_RUNS,
    active_limit_violations,
    history_violations,
    is_held,
    kept_slot_violations,
    outcome_violations,
    rule_violations,
    slot_violations,
    task_limit_violations,
    transition_violations,
)
from tests.simulation.plans import DEFERRING_POOLS, POOLS, draw_condition, draw_dag, draw_schedule
from tests.simulation.run_making import (
    add_backfill,
    backfill_violations,
    is_all_made,
    run_making_violations,
)
from tests.simulation.virtual_time import VirtualTimeLoop, run_in_virtual_time
from tradewind.bus.memory import MemoryBroker, MemoryBus
from tradewind.bus.port import Message
from tradewind.core.spec import DagSpec
from tradewind.db.memory.store import MemoryStore
from tradewind.wire.codec import encode
from tradewind.wire.messages import DagRunsCreated
from tradewind.wire.queues import RUNS


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldOptions:
    """How large the world is, and how bad."""

    dags: int = 3
    runs: int = 6
    parallelism: int = 6
    schedulers: int = 2
    collectors: int = 2
    dispatchers: int = 1
    workers: int = 2
    worker_concurrency: int = 3
    triggerers: int = 2
    executor: str = "CeleryExecutor"
    fault_seconds: float = 90.0
    """Faults happen for so long; then everything must come to an end."""
    quiet_seconds: float = 3600.0
    """How long that may take."""
    rates: FaultRates = field(default_factory=FaultRates)
    crashes: bool = True


@dataclass(slots=True, eq=False)
class SimulatedProcess:
    """A service that can be killed and started again."""

    name: str
    main: "Callable[[ProcessParts], Coroutine[Any, Any, None]]"
    parts: "ProcessParts | None" = None
    task: asyncio.Task[None] | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class ProcessParts:
    """What one life of a process holds: it dies with it."""

    name: str
    bus: MemoryBus
    store: SimulatedStore
    launcher: SimulatedLauncher
    clock: Callable[[], datetime]
    new_id: Callable[[], UUID]
    stop: asyncio.Event
    registry: CollectorRegistry


@dataclass(frozen=True, slots=True)
class History:
    """What happened."""

    seed: int
    digest: str
    violations: tuple[str, ...]
    executions: int
    faults: int
    ended_after_seconds: float


class World:
    """One simulated system; `run` is its whole life."""

    def __init__(self, seed: int, options: WorldOptions) -> None:
        self.seed = seed
        self.options = options
        self.rng = Random(seed)
        self.loop = asyncio.get_running_loop()
        assert isinstance(self.loop, VirtualTimeLoop)
        self.clock = self.loop.now
        self.faults = Faults(Random(self.rng.random()), options.rates)
        self.broker = MemoryBroker(deliver=self.faults.deliver)
        self.store = MemoryStore()
        self.specs: dict[str, DagSpec] = {}
        self.executions: list[Execution] = []
        self.violations: list[str] = []
        self.fault_count = 0
        self._ids = Random(self.rng.random())
        self._journal_seen = 0
        self._processes = [SimulatedProcess(name, main) for name, main in services.processes(options)]

    def new_id(self) -> UUID:
        return UUID(int=self._ids.getrandbits(128), version=4)

    async def run(self) -> History:
        """Start everything, let faults happen, let it come to an end, look at what is left."""
        await self._furnish()
        async with asyncio.TaskGroup() as group:
            for process in self._processes:
                self._start(group, process)
            clients = group.create_task(self._create_runs(), name="client")
            if self.options.crashes:
                await self._let_faults_happen(group)
            else:
                await asyncio.sleep(self.options.fault_seconds)
            self.faults.active = False
            await clients
            ended_at = await self._come_to_an_end()
            for process in self._processes:
                self._kill(process)
        self._judge()
        return History(
            self.seed, self.digest(), tuple(self.violations), len(self.executions), self.fault_count, ended_at
        )

    async def _furnish(self) -> None:
        for name, slots in POOLS.items():
            await self.store.set_pool(name, slots, include_deferred=name in DEFERRING_POOLS)
        await self.store.set_parallelism(self.options.parallelism)
        for number in range(self.options.dags):
            drawn = draw_dag(self.rng, number)
            is_consumer = number == self.options.dags - 1 and number > 0
            with_runs = draw_condition(self.rng, drawn) if is_consumer else draw_schedule(self.rng, drawn, self.clock())
            spec = self.specs[with_runs.dag_id] = with_runs
            await self.store.write_dag_file(spec.relative_fileloc, "digest", [spec], self.clock())

    async def _create_runs(self) -> None:
        bus = MemoryBus(self.broker)
        for number in range(self.options.runs):
            await asyncio.sleep(self.rng.uniform(0.0, self.options.fault_seconds / self.options.runs))
            dag_id = self.rng.choice(list(self.specs))
            now = self.clock()
            await self.store.create_dag_run(dag_id=dag_id, run_id=f"run_{number}", now=now, logical_date=now)
            if self.rng.random() < 0.1:
                add_backfill(self.rng, self.store, dag_id, now)
            if self.broker.up.is_set():
                await bus.publish(RUNS, [Message(body=encode(DagRunsCreated((dag_id,))))])

    def _start(self, group: asyncio.TaskGroup, process: SimulatedProcess) -> None:
        parts = ProcessParts(
            name=process.name,
            bus=MemoryBus(self.broker),
            store=SimulatedStore(self.store, self.faults, self._after_store_call),
            launcher=SimulatedLauncher(
                worker=process.name,
                specs=self.specs,
                seed=self.seed,
                clock=self.clock,
                faults=self.faults.of_children(),
                executions=self.executions,
            ),
            clock=self.clock,
            new_id=self.new_id,
            stop=asyncio.Event(),
            registry=CollectorRegistry(),
        )
        process.parts = parts
        process.task = group.create_task(self._live(process, parts), name=process.name)

    async def _live(self, process: SimulatedProcess, parts: ProcessParts) -> None:
        try:
            await process.main(parts)
        except Exception as exc:
            if process.parts is parts:
                self.violations.append(f"{process.name} died by itself at {self.clock()}: {exc!r}")

    def _kill(self, process: SimulatedProcess) -> None:
        """As SIGKILL would: nothing that it does from now on has any effect."""
        parts, task = process.parts, process.task
        process.parts = process.task = None
        if parts is None or task is None:
            return
        parts.launcher.crash()
        parts.store.crash()
        parts.bus.crash()
        task.cancel()

    async def _let_faults_happen(self, group: asyncio.TaskGroup) -> None:
        deadline = self.loop.time() + self.options.fault_seconds
        while self.loop.time() < deadline:
            await asyncio.sleep(self.rng.uniform(0.5, 12.0))
            self.fault_count += 1
            match self.rng.choice(("kill", "kill", "kill", "pair", "stall", "stall", "database", "broker", "stop")):
                case "database":
                    self.faults.database_is_up = False
                    await asyncio.sleep(self.rng.choice((0.3, 4.0, 25.0)))
                    self.faults.database_is_up = True
                case "broker":
                    self.broker.stop()
                    await asyncio.sleep(self.rng.choice((0.3, 4.0, 25.0)))
                    self.broker.start()
                case "stall":
                    parts = self.rng.choice(self._processes).parts
                    if parts is not None:
                        parts.store.stall(self.rng.choice((3.0, 14.0, 30.0)))
                case "stop":
                    await self._restart_gracefully(group, self.rng.choice(self._processes))
                case kind:
                    victims = self.rng.sample(self._processes, 2 if kind == "pair" else 1)
                    for victim in victims:
                        self._kill(victim)
                    await asyncio.sleep(self.rng.choice((0.0, 1.0, 15.0)))
                    for victim in victims:
                        self._start(group, victim)

    async def _restart_gracefully(self, group: asyncio.TaskGroup, process: SimulatedProcess) -> None:
        if process.parts is None or process.task is None:
            return
        process.parts.stop.set()
        await asyncio.wait([process.task], timeout=30.0)
        self._kill(process)
        self._start(group, process)

    async def _come_to_an_end(self) -> float:
        began = self.loop.time()
        while self.loop.time() < began + self.options.quiet_seconds:
            await asyncio.sleep(1.0)
            if is_all_made(self.store, self.specs) and all(
                run.state in ENDED_RUNS or is_held(self.store, self.specs, run.id) for run in self.store.dag_runs
            ):
                break
        ended_after = self.loop.time() - began
        await asyncio.sleep(70.0)
        return ended_after

    def _after_store_call(self, name: str) -> None:
        if name in _CHANGES_SLOTS:
            self._note(slot_violations(self.store))
            self._note(active_limit_violations(self.store, self.specs))
            self._note(task_limit_violations(self.store, self.specs))
            self._note(kept_slot_violations(self.store, self.specs))
            self._note(backfill_violations(self.store))
        for entry in self.store.journal[self._journal_seen :]:
            self._note(transition_violations(entry))
        self._journal_seen = len(self.store.journal)

    def _judge(self) -> None:
        self._note(outcome_violations(self.store, self.specs))
        self._note(rule_violations(self.store, self.specs))
        self._note(history_violations(self.store, self.executions, self.specs))
        self._note(run_making_violations(self.store, self.specs))

    def _note(self, found: list[str]) -> None:
        self.violations.extend(f"{self.clock():%H:%M:%S.%f} {text}" for text in found[:20])

    def digest(self) -> str:
        """The history in short: equal histories, equal digests."""
        text = repr((list(self.store.journal), self.executions))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


_CHANGES_SLOTS = ("commit_decisions", "recount_slots", "record_ends", "start_dag_runs", "fire_triggers")


def simulate(seed: int, options: WorldOptions | None = None) -> History:
    """Live one seed."""

    async def life() -> History:
        return await World(seed, options or WorldOptions()).run()

    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), cache_logger_on_first_use=False)
    try:
        return run_in_virtual_time(life())
    finally:
        structlog.reset_defaults()
