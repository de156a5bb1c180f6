"""People in a simulated world: they clear and mark what they like, whenever they like, while everything else fails."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial
from random import Random
from uuid import UUID

from tests.simulation.invariants import ENDED, ENDED_RUNS, is_held
from tests.simulation.virtual_time import run_in_virtual_time
from tests.simulation.world import History, World, WorldOptions
from tradewind.bus.kills import push_kills
from tradewind.bus.memory import MemoryBus
from tradewind.bus.port import Message
from tradewind.core.clearing import Clearing, clear_dag_runs
from tradewind.core.marking import Marking, mark_dag_run, mark_task_instances
from tradewind.core.relatives import ChoiceRequest, Relatives
from tradewind.core.revisions import Revised, RevisionRule, RunRevision
from tradewind.core.rows import LoadedRun
from tradewind.core.spec import DagSpec
from tradewind.core.states import DagRunState, TaskInstanceState
from tradewind.wire.codec import encode
from tradewind.wire.messages import DagRunsCreated, DagRunsRevised, PastChanged, SlotsFreed
from tradewind.wire.queues import EVENTS, RUNS

MARKS = (TaskInstanceState.SUCCESS, TaskInstanceState.FAILED, TaskInstanceState.SKIPPED)
OVER = (*ENDED, TaskInstanceState.REMOVED)
NOBODY = UUID(int=0)


class PeopledWorld(World):
    """A world with a person in it."""

    def __init__(self, seed: int, options: WorldOptions) -> None:
        super().__init__(seed, options)
        self.actions: Counter[str] = Counter()
        self._person = Random(self.rng.random())

    async def _create_runs(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(super()._create_runs(), name="client")
            group.create_task(self._act(), name="person")

    async def _act(self) -> None:
        bus = MemoryBus(self.broker)
        deadline = self.loop.time() + self.options.fault_seconds
        while self.loop.time() < deadline:
            await asyncio.sleep(self._person.uniform(0.2, 6.0))
            runs = self.store.dag_runs
            if runs:
                run = self._person.choice(runs)
                rule = self._draw(run.dag_version_id, self.specs[run.dag_id])
                revised = await self.store.revise_dag_runs([run.id], rule, self.clock())
                self._after_store_call("commit_decisions")
                await self._tell(bus, revised)

    def _draw(self, version_id: UUID, spec: DagSpec) -> RevisionRule:
        action = self._person.choice(("clear", "clear", "clear_all", "mark", "mark", "mark_run"))
        self.actions[action] += 1
        task_id = self._person.choice(spec.tasks).task_id
        request = ChoiceRequest(
            markers=None if action == "clear_all" else (task_id,),
            include_upstream=self._person.random() < 0.3,
            include_downstream=self._person.random() < 0.6,
        )
        specs = {version_id: spec}
        match action:
            case "mark_run":
                return partial(_mark_runs, spec=spec, state=self._person.choice(tuple(MARKED_RUNS)))
            case "mark":
                below = dict.fromkeys(Relatives(spec).subset((task_id,), include_downstream=True))
                cleared = Clearing(specs=specs, choice=below, left_out={task_id: None}, only_failed=True)
                state = self._person.choice(MARKS)
                marking = Marking(state=state, choice={task_id: None}, cleared=cleared)
                return partial(mark_task_instances, marking=marking)
            case _:
                only_failed = self._person.random() < 0.3
                clearing = Clearing(specs=specs, choice=Relatives(spec).choice(request), only_failed=only_failed)
                return partial(clear_dag_runs, clearing=clearing)

    async def _tell(self, bus: MemoryBus, revised: Revised) -> None:
        """As the API does; any of it may be lost."""
        if not revised.revisions or not self.broker.up.is_set():
            return
        await push_kills(bus, revised.holders)
        run_ids = tuple(revision.dag_run_id for revision in revised.revisions)
        for event in (
            DagRunsRevised(dag_run_ids=run_ids),
            SlotsFreed(scheduler_id=NOBODY, pools=revised.freed_pools),
            PastChanged(scheduler_id=NOBODY, dag_ids=revised.dag_ids),
        ):
            await bus.broadcast(EVENTS, Message(body=encode(event)))
        await bus.publish(RUNS, [Message(body=encode(DagRunsCreated(revised.dag_ids)))])

    def _judge(self) -> None:
        self._note(self._left_over())
        self._note(self._code_without_permission())

    def _left_over(self) -> list[str]:
        """Every run has ended, or waits for its past; nothing is held or left to decide."""
        found: list[str] = []
        for run in self.store.dag_runs:
            rows = self.store.task_instances(run.id)
            if run.state not in ENDED_RUNS:
                if not is_held(self.store, self.specs, run.id):
                    found.append(f"{run.run_id} never ended: {run.state}, {[(*row.id, row.state) for row in rows]}")
                continue
            found += [f"{row.id} still has slots" for row in rows if row.held_slots or row.kept_slots]
            found += [f"{row.id} has an end that nobody decided upon" for row in rows if row.end_pending]
            found += [f"{row.id} is {row.state} in a run that has ended" for row in rows if row.state not in OVER]
            found += [f"{row.id} still has a trigger" for row in rows if row.attempt_id in self.store.tables.triggers]
        return found

    def _code_without_permission(self) -> list[str]:
        granted = {entry.attempt_id: None for entry in self.store.journal if entry.to_state == "running"}
        starts = Counter(one.attempt_id for one in self.executions)
        return [
            *(f"code ran without a grant: {one}" for one in self.executions if one.attempt_id not in granted),
            *(f"attempt {attempt} began {count} times" for attempt, count in starts.items() if count > 1),
        ]


MARKED_RUNS = (DagRunState.SUCCESS, DagRunState.FAILED, DagRunState.QUEUED)


def _mark_runs(runs: Sequence[LoadedRun], *, spec: DagSpec, state: DagRunState) -> Sequence[RunRevision]:
    return [mark_dag_run(run, spec, state) for run in runs]


def simulate_people(seed: int, options: WorldOptions) -> tuple[History, Counter[str]]:
    """Live one seed with a person in it; also what the person did."""

    async def life() -> tuple[History, Counter[str]]:
        world = PeopledWorld(seed, options)
        return await world.run(), world.actions

    return run_in_virtual_time(life())
