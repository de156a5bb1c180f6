"""Slot allocation against a naive model: never too much, never less than fits, always the best first."""

from dataclasses import dataclass, field
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.core.rows import Capacity, PoolCapacity
from tradewind.core.slots import Lane, Pick, Ready, ReadyTasks, Room, TaskLimit

POOLS = ("a", "b", "nowhere")
LANES = tuple(Lane(pool, slots) for pool in POOLS for slots in (1, 2, 3))
DAGS = ("x", "y", "z")
TASKS = ("s", "t")


@dataclass
class Waiting:
    lane: Lane
    priority: int
    limits: tuple[TaskLimit, ...]


@dataclass
class ModelRun:
    dag_id: str
    limit: int
    active: int
    waiting: dict[int, Waiting] = field(default_factory=dict[int, Waiting])


class Model:
    def __init__(self, random: Random) -> None:
        self.random = random
        self.ready = ReadyTasks()
        self.runs: dict[int, ModelRun] = {}
        self.limits: dict[TaskLimit, list[int]] = {}
        """Size and how many are active."""
        self.positions = 0

    def step(self) -> None:
        often = (self.add, self.add, self.add, self.allocate, self.allocate)
        self.random.choice((*often, self.begin, self.remove, self.release, self.change_limit, self.discard))()

    def begin(self) -> None:
        dag_run_id = self.random.randint(1, 6)
        if dag_run_id not in self.runs:
            self.set_run(dag_run_id, limit=self.random.randint(0, 4), active=self.random.randint(0, 2))

    def release(self) -> None:
        for dag_run_id, run in self.some_run():
            limit = self.random.choice((run.limit, run.limit, 0, 5))
            self.set_run(dag_run_id, limit=limit, active=max(0, run.active - self.random.randint(0, 2)))

    def change_limit(self) -> None:
        for limit in self.random.sample(sorted(self.limits, key=str), k=min(1, len(self.limits))):
            self.set_limit(limit, self.random.randint(0, 3), self.random.randint(0, 3))

    def discard(self) -> None:
        for dag_run_id, _ in self.some_run():
            self.ready.discard_run(dag_run_id)
            del self.runs[dag_run_id]
            self.limits = {limit: v for limit, v in self.limits.items() if limit.dag_run_id != dag_run_id}

    def some_run(self) -> list[tuple[int, ModelRun]]:
        return [self.random.choice(list(self.runs.items()))] if self.runs else []

    def set_run(self, dag_run_id: int, *, limit: int, active: int) -> None:
        dag_id = DAGS[dag_run_id % 3]
        self.ready.set_run(dag_run_id, dag_id=dag_id, limit=limit, active=active)
        run = self.runs.setdefault(dag_run_id, ModelRun(dag_id, limit, active))
        run.limit, run.active = limit, active

    def set_limit(self, limit: TaskLimit, size: int, active: int) -> None:
        self.ready.set_limit(limit, size=size, active=active)
        self.limits[limit] = [size, active]

    def add(self) -> None:
        for dag_run_id, run in self.some_run():
            self.positions += 1
            lane, priority = self.random.choice(LANES), self.random.randint(1, 3)
            task_id = self.random.choice(TASKS)
            both = (TaskLimit(run.dag_id, task_id), TaskLimit(run.dag_id, task_id, dag_run_id))
            limits = self.random.choice(((), (), both[:1], both[1:], both))
            for limit in limits:
                if limit not in self.limits:
                    self.set_limit(limit, self.random.randint(1, 3), 0)
            for _ in range(self.random.choice((1, 1, 2))):
                self.ready.add(Ready(dag_run_id, self.positions), lane, priority, limits)
            run.waiting[self.positions] = Waiting(lane, priority, limits)

    def remove(self) -> None:
        for dag_run_id, run in self.some_run():
            for position in list(run.waiting)[:1]:
                self.ready.remove(Ready(dag_run_id, position))
                del run.waiting[position]

    def allocate(self) -> None:
        free = {pool: self.random.randint(-1, 5) for pool in ("a", "b")}
        places = self.random.randint(0, 5)
        pools = tuple(PoolCapacity(pool=pool, slots=10, used=10 - room) for pool, room in free.items())
        capacity = Capacity(pools=pools, parallelism=20, parallelism_used=20 - places)
        is_limited = any(waiting.limits for run in self.runs.values() for waiting in run.waiting.values())
        picks = self.ready.allocate(Room(capacity))
        before = {dag_run_id: run.active for dag_run_id, run in self.runs.items()}
        for pick in picks:
            # A task that was at its limit may have been set aside before its turn: it comes in a later pass then.
            self.check_fits(pick, free, places) if is_limited else self.check_best(pick, free, places)
            run = self.runs[pick.ready.dag_run_id]
            del run.waiting[pick.ready.position]
            self.hold(pick, 1)
            free[pick.lane.pool] -= pick.lane.slots
            places -= 1
        assert not self.fitting(free, places), "a task that fits was left waiting"
        if self.random.random() < 0.3:
            self.put_back(picks)
            assert {dag_run_id: run.active for dag_run_id, run in self.runs.items()} == before

    def hold(self, pick: Pick, by: int) -> None:
        self.runs[pick.ready.dag_run_id].active += by
        for limit in pick.limits:
            self.limits[limit][1] += by

    def put_back(self, picks: tuple[Pick, ...]) -> None:
        self.ready.put_back(picks)
        for pick in picks:
            run = self.runs[pick.ready.dag_run_id]
            run.waiting[pick.ready.position] = Waiting(pick.lane, pick.priority, pick.limits)
            self.hold(pick, -1)

    def fitting(self, free: dict[str, int], places: int) -> list[tuple[int, int, int, int, int]]:
        """(-priority, active of the DAG, active of the run, run, position) of every task that could start now."""
        return [
            (-task.priority, self.dag_active(run.dag_id), run.active, dag_run_id, position)
            for dag_run_id, run in self.runs.items()
            for position, task in run.waiting.items()
            if run.active < run.limit
            and places >= 1
            and free.get(task.lane.pool, 0) >= task.lane.slots
            and all(self.limits[limit][0] > self.limits[limit][1] for limit in task.limits)
        ]

    def dag_active(self, dag_id: str) -> int:
        return sum(run.active for run in self.runs.values() if run.dag_id == dag_id)

    def check_fits(self, pick: Pick, free: dict[str, int], places: int) -> None:
        assert pick.ready in [Ready(*candidate[3:]) for candidate in self.fitting(free, places)], "it has no room"

    def check_best(self, pick: Pick, free: dict[str, int], places: int) -> None:
        candidates = self.fitting(free, places)
        run = self.runs[pick.ready.dag_run_id]
        picked = (-pick.priority, self.dag_active(run.dag_id), run.active, *pick.ready)
        assert picked in candidates, "it has no room"
        assert picked[:4] == min(candidates)[:4], "another was before it"
        same_lane = [c[4] for c in candidates if c[:4] == picked[:4] and run.waiting[c[4]].lane == pick.lane]
        assert pick.ready.position == min(same_lane)


