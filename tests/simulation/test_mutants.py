"""The simulation must notice: each guard of the system, when it is taken away, shows within some seeds."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.simulation.faults import FaultRates
from tests.simulation.world import WorldOptions, simulate
from tradewind.core import ends, trigger_rules
from tradewind.core.setup_teardown import SetupTeardown
from tradewind.core.slots import ReadyTasks
from tradewind.core.spec import TriggerRule
from tradewind.core.trigger_rules import Answer
from tradewind.core.turn import Overlay
from tradewind.db.memory_collector import MemoryCollectorStore
from tradewind.db.memory_scheduler import MemorySchedulerStore
from tradewind.scheduler.sweep import SweepLoop
from tradewind.task_runner.reports import ReportLoop

SEEDS = 120
"""At most so many seeds for a mutant; most are found by one of the first."""

ROUGH = WorldOptions(
    dags=2,
    runs=12,
    schedulers=3,
    parallelism=4,
    rates=FaultRates(lost=0.04, doubled=0.08, delayed=0.08, refused=0.01, answer_lost=0.02),
)

Patch = Callable[[pytest.MonkeyPatch], None]


async def _nothing(*_: Any, **__: Any) -> None:
    return None


def _always(answer: Any) -> Callable[..., Any]:
    def mutant(*_: Any) -> Any:
        return answer

    return mutant


def _replace(owner: Any, name: str, value: Any) -> Patch:
    return lambda patch: patch.setattr(owner, name, value)


def _double_slots(patch: pytest.MonkeyPatch) -> None:
    right = MemorySchedulerStore._slot_deltas  # pyright: ignore[reportPrivateUsage] - the mutant sits inside

    def doubled(self: MemorySchedulerStore, changes: Any) -> tuple[dict[str, int], int]:
        pools, parallelism = right(self, changes)
        return {pool: delta * 2 for pool, delta in pools.items()}, parallelism

    patch.setattr(MemorySchedulerStore, "_slot_deltas", doubled)


def _no_run_limit(patch: pytest.MonkeyPatch) -> None:
    right = ReadyTasks.set_run

    def unlimited(self: ReadyTasks, dag_run_id: int, *, dag_id: str, limit: int, active: int) -> None:
        right(self, dag_run_id, dag_id=dag_id, limit=limit + 100, active=active)

    patch.setattr(ReadyTasks, "set_run", unlimited)


def _unguarded_commits(patch: pytest.MonkeyPatch) -> None:
    # Each of the two guards covers for the other in everything that the simulation draws.
    patch.setattr(MemorySchedulerStore, "_stale_runs", _always(()))
    patch.setattr(MemorySchedulerStore, "_stale_rows", _always(()))


def _eager_all_success(patch: pytest.MonkeyPatch) -> None:
    rules = dict(trigger_rules.RULES)
    rules[TriggerRule.ALL_SUCCESS] = lambda counts: Answer.RUN if counts.success else Answer.WAIT
    patch.setattr(trigger_rules, "RULES", rules)


def _one_item_too_few(patch: pytest.MonkeyPatch) -> None:
    right = Overlay.wanted

    def fewer(self: Overlay, place: int) -> int | None:
        wanted = right(self, place)
        return wanted - 1 if wanted is not None and wanted > 1 else wanted

    patch.setattr(Overlay, "wanted", fewer)


def _teardowns_decide(self: SetupTeardown) -> tuple[int, ...]:
    below = self._downstream  # pyright: ignore[reportPrivateUsage] - the mutant sits inside
    return tuple(place for place, entries in enumerate(below) if not entries)


MUTANTS: dict[str, Patch] = {
    "a claim is granted to whoever asks": _replace(MemoryCollectorStore, "_is_grantable", _always(True)),
    "slots are taken twice": _double_slots,
    "slots are given out without a guard": _replace(MemorySchedulerStore, "_have_room", _always(True)),
    "a run's own limit is forgotten": _no_run_limit,
    "a dag's limit of runs is forgotten": _replace(MemorySchedulerStore, "_running", _always(0)),
    "neither owner nor rows are checked at a commit": _unguarded_commits,
    "lost events are not swept up": _replace(SweepLoop, "_find_missed", _nothing),
    "lost messages are not published again": _replace(SweepLoop, "_find_unclaimed", _nothing),
    "dead workers are not reaped": _replace(SweepLoop, "_expire_workers", _nothing),
    "runs of dead schedulers are not adopted": _replace(SweepLoop, "_take_over", _nothing),
    "ends are not kept until answered": _replace(ReportLoop, "_settle", _always(True)),
    "code without retries is run again after a loss": _replace(ends, "infrastructure_budget", _always(3)),
    "a task starts after its first upstream": _eager_all_success,
    "the last item is not mapped over": _one_item_too_few,
    "a failed teardown fails the run": _replace(SetupTeardown, "deciding_leaves", property(_teardowns_decide)),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[name](monkeypatch)
    found = next((seed for seed in range(SEEDS) if simulate(seed, ROUGH).violations), None)
    assert found is not None, f"no seed of {SEEDS} shows that {name}"


def test_the_rough_world_is_sound_without_mutants() -> None:
    for seed in range(40):
        assert simulate(seed, ROUGH).violations == (), f"seed {seed}"
