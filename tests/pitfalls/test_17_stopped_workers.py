"""Row 17: a rolling update kills tasks, or has them recorded as what they were not."""

from dataclasses import dataclass

import pytest

from tests.pitfalls.stage import Scene, Stage, dag_of, play
from tradewind.core.spec import TaskSpec
from tradewind.core.states import EndCause, TaskInstanceState
from tradewind.task_runner.supervising.supervisor import Supervisor

GRACE_SECONDS = 20.0
"""What the simulated workers have."""


@dataclass(slots=True, kw_only=True)
class RollingUpdate(Scene):
    """The worker that runs the task is told to stop."""

    async def happen(self, stage: Stage) -> None:
        row = await stage.wait_for("task", TaskInstanceState.RUNNING)
        name, _ = stage.worker_of(row)
        stage.stop(name)

    def harm(self, stage: Stage) -> list[str]:
        wrong = [f"{row.id} is at try {row.try_number}" for row in stage.rows() if row.try_number != 1]
        again = [] if self.task_seconds > GRACE_SECONDS else stage.run_twice()
        return [*stage.unfinished(), *wrong, *again]


def scene(seconds: float) -> RollingUpdate:
    return RollingUpdate(dags=(dag_of("dag", TaskSpec(task_id="task", retries=1)),), task_seconds=seconds)


def test_what_ends_within_the_grace_is_left_alone() -> None:
    assert play(scene(10.0)) == []


def test_what_does_not_is_preempted_and_runs_elsewhere_in_the_same_try() -> None:
    assert play(scene(60.0)) == []


def test_without_a_grace_tasks_would_be_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(_self: Supervisor, *_: object) -> bool:
        return False

    monkeypatch.setattr(Supervisor, "_until", at_once)
    assert play(scene(10.0))


def test_as_the_users_failure_it_would_cost_a_try(monkeypatch: pytest.MonkeyPatch) -> None:
    def blaming(self: Supervisor) -> None:
        for attempt in list(self._roster.running.values()):  # pyright: ignore[reportPrivateUsage]
            attempt.kill(EndCause.USER_ERROR, 0.0)

    monkeypatch.setattr(Supervisor, "preempt", blaming)
    assert play(scene(60.0))
