"""The simulation must notice: each guard of the system, when it is taken away, shows within some seeds."""

import os
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.simulation.faults import FaultRates
from tests.simulation.world import WorldOptions, simulate
from tradewind.core import decide, ends, plan, trigger_rules
from tradewind.core.assets import AssetKey
from tradewind.core.gates import Gate, Past
from tradewind.core.setup_teardown import SetupTeardown
from tradewind.core.slots import ReadyTasks, TaskLimit
from tradewind.core.snapshot import RunSnapshot
from tradewind.core.spec import DagSpec, TaskSpec, TriggerRule
from tradewind.core.timetables import from_spec
from tradewind.core.timetables.values import TimeRestriction
from tradewind.core.trigger_rules import Answer, UpstreamCounts
from tradewind.core.turn import Overlay
from tradewind.db.assets import memory_store
from tradewind.db.assets.memory_store import MemoryAssetStore
from tradewind.db.memory.collector import MemoryCollectorStore
from tradewind.db.memory.scheduler import MemorySchedulerStore
from tradewind.db.memory.tables import DagRunTableRow
from tradewind.scheduler import allocation, past
from tradewind.scheduler.sweep import SweepLoop
from tradewind.task_runner.supervising.reports import ReportLoop

SEEDS = 120
"""At most so many seeds for a mutant; most are found by one of the first."""

ROUGH = WorldOptions(
    dags=2,
    runs=12,
    schedulers=3,
    parallelism=4,
    rates=FaultRates(lost=0.04, doubled=0.08, delayed=0.08, refused=0.01, answer_lost=0.02),
)

MANY_RUNS = 60

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


def _rule(rule: TriggerRule, mutant: Callable[[UpstreamCounts], Answer]) -> Patch:
    return lambda patch: patch.setattr(trigger_rules, "RULES", {**trigger_rules.RULES, rule: mutant})


def _run_at_once(counts: UpstreamCounts) -> Answer:
    return Answer.RUN


def _run_when_done(counts: UpstreamCounts) -> Answer:
    return Answer.RUN if counts.done >= counts.total else Answer.WAIT


def _past(change: Callable[[Past], Past]) -> Patch:
    right = past.past_gate

    def mutant(dag: DagSpec, task: TaskSpec, of: Past) -> Gate:
        return right(dag, task, change(of))

    return lambda patch: patch.setattr(past, "past_gate", mutant)


def _no_limit_in_all_runs(patch: pytest.MonkeyPatch) -> None:
    _limits_without(patch, lambda limit: limit.dag_run_id is None)
    patch.setattr(MemorySchedulerStore, "_have_task_room", _always(True))


def _no_limit_in_one_run(patch: pytest.MonkeyPatch) -> None:
    _limits_without(patch, lambda limit: limit.dag_run_id is not None)


def _limits_without(patch: pytest.MonkeyPatch, is_out: Callable[[TaskLimit], bool]) -> None:
    right = allocation.limits_of

    def mutant(snapshot: RunSnapshot, position: int) -> tuple[TaskLimit, ...]:
        return tuple(limit for limit in right(snapshot, position) if not is_out(limit))

    patch.setattr(allocation, "limits_of", mutant)


