"""What people are told is what schedulers do: over runs of random DAGs, in random circumstances."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dag_specs import dag_run
from tests.property.test_dependencies import STEPS_MAX, World
from tradewind.core.batches import lane_of, limits_of
from tradewind.core.decide import decide
from tradewind.core.explain import decision, room
from tradewind.core.explain.explaining import explain
from tradewind.core.explain.values import AttemptSeen, Circumstances, Explanation, SchedulerSeen, Stage
from tradewind.core.explain.view import WAITING_FOR_SLOTS
from tradewind.core.gates import Outside, Past, past_gate, task_limits
from tradewind.core.rows import Capacity, DagRunRow, LoadedRun, PoolCapacity
from tradewind.core.slots import Ready, ReadyTasks, Room
from tradewind.core.snapshot import COUNTED_STATES, DagPlan, RunSnapshot
from tradewind.core.spec import TaskSpec
from tradewind.core.states import DagRunState, TaskInstanceState

S = TaskInstanceState
NOT_WEIGHED = ("order", "scheduler")
"""Gates of room that compare the task with others, and with moments."""
SEEDS = 300
"""At most so many runs for a mutant."""


class Asked:
    """One task instance of a snapshot, in circumstances drawn at random."""

    def __init__(
        self, random: Random, snapshot: RunSnapshot, position: int, now_shift: timedelta, world: World
    ) -> None:
        self.snapshot = snapshot
        self.position = position
        self.now = world.now + now_shift
        self.seen = random_circumstances(random, self.task)
        self.explanation = explain(snapshot, position, self.seen, self.now)

    @property
    def task(self) -> TaskSpec:
        return self.snapshot.task(self.position)

    @property
    def state(self) -> TaskInstanceState:
        return self.snapshot.states[self.position]

    @property
    def is_wanted(self) -> bool:
        """By the gates of deciding."""
        return all(gate.is_open for gate in self.explanation.gates if gate.stage is Stage.DECISION)

    @property
    def has_room(self) -> bool:
        """By the gates of room."""
        gates = [gate for gate in self.explanation.gates if gate.stage is Stage.SLOTS]
        return all(gate.is_open for gate in gates if gate.name not in NOT_WEIGHED)

    def is_started(self) -> bool:
        """By the scheduler: as soon as it looks at this instance, it wants to queue it, or does it all by itself."""
        place = self.snapshot.instances.task(self.position)
        past: dict[int, bool] = {}
        if self.seen.past is not None:
            past[place] = past_gate(self.snapshot.plan.spec, self.task, self.seen.past).is_open
        decided = decide(self.snapshot, (), [self.position], self.now, Outside(past=past))
        is_done = any(each.position == self.position and each.state is S.SUCCESS for each in decided.settled)
        is_expanded = any(each.place == self.position for each in decided.grown)
        is_deferred = any(each.position == self.position for each in decided.deferred)
        return self.position in decided.ready or is_done or is_expanded or is_deferred

    def gets_slots(self) -> bool:
        """By the scheduler's allocation, if nobody else wanted any."""
        run, tasks = self.snapshot.run, ReadyTasks()
        limit = 0 if run.dag_is_paused else self.snapshot.plan.spec.max_active_tasks
        tasks.set_run(run.id, dag_id=run.dag_id, limit=limit, active=self.snapshot.active)
        for own, size in task_limits(run.dag_id, run.id, self.task).items():
            place = self.snapshot.instances.task(self.position)
            is_shared = own.dag_run_id is None
            active = self.seen.active_in_dag if is_shared else self.snapshot.active_by_place[place]
            tasks.set_limit(own, size=size, active=active)
        ready = Ready(run.id, self.position)
        lane = lane_of(self.snapshot, self.position)
        tasks.add(ready, lane, self.snapshot.priority(self.position), limits_of(self.snapshot, self.position))
        return bool(tasks.allocate(Room(self.seen.capacity)))