@settings(max_examples=400, deadline=None)
@given(st.integers(min_value=0, max_value=2**32))
def test_slots_go_to_the_best_that_fit_until_nothing_fits(seed: int) -> None:
    model = Model(Random(seed))
    for _ in range(120):
        model.step()
        assert len(model.ready) == sum(len(run.waiting) for run in model.runs.values())
        assert all(model.ready.has_waiting(number) == bool(run.waiting) for number, run in model.runs.items())
        wanted = [limit for run in model.runs.values() for task in run.waiting.values() for limit in task.limits]
        assert sorted(model.ready.shared_limits()) == sorted(dict.fromkeys(w for w in wanted if w.dag_run_id is None))


def test_a_dag_with_many_runs_gets_no_more_than_one_with_a_single_run() -> None:
    ready = ReadyTasks()
    for dag_run_id in range(1, 11):
        ready.set_run(dag_run_id, dag_id="many", limit=16, active=0)
    ready.set_run(11, dag_id="single", limit=16, active=0)
    for dag_run_id in range(1, 12):
        for position in range(16):
            ready.add(Ready(dag_run_id, position), Lane("a", 1), 1)
    capacity = Capacity(pools=(PoolCapacity(pool="a", slots=20, used=0),), parallelism=0, parallelism_used=0)
    picks = ready.allocate(Room(capacity))
    assert sum(pick.ready.dag_run_id == 11 for pick in picks) == 10


def test_tasks_at_their_limit_hold_up_nobody_and_cost_nothing_while_they_wait() -> None:
    ready = ReadyTasks()
    ready.set_run(1, dag_id="d", limit=16, active=0)
    limit = TaskLimit("d", "t", 1)
    ready.set_limit(limit, size=1, active=1)
    for position in range(1000):
        ready.add(Ready(1, position), Lane("a", 1), 9, (limit,))
    ready.add(Ready(1, 1000), Lane("a", 1), 1)
    capacity = Capacity(pools=(PoolCapacity(pool="a", slots=20, used=0),), parallelism=0, parallelism_used=0)
    assert [pick.ready.position for pick in ready.allocate(Room(capacity))] == [1000]
    ready.set_limit(limit, active=0)
    assert [pick.ready.position for pick in ready.allocate(Room(capacity))] == [0]
