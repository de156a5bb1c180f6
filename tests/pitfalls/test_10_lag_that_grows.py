"""Row 10: the more DAG runs there are, the longer each decision takes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from tests.pitfalls.stage import Scene, Stage, dag_of, play
from tests.simulation.plans import Behaviour
from tradewind.core.snapshot import RunSnapshot
from tradewind.core.spec import TaskSpec
from tradewind.core.states import Outcome
from tradewind.scheduler.run_cache import ByteLru

CHAIN = 12
IDLE_RUNS = 25


@dataclass(slots=True, kw_only=True)
class ManyRuns(Scene):
    """A chain runs beside many runs in which nothing happens."""

    reads: Counter[str] = field(default_factory=Counter[str])

    def behaviour(self, task_id: str, try_number: int) -> Behaviour:
        seconds = 100.0 if task_id == "long" else 1.0
        return Behaviour(seconds=seconds, outcome=Outcome.SUCCESS, map_length=1)

    async def happen(self, stage: Stage) -> None:
        await stage.until(lambda: stage.starts("long") == IDLE_RUNS and stage.starts("t00") == 1)
        begun = Counter(stage.calls)
        await stage.until(lambda: stage.starts(f"t{CHAIN - 1:02}") == 1)
        self.reads = stage.calls - begun

    def harm(self, stage: Stage) -> list[str]:
        reads = self.reads["load_dag_runs"]
        return [f"runs were read {reads} times while {CHAIN} tasks ended"] if reads >= CHAIN // 2 else []


def scene() -> ManyRuns:
    names = [f"t{n:02}" for n in range(CHAIN)]
    chain = [
        TaskSpec(
            task_id=name,
            upstream_task_ids=tuple(names[place - 1 : place]) if place else (),
            downstream_task_ids=tuple(names[place + 1 : place + 2]),
        )
        for place, name in enumerate(names)
    ]
    runs = (("chain", "run"), *(("idle", f"run_{n}") for n in range(IDLE_RUNS)))
    idle = replace(dag_of("idle", TaskSpec(task_id="long")), max_active_runs=IDLE_RUNS)
    made = ManyRuns(dags=(dag_of("chain", *chain), idle), runs=runs)
    made.options = replace(made.options, worker_concurrency=IDLE_RUNS)
    return made


def test_an_end_costs_what_it_changes() -> None:
    assert play(scene()) == []


def test_without_memory_of_runs_each_end_would_read_them_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(self: ByteLru[int, RunSnapshot]) -> Sequence[int]:
        dropped = list(self)
        for key in dropped:
            self.drop(key)
        return dropped

    monkeypatch.setattr(ByteLru, "shrink", forget)
    assert play(scene())
