"""Slot allocation against a naive model: never too much, never less than fits, always the best first."""

from dataclasses import dataclass, field
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.core.rows import Capacity, PoolCapacity
from tradewind.core.slots import Lane, Pick, Ready, ReadyTasks, Room

POOLS = ("a", "b", "nowhere")
LANES = tuple(Lane(pool, slots) for pool in POOLS for slots in (1, 2, 3))


@dataclass
class ModelRun:
    limit: int
    active: int
    waiting: dict[int, tuple[Lane, int]] = field(default_factory=dict[int, tuple[Lane, int]])


class Model:
    def __init__(self, random: Random) -> None:
        self.random = random
        self.ready = ReadyTasks()
        self.runs: dict[int, ModelRun] = {}
        self.positions = 0

    def step(self) -> None:
        match self.random.choice(("run", "add", "add", "add", "remove", "release", "discard", "allocate", "allocate")):
            case "run":
                dag_run_id = self.random.randint(1, 6)
                if dag_run_id not in self.runs:
                    self.set_run(dag_run_id, limit=self.random.randint(0, 4), active=self.random.randint(0, 2))
            case "add":
                self.add()
            case "remove":
                self.remove()
            case "release":
                for dag_run_id, run in self.some_run():
                    limit = self.random.choice((run.limit, run.limit, 0, 5))
                    self.set_run(dag_run_id, limit=limit, active=max(0, run.active - self.random.randint(0, 2)))
            case "discard":
                for dag_run_id, _ in self.some_run():
                    self.ready.discard_run(dag_run_id)
                    del self.runs[dag_run_id]
            case _:
                self.allocate()

    def some_run(self) -> list[tuple[int, ModelRun]]:
        return [self.random.choice(list(self.runs.items()))] if self.runs else []

    def set_run(self, dag_run_id: int, *, limit: int, active: int) -> None:
        self.ready.set_run(dag_run_id, limit=limit, active=active)
        run = self.runs.setdefault(dag_run_id, ModelRun(limit, active))
        run.limit, run.active = limit, active

    def add(self) -> None:
        for dag_run_id, run in self.some_run():
            self.positions += 1
            lane, priority = self.random.choice(LANES), self.random.randint(1, 3)
            for _ in range(self.random.choice((1, 1, 2))):
                self.ready.add(Ready(dag_run_id, self.positions), lane, priority)
            run.waiting[self.positions] = (lane, priority)

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
        picks = self.ready.allocate(Room(capacity))
        before = {dag_run_id: run.active for dag_run_id, run in self.runs.items()}
        for pick in picks:
            self.check_best(pick, free, places)
            run = self.runs[pick.ready.dag_run_id]
            del run.waiting[pick.ready.position]
            run.active += 1
            free[pick.lane.pool] -= pick.lane.slots
            places -= 1
        assert not self.fitting(free, places), "a task that fits was left waiting"
        if self.random.random() < 0.3:
            self.put_back(picks)
            assert {dag_run_id: run.active for dag_run_id, run in self.runs.items()} == before

    def put_back(self, picks: tuple[Pick, ...]) -> None:
        self.ready.put_back(picks)
        for pick in picks:
            run = self.runs[pick.ready.dag_run_id]
            run.waiting[pick.ready.position] = (pick.lane, pick.priority)
            run.active -= 1

    def fitting(self, free: dict[str, int], places: int) -> list[tuple[int, int, int, int]]:
        """(-priority, active, run, position) of every task that could start now."""
        return [
            (-priority, run.active, dag_run_id, position)
            for dag_run_id, run in self.runs.items()
            for position, (lane, priority) in run.waiting.items()
            if run.active < run.limit and places >= 1 and free.get(lane.pool, 0) >= lane.slots
        ]

    def check_best(self, pick: Pick, free: dict[str, int], places: int) -> None:
        candidates = self.fitting(free, places)
        active = self.runs[pick.ready.dag_run_id].active
        picked = (-pick.priority, active, pick.ready.dag_run_id, pick.ready.position)
        assert picked in candidates, "it has no room"
        assert picked[:3] == min(candidates)[:3], "another was before it"
        same_lane = [c[3] for c in candidates if c[:3] == picked[:3] and self.lane_of(c) == pick.lane]
        assert pick.ready.position == min(same_lane)

    def lane_of(self, candidate: tuple[int, int, int, int]) -> Lane:
        return self.runs[candidate[2]].waiting[candidate[3]][0]


@settings(max_examples=300, deadline=None)
@given(st.integers(min_value=0, max_value=2**32))
def test_slots_go_to_the_best_that_fit_until_nothing_fits(seed: int) -> None:
    model = Model(Random(seed))
    for _ in range(120):
        model.step()
        assert len(model.ready) == sum(len(run.waiting) for run in model.runs.values())
        assert all(model.ready.has_waiting(number) == bool(run.waiting) for number, run in model.runs.items())