def random_circumstances(random: Random, task: TaskSpec) -> Circumstances:
    pools = [PoolCapacity(pool="default_pool", slots=random.choice((-1, 0, 1, 4)), used=random.randint(0, 4))]
    past = Past(run_id=random.choice((None, "before")), found=1, unsuccessful=random.randint(0, 1))
    return Circumstances(
        capacity=Capacity(
            pools=tuple(pools[random.random() < 0.1 :]),
            parallelism=random.choice((0, 2)),
            parallelism_used=random.randint(0, 2),
        ),
        past=past if task.depends_on_past else None,
        active_in_dag=None if task.max_active_tis_per_dag is None else random.randint(0, 3),
        scheduler=random.choice(
            (
                SchedulerSeen(),
                SchedulerSeen(alive=1),
                SchedulerSeen(owner_age_seconds=1.0, owner_is_alive=True, alive=1),
            )
        ),
        attempt=AttemptSeen(executor="CeleryExecutor", publish_count=1),
        executors=("CeleryExecutor",),
    )


def random_plan(random: Random, plan: DagPlan) -> DagPlan:
    """The DAG with limits and a past."""
    tasks = tuple(
        replace(
            each,
            depends_on_past=random.random() < 0.3,
            start_trigger={"classpath": "a.B"} if random.random() < 0.2 else None,
            pool_slots=random.randint(1, 2),
            max_active_tis_per_dag=random.choice((None, None, 2)),
            max_active_tis_per_dagrun=random.choice((None, None, 1)),
        )
        for each in plan.tasks
    )
    return DagPlan(replace(plan.spec, tasks=tasks, max_active_tasks=random.randint(1, 3)))


def random_run(random: Random, now: datetime) -> DagRunRow:
    timeout_at = random.choice((None, None, now + timedelta(seconds=random.choice((0, 10)))))
    return dag_run(dag_is_paused=random.random() < 0.2, timeout_at=timeout_at)


def asked(world: World) -> Iterator[Asked]:
    """Each instance of the run, as its rows tell: they may be ahead of what the scheduler knows."""
    random = world.random
    loaded = LoadedRun(run=random_run(random, world.now), task_instances=tuple(world.rows.values()))
    snapshot = RunSnapshot(loaded, random_plan(random, world.plan))
    for position in range(len(snapshot.states)):
        if not snapshot.instances.is_replaced(position):
            yield Asked(random, snapshot, position, timedelta(seconds=random.choice((0, 5, 100))), world)


def check(each: Asked) -> None:
    told = each.explanation
    assert told.summary
    assert all(gate.reason for gate in told.gates)
    if each.state in COUNTED_STATES:
        assert [gate.name for gate in told.gates] == ["outcome"]
        return
    assert each.state is S.RUNNING or not all(gate.is_open for gate in told.gates), told
    if each.state in WAITING_FOR_SLOTS:
        assert each.is_wanted is each.is_started(), told
        if all(gate.name != "no_slots" for gate in told.gates):
            assert each.has_room is each.gets_slots(), told
    else:
        assert each.is_wanted, told
    check_order(told)


def check_order(told: Explanation) -> None:
    if told.order is not None:
        assert 1 <= told.order.place <= told.order.waiting


def run_to_the_end(seed: int) -> None:
    world = World(Random(seed))
    for _ in range(STEPS_MAX):
        for each in asked(world):
            check(each)
        if world.run_state is not DagRunState.RUNNING:
            return
        world.step()


@settings(max_examples=60, deadline=None)
@given(st.integers(min_value=0, max_value=2**32))
def test_gates_are_open_exactly_where_the_scheduler_goes_on(seed: int) -> None:
    run_to_the_end(seed)


MUTANTS = {
    "setups are not shown": (decision, "_setups"),
    "lengths are not shown": (decision, "_mapping"),
    "the past is not shown": (decision, "_past"),
    "timers are not shown": (decision, "_timer"),
    "the run's timeout is not shown": (decision, "_run_timeout"),
    "branches are not shown": (decision, "_skip_request"),
    "limits of tasks are not shown": (room, "_own_limits"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_gate_that_is_left_out_is_missed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*MUTANTS[name], _no_gates)
    with pytest.raises(AssertionError):
        run_all()


def _no_gates(*_: object) -> tuple[()]:
    return ()


def run_all() -> None:
    for seed in range(SEEDS):
        run_to_the_end(seed)
