"""Row 11: tasks that cannot run, but come first, hide those that could."""

from dataclasses import dataclass

import pytest

from tests.pitfalls.stage import Scene, Stage, dag_of, play
from tests.simulation.plans import Behaviour
from tradewind.core.rows import Capacity, PoolCapacity
from tradewind.core.slots import Pick, ReadyTasks, Room
from tradewind.core.spec import TaskSpec
from tradewind.core.states import Outcome

BLOCKED = 40
LOOKED_AT = 32
"""As many as Airflow's `max_tis_per_query` lets it look at, twice over."""


@dataclass(slots=True, kw_only=True)
class FullPool(Scene):
    """Forty important tasks want a pool with one slot; unimportant ones of another DAG want a free pool."""

    def behaviour(self, task_id: str, try_number: int) -> Behaviour:
        seconds = 20.0 if task_id.startswith("important") else 1.0
        return Behaviour(seconds=seconds, outcome=Outcome.SUCCESS, map_length=1)

    async def happen(self, stage: Stage) -> None:
        await stage.until(lambda: stage.starts("important_0") > 0)

    def harm(self, stage: Stage) -> list[str]:
        begun = {execution.key.task_id: execution.at for execution in stage.executions}
        (row,) = (row for row in stage.rows() if row.id.task_id == "unimportant")
        waited = (begun["unimportant"] - (row.scheduled_at or begun["unimportant"])).total_seconds()
        return [f"it waited {waited} s for a free slot"] if waited > 5.0 else []


def scene() -> FullPool:
    important = (
        TaskSpec(task_id=f"important_{n}", pool="single", priority_weight=100, weight_rule="absolute")
        for n in range(BLOCKED)
    )
    return FullPool(dags=(dag_of("first", *important), dag_of("second", TaskSpec(task_id="unimportant"))))


def test_who_cannot_run_holds_up_nobody() -> None:
    assert play(scene()) == []


def test_the_first_few_by_priority_would_fill_the_view(monkeypatch: pytest.MonkeyPatch) -> None:
    right = ReadyTasks.allocate

    def shortsighted(self: ReadyTasks, room: Room) -> tuple[Pick, ...]:
        """Look at the first few, then filter them."""
        pools = tuple(PoolCapacity(pool=name, slots=-1, used=0) for name in ("default_pool", "single"))
        seen = right(self, Room(Capacity(pools=pools, parallelism=0, parallelism_used=0)))
        picked: list[Pick] = []
        for pick in seen[:LOOKED_AT]:
            if room.fits(pick.lane):
                room.take(pick.lane)
                picked.append(pick)
        self.put_back([pick for pick in seen if pick not in picked])
        return tuple(picked)

    monkeypatch.setattr(ReadyTasks, "allocate", shortsighted)
    assert play(scene())
