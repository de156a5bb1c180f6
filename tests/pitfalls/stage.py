"""A stage for one fault: the simulated system with given DAGs and runs, in which nothing goes wrong by itself.

A scene says what goes wrong and what would be harm. Everything runs in virtual time, so hours cost milliseconds, and
a guard that is taken away shows at once.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from unittest.mock import patch

import structlog

from tests.simulation import children
from tests.simulation.faults import FaultRates
from tests.simulation.plans import POOLS, Behaviour
from tests.simulation.virtual_time import run_in_virtual_time
from tests.simulation.world import SimulatedProcess, World, WorldOptions
from tradewind.bus.memory import MemoryBroker
from tradewind.bus.port import Message
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.core.states import DagRunState, Outcome, TaskInstanceState
from tradewind.db.memory.tables import TaskInstanceTableRow
from tradewind.wire.codec import UndecodableMessage, decode

CALM = FaultRates(
    lost=0.0,
    doubled=0.0,
    delayed=0.0,
    refused=0.0,
    answer_lost=0.0,
    launch_fails=0.0,
    dies_before_start=0.0,
    child_killed=0.0,
)
QUIET_SECONDS = 240.0
"""What has not ended by then hangs."""

MessageT = TypeVar("MessageT")

LATENCY = (0.001,)
TWICE = (0.001, 0.002)
LOST: tuple[float, ...] = ()


def is_message(message: Message, kind: type[MessageT]) -> MessageT | None:
    """The message if it is of this kind."""
    try:
        return decode(message.body, kind)
    except UndecodableMessage:
        return None


def dag_of(dag_id: str, *tasks: TaskSpec, max_active_tasks: int = 64) -> DagSpec:
    """A DAG that is not paused."""
    return DagSpec(
        dag_id=dag_id,
        relative_fileloc=f"{dag_id}.py",
        tasks=tasks,
        is_paused_upon_creation=False,
        max_active_tasks=max_active_tasks,
    )


@dataclass(slots=True, kw_only=True)
class Scene:
    """One fault, provoked. What subclasses do not say is calm."""

    dags: tuple[DagSpec, ...]
    runs: tuple[tuple[str, str], ...] = ()
    """(dag id, run id), made at the beginning; without any, one run of each DAG."""
    options: WorldOptions = field(
        default_factory=lambda: WorldOptions(rates=CALM, fault_seconds=0.0, quiet_seconds=QUIET_SECONDS, parallelism=0)
    )
    task_seconds: float = 1.0

    def behaviour(self, task_id: str, try_number: int) -> Behaviour:
        """What a try does."""
        return Behaviour(seconds=self.task_seconds, outcome=Outcome.SUCCESS, map_length=1)

    def deliver(self, queue: str, message: Message) -> Sequence[float]:
        """After how many seconds each copy of a message arrives; none = it is lost."""
        return LATENCY

    async def happen(self, stage: "Stage") -> None:
        """What goes wrong."""

    def harm(self, stage: "Stage") -> list[str]:
        """What a user would complain of."""
        return stage.unfinished() + stage.broken_rules()


class Stage(World):
    """The system while a scene is played on it."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(0, scene.options)
        self._scene = scene
        self.broker = MemoryBroker(deliver=scene.deliver)
        self._group: asyncio.TaskGroup | None = None
        self.calls: Counter[str] = Counter()
        """What services asked the store, and how often."""

    def process(self, name: str) -> SimulatedProcess:
        """A service by name: `worker-0`, say."""
        return next(process for process in self._processes if process.name == name)

    def kill(self, *names: str) -> None:
        """As SIGKILL would."""
        for name in names:
            self._kill(self.process(name))

    def start(self, *names: str) -> None:
        """Start again what was killed."""
        assert self._group is not None
        for name in names:
            self._start(self._group, self.process(name))

    def stop(self, name: str) -> None:
        """As SIGTERM would."""
        parts = self.process(name).parts
        assert parts is not None
        parts.stop.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Until it holds, or for so long that it never will."""
        deadline = self.loop.time() + QUIET_SECONDS
        while not condition():
            assert self.loop.time() < deadline, "what the scene waits for does not happen"
            await asyncio.sleep(0.01)

    async def wait_for(self, task_id: str, state: TaskInstanceState) -> TaskInstanceTableRow:
        """Until the first instance of the task is in this state."""

        def found() -> list[TaskInstanceTableRow]:
            return [row for row in self.rows() if row.id.task_id == task_id and row.state is state]

        await self.until(lambda: bool(found()))
        return found()[0]

    def worker_of(self, row: TaskInstanceTableRow) -> tuple[str, str]:
        """Who runs it: the service's name, and the worker's."""
        worker_id = row.worker_id or ""
        return next(process.name for process in self._processes if worker_id.startswith(process.name)), worker_id

    def rows(self) -> list[TaskInstanceTableRow]:
        """All task instances."""
        return [row for run in self.store.dag_runs for row in self.store.task_instances(run.id)]

    def starts(self, task_id: str) -> int:
        """How often the task's code began."""
        return sum(execution.key.task_id == task_id for execution in self.executions)

    def unfinished(self) -> list[str]:
        """Runs that did not succeed."""
        return [f"run {run.run_id} is {run.state}" for run in self.store.dag_runs if run.state != DagRunState.SUCCESS]

    def run_twice(self) -> list[str]:
        """Tries whose code began more than once."""
        begun = [(execution.key, execution.has_waited) for execution in self.executions]
        return [
            f"{key} began {begun.count((key, waited))} times"
            for key, waited in dict.fromkeys(begun)
            if begun.count((key, waited)) > 1
        ]

    def broken_rules(self) -> list[str]:
        """What the simulation's own judgement says."""
        return list(self.violations)

    def _after_store_call(self, name: str) -> None:
        self.calls[name] += 1
        super()._after_store_call(name)

    async def _furnish(self) -> None:
        for name, slots in POOLS.items():
            await self.store.set_pool(name, slots, include_deferred=False)
        await self.store.set_parallelism(self.options.parallelism)
        for spec in self._scene.dags:
            self.specs[spec.dag_id] = spec
            await self.store.write_dag_file(spec.relative_fileloc, "digest", [spec], self.clock())

    async def _create_runs(self) -> None:
        now = self.clock()
        for place, (dag_id, run_id) in enumerate(self._scene.runs or [(dag.dag_id, "run") for dag in self._scene.dags]):
            logical_date = now + timedelta(seconds=place)
            await self.store.create_dag_run(dag_id=dag_id, run_id=run_id, now=now, logical_date=logical_date)

    async def _let_faults_happen(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        await self._scene.happen(self)


def play(scene: Scene) -> list[str]:
    """The harm that was done."""
    harm: list[str] = []

    async def life() -> None:
        stage = Stage(scene)
        await stage.run()
        harm.extend(scene.harm(stage))

    def behave(_seed: int, _spec: DagSpec, _run: str, task_id: str, try_number: int, *_: int, **__: bool) -> Behaviour:
        return scene.behaviour(task_id, try_number)

    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), cache_logger_on_first_use=False)
    try:
        with patch.object(children, "behaviour", behave):
            run_in_virtual_time(life())
    finally:
        structlog.reset_defaults()
    return harm
