"""Row 25: runs by assets are made twice, or not at all, when several schedulers look at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from tests.pitfalls.stage import CALM, TWICE, Scene, Stage, dag_of, play
from tests.simulation.plans import ASSETS
from tests.simulation.test_mutants import MUTANTS, RULE_MUTANTS
from tests.simulation.world import WorldOptions
from tradewind.bus.port import Message
from tradewind.core.spec import DagSpec, TaskSpec, TimetableSpec
from tradewind.core.states import DagRunState

ASSET = ASSETS[0]
RUNS = 5


@dataclass(slots=True, kw_only=True)
class ManyLookers(Scene):
    """Three schedulers, every message comes twice, one of them dies in between."""

    def deliver(self, queue: str, message: Message) -> Sequence[float]:
        return TWICE

    async def happen(self, stage: Stage) -> None:
        await stage.until(lambda: stage.starts("write") > 1)
        stage.kill("scheduler-0")
        stage.start("scheduler-0")
        await stage.until(lambda: stage.starts("write") >= RUNS)

    def harm(self, stage: Stage) -> list[str]:
        written = sum(run.dag_id == "writer" and run.state == DagRunState.SUCCESS for run in stage.store.dag_runs)
        used = [event for events in stage.store.tables.assets.run_events.values() for event in events]
        twice = len(used) - len(dict.fromkeys(used))
        lost = written - len(dict.fromkeys(used))
        wrong = [f"{twice} events were used twice, {lost} never"] if twice or lost else []
        return [*stage.unfinished(), *wrong, *stage.broken_rules()]


def reader() -> DagSpec:
    part = {"asset": {"name": ASSET.name, "uri": ASSET.uri, "group": ASSET.group}}
    return replace(
        dag_of("reader", TaskSpec(task_id="read")),
        timetable=TimetableSpec(kind="assets"),
        asset_condition={"any": [part]},
        schedule_assets=(ASSET,),
    )


def scene() -> ManyLookers:
    options = WorldOptions(rates=CALM, fault_seconds=0.0, quiet_seconds=240.0, parallelism=0, schedulers=3)
    writer = dag_of("writer", TaskSpec(task_id="write", outlets=(ASSET,)))
    runs = tuple(("writer", f"run_{n}") for n in range(RUNS))
    return ManyLookers(dags=(writer, reader()), runs=runs, options=options)


def test_each_event_is_used_by_exactly_one_run() -> None:
    assert play(scene()) == []


def test_events_that_stay_in_the_queue_would_make_runs_again(monkeypatch: pytest.MonkeyPatch) -> None:
    (MUTANTS | RULE_MUTANTS)["an event of an asset makes runs again and again"](monkeypatch)
    assert play(scene())