def _no_kept_slots(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(allocation.Allocator, "deferring_pools", ())


def _groups_joined_as_a_whole(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(plan, "_mapped_groups", _always({}))


def _queue_of_assets_kept(patch: pytest.MonkeyPatch) -> None:
    right = MemoryAssetStore._plain_run  # pyright: ignore[reportPrivateUsage] - the mutant sits inside

    def mutant(self: MemoryAssetStore, dag: Any, *rest: Any) -> Any:
        queue = dict(self.tables.assets.queue.get(dag.dag_id, {}))
        made = right(self, dag, *rest)
        if queue and len(self.tables.dag_runs) < MANY_RUNS:
            self.tables.assets.queue[dag.dag_id] = queue
        return made

    patch.setattr(MemoryAssetStore, "_plain_run", mutant)


def _no_limit_of_backfills(patch: pytest.MonkeyPatch) -> None:
    right = MemorySchedulerStore._has_place  # pyright: ignore[reportPrivateUsage] - the mutant sits inside

    def mutant(self: MemorySchedulerStore, run: DagRunTableRow) -> bool:
        return run.backfill_id is not None or right(self, run)

    patch.setattr(MemorySchedulerStore, "_has_place", mutant)


def _catchup_skipped(patch: pytest.MonkeyPatch) -> None:
    right = from_spec.restriction_of

    def mutant(spec: DagSpec) -> TimeRestriction:
        return replace(right(spec), catchup=False)

    patch.setattr(from_spec, "restriction_of", mutant)


def _one_asset_is_enough(_: object, arrived: Collection[AssetKey], __: object) -> bool:
    return bool(arrived)


RULE_MUTANTS: dict[str, Patch] = {
    "an event of an asset makes runs again and again": _queue_of_assets_kept,
    "one asset of several is enough": _replace(memory_store, "is_met", _one_asset_is_enough),
    "backfills run as many runs at once as there are": _no_limit_of_backfills,
    "backfills begin with the oldest run, whatever their order": _replace(MemorySchedulerStore, "_ordinal", _always(0)),
    "runs that were missed are not made up for": _catchup_skipped,
    "a task starts after its first upstream": _eager_all_success,
    "all_done starts at once": _rule(TriggerRule.ALL_DONE, _run_at_once),
    "none_failed starts over failures": _rule(TriggerRule.NONE_FAILED, _run_when_done),
    "none_skipped starts over skips": _rule(TriggerRule.NONE_SKIPPED, _run_when_done),
    "one_failed starts without a failure": _rule(TriggerRule.ONE_FAILED, _run_when_done),
    "all_failed starts over successes": _rule(TriggerRule.ALL_FAILED, _run_when_done),
    "none_failed_min_one_success starts without a success": _rule(
        TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS, _run_when_done
    ),
    "the last item is not mapped over": _one_item_too_few,
    "setups are not waited for": _replace(Overlay, "_ask_setups", _always(None)),
    "a failed teardown fails the run": _replace(SetupTeardown, "deciding_leaves", property(_teardowns_decide)),
    "what a branch did not choose runs": _replace(
        decide._Turn,  # pyright: ignore[reportPrivateUsage] - the mutant sits inside
        "_is_skip_requested",
        _always(False),
    ),
    "a retry does not wait": _replace(ends, "retry_delay", _always(timedelta())),
    "the past does not count": _past(lambda _: Past()),
    "what was downstream in the past does not count": _past(lambda of: replace(of, unsuccessful_downstream=0)),
    "a task's limit over all runs is forgotten": _no_limit_in_all_runs,
    "a task's limit in one run is forgotten": _no_limit_in_one_run,
    "a deferred task gives its slots back whatever its pool says": _no_kept_slots,
    "a mapped group is joined as a whole": _groups_joined_as_a_whole,
    "code without retries is run again after a loss": _replace(ends, "infrastructure_budget", _always(3)),
}
"""Mutants of the rules of scheduling."""

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
}


FOUND_SOON = (
    "one asset of several is enough",
    "a task starts after its first upstream",
    "what a branch did not choose runs",
    "a retry does not wait",
    "code without retries is run again after a loss",
)
"""Of the rules, those that the first seeds bring into play; the others are sought by `make test-full` only."""

IS_FULL = int(os.environ.get("TRADEWIND_TEST_SEEDS", "0")) >= 2_000
SOUGHT = [*MUTANTS, *(name for name in RULE_MUTANTS if IS_FULL or name in FOUND_SOON)]


@pytest.mark.parametrize("name", SOUGHT)
def test_mutant_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (MUTANTS | RULE_MUTANTS)[name](monkeypatch)
    found = next((seed for seed in range(SEEDS) if simulate(seed, ROUGH).violations), None)
    assert found is not None, f"no seed of {SEEDS} shows that {name}"


def test_the_rough_world_is_sound_without_mutants() -> None:
    for seed in range(40):
        assert simulate(seed, ROUGH).violations == (), f"seed {seed}"
