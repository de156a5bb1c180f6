"""Row 14: a scheduler keeps every DAG run that it has ever seen, until the kernel kills it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from tests.pitfalls.stage import Scene, Stage, dag_of, play
from tests.simulation import services
from tradewind.core.snapshot import RunSnapshot
from tradewind.core.spec import TaskSpec
from tradewind.scheduler.run_cache import ByteLru
from tradewind.scheduler.settings import SchedulerLimits, SchedulerSettings

LIMIT_BYTES = 40_000
RUNS = 60


@dataclass(slots=True, kw_only=True)
class ManyRuns(Scene):
    """More runs at once than a scheduler may keep in memory."""

    most: int = 0

    async def happen(self, stage: Stage) -> None:
        def watch() -> bool:
            parts = stage.process("scheduler-0").parts
            assert parts is not None
            held = parts.registry.get_sample_value("tradewind_scheduler_cached_bytes") or 0
            self.most = max(self.most, int(held))
            return stage.starts("task") == RUNS

        await stage.until(watch)

    def harm(self, stage: Stage) -> list[str]:
        too_much = [f"{self.most} bytes were held"] if self.most > 2 * LIMIT_BYTES else []
        return [*stage.unfinished(), *too_much]


@pytest.fixture(autouse=True)
def _little_memory(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    settings = SchedulerSettings(scheduler=SchedulerLimits(snapshot_cache_bytes=LIMIT_BYTES))
    monkeypatch.setattr(services, "SchedulerSettings", lambda: settings)


def scene() -> ManyRuns:
    dag = replace(dag_of("dag", TaskSpec(task_id="task")), max_active_runs=RUNS)
    made = ManyRuns(dags=(dag,), runs=tuple(("dag", f"run_{n}") for n in range(RUNS)), task_seconds=30.0)
    made.options = replace(made.options, schedulers=1, worker_concurrency=RUNS)
    return made


def test_what_is_not_needed_is_dropped_and_read_again() -> None:
    assert play(scene()) == []


def test_without_dropping_memory_would_grow_with_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def keep(_self: ByteLru[int, RunSnapshot]) -> Sequence[int]:
        return ()

    monkeypatch.setattr(ByteLru, "shrink", keep)
    assert play(scene())
