"""The place that a waiting task is told to have is the one in which the scheduler's allocation takes it."""

from dataclasses import dataclass
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dag_specs import NOW, dag, dag_run, task
from tradewind.core.explain.explaining import explain
from tradewind.core.explain.values import Circumstances, PoolQueue, Waiting
from tradewind.core.rows import Capacity, LoadedRun, PoolCapacity, TaskInstanceId, TaskInstanceRow
from tradewind.core.slots import Lane, Ready, ReadyTasks, Room
from tradewind.core.snapshot import DagPlan, RunSnapshot
from tradewind.core.states import TaskInstanceState

FULL = Capacity(pools=(PoolCapacity(pool="default_pool", slots=0, used=0),), parallelism=0, parallelism_used=0)
EMPTY = Capacity(pools=(PoolCapacity(pool="default_pool", slots=-1, used=0),), parallelism=0, parallelism_used=0)


@dataclass(frozen=True, slots=True)
class Member:
    """A task of a run: it waits, or it is active."""

    dag_id: str
    dag_run_id: int
    position: int
    priority: int
    slots: int
    is_active: bool


def random_members(random: Random) -> list[Member]:
    return [
        Member(f"dag{run % 3}", run, position, random.randint(1, 3), random.randint(1, 2), random.random() < 0.3)
        for run in range(1, random.randint(2, 7))
        for position in range(random.randint(1, 4))
    ]


def taken(members: list[Member]) -> list[Ready]:
    """In the order of one allocation with room for all."""
    tasks = ReadyTasks()
    for run_id, dag_id in dict.fromkeys((each.dag_run_id, each.dag_id) for each in members):
        tasks.set_run(run_id, dag_id=dag_id, limit=1_000, active=active(members, run_id=run_id))
    for each in members:
        if not each.is_active:
            tasks.add(Ready(each.dag_run_id, each.position), Lane("default_pool", each.slots), each.priority)
    return [pick.ready for pick in tasks.allocate(Room(EMPTY))]


def active(members: list[Member], *, run_id: int | None = None, dag_id: str | None = None) -> int:
    return sum(each.is_active and (each.dag_run_id == run_id or each.dag_id == dag_id) for each in members)


def told(members: list[Member], asked: Member) -> int:
    """The place of one of them, from what is read for it."""
    own = [each for each in members if each.dag_run_id == asked.dag_run_id]
    spec = dag(
        *(task(f"t{each.position}", priority_weight=each.priority, pool_slots=each.slots) for each in own),
        dag_id=asked.dag_id,
        max_active_tasks=1_000,
    )
    rows = tuple(
        TaskInstanceRow(
            id=TaskInstanceId(asked.dag_run_id, f"t{each.position}"),
            state=TaskInstanceState.RUNNING if each.is_active else TaskInstanceState.SCHEDULED,
            held_slots=each.slots if each.is_active else 0,
        )
        for each in own
    )
    run = dag_run(id=asked.dag_run_id, dag_id=asked.dag_id)
    others = [
        Waiting(
            dag_id=each.dag_id,
            dag_run_id=each.dag_run_id,
            dag_active=active(members, dag_id=each.dag_id),
            run_active=active(members, run_id=each.dag_run_id),
            priority=each.priority,
            slots=each.slots,
        )
        for each in members
        if each.dag_run_id != asked.dag_run_id and not each.is_active and each.priority >= asked.priority
    ]
    waiting = sum(not each.is_active for each in members)
    queue = PoolQueue(others=tuple(others), own_dag_active=active(members, dag_id=asked.dag_id), count=waiting)
    snapshot = RunSnapshot(LoadedRun(run=run, task_instances=rows), DagPlan(spec))
    order = explain(snapshot, asked.position, Circumstances(capacity=FULL, queue=queue), NOW).order
    assert order is not None
    assert (order.waiting, order.is_at_least) == (waiting, False)
    return order.place


@settings(max_examples=150, deadline=None)
@given(st.integers(min_value=0, max_value=2**32))
def test_places_are_those_of_the_allocation(seed: int) -> None:
    members = random_members(Random(seed))
    order = taken(members)
    for each in members:
        if not each.is_active:
            assert order[told(members, each) - 1] == Ready(each.dag_run_id, each.position)
