"""Row 5: a healthy task is killed for heartbeats that nobody could hear, and a dead one is found late."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from tests.pitfalls.stage import Scene, Stage, dag_of, play
from tradewind.collector.lease_clock import LeaseClockLoop
from tradewind.core.spec import TaskSpec
from tradewind.core.states import TaskInstanceState
from tradewind.scheduler.sweep import SweepLoop

FOUND_WITHIN_SECONDS = 30.0


@dataclass(slots=True, kw_only=True)
class DeafControlPlane(Scene):
    """The broker is away for a minute, six leases long, while tasks run."""

    task_seconds: float = 100.0

    async def happen(self, stage: Stage) -> None:
        await stage.wait_for("task", TaskInstanceState.RUNNING)
        stage.broker.stop()
        await asyncio.sleep(60.0)
        stage.broker.start()

    def harm(self, stage: Stage) -> list[str]:
        lost = [f"{row.id} was taken for lost" for row in stage.rows() if row.lost_attempts]
        return [*stage.unfinished(), *stage.run_twice(), *lost]


@dataclass(slots=True, kw_only=True)
class DeadWorker(Scene):
    """A worker dies with its tasks, and does not come back."""

    task_seconds: float = 5.0
    died_at: datetime | None = None

    async def happen(self, stage: Stage) -> None:
        row = await stage.wait_for("task", TaskInstanceState.RUNNING)
        stage.kill(stage.worker_of(row)[0])
        self.died_at = stage.clock()

    def harm(self, stage: Stage) -> list[str]:
        assert self.died_at is not None
        late = self.died_at + timedelta(seconds=FOUND_WITHIN_SECONDS)
        begun = [execution.at for execution in stage.executions]
        return stage.unfinished() + ([] if max(begun) < late else [f"it began again at {max(begun)}"])


def deaf() -> Scene:
    return DeafControlPlane(dags=(dag_of("dag", TaskSpec(task_id="task", retries=1)),))


def dead() -> Scene:
    return DeadWorker(dags=(dag_of("dag", TaskSpec(task_id="task", retries=1)),))


def test_leases_do_not_age_while_nobody_listens() -> None:
    assert play(deaf()) == []


def test_by_the_clock_on_the_wall_healthy_tasks_would_be_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    right = LeaseClockLoop.run_once

    async def ticking(self: LeaseClockLoop) -> bool:
        monkeypatch.setattr(self, "_is_receiving", lambda: True)
        return await right(self)

    monkeypatch.setattr(LeaseClockLoop, "run_once", ticking)
    assert play(deaf())


def test_a_dead_worker_is_found_within_seconds() -> None:
    assert play(dead()) == []


def test_without_reaping_its_tasks_would_run_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(_self: SweepLoop, *_: object) -> None:
        return None

    monkeypatch.setattr(SweepLoop, "_expire_workers", nothing)
    assert play(dead())
