"""Seeded histories in which people clear and mark task instances and runs while services, messages and stores fail."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import structlog

from tests.simulation.people import simulate_people
from tests.simulation.test_mutants import ROUGH
from tests.simulation.test_simulation import WORLDS
from tradewind.core import marking, turn
from tradewind.core.revisions import RevisedTaskInstance, RunRevision
from tradewind.core.rows import TaskInstanceRow
from tradewind.core.states import TaskInstanceState
from tradewind.db.memory.people import MemoryPeopleStore
from tradewind.db.memory.tables import TaskInstanceTableRow

SEEDS = int(os.environ.get("TRADEWIND_TEST_SEEDS", "200")) // 8
CHUNKS = 5
MUTANT_SEEDS = 60

Patch = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), cache_logger_on_first_use=False)
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_whatever_people_do_nothing_is_lost_and_nothing_is_stuck(chunk: int) -> None:
    done: Counter[str] = Counter()
    for seed in range(chunk, SEEDS, CHUNKS):
        history, actions = simulate_people(seed, WORLDS[seed % len(WORLDS)])
        assert history.violations == (), f"seed {seed}"
        done += actions
    assert set(done) == {"clear", "clear_all", "mark", "mark_run"}


@pytest.mark.parametrize("seed", range(3))
def test_a_seed_names_a_history(seed: int) -> None:
    options = WORLDS[seed % len(WORLDS)]
    assert simulate_people(seed, options)[0].digest == simulate_people(seed, options)[0].digest


def _rows_become(change: Callable[[RevisedTaskInstance], RevisedTaskInstance]) -> Patch:
    """The store writes something else than the rule says."""
    right = MemoryPeopleStore._revise  # pyright: ignore[reportPrivateUsage] - mutants sit inside

    def mutant(self: MemoryPeopleStore, revised: RevisedTaskInstance, now: datetime) -> Any:
        return right(self, change(revised), now)

    return lambda patch: patch.setattr(MemoryPeopleStore, "_revise", mutant)


def _without_raising_the_revision(patch: pytest.MonkeyPatch) -> None:
    right = MemoryPeopleStore._revise_run  # pyright: ignore[reportPrivateUsage] - mutants sit inside

    def mutant(self: MemoryPeopleStore, revision: RunRevision, now: datetime) -> None:
        right(self, revision, now)
        self.tables.dag_runs[revision.dag_run_id].revision -= 1

    patch.setattr(MemoryPeopleStore, "_revise_run", mutant)


def _triggers_stay(patch: pytest.MonkeyPatch) -> None:
    right = MemoryPeopleStore._void  # pyright: ignore[reportPrivateUsage] - mutants sit inside

    def mutant(self: MemoryPeopleStore, row: TaskInstanceTableRow) -> Any:
        kept = dict(self.tables.triggers)
        freed = right(self, row)
        self.tables.triggers.update(kept)
        return freed

    patch.setattr(MemoryPeopleStore, "_void", mutant)


def _keeps_what_it_holds(row: TaskInstanceRow) -> RevisedTaskInstance:
    return RevisedTaskInstance(id=row.id, state=row.state, max_tries=row.max_tries, end_pending=row.end_pending)


MUTANTS: dict[str, Patch] = {
    "what is voided keeps its slots": _rows_become(lambda row: replace(row, voids=False)),
    "no row says that a person changed it": _rows_become(lambda row: replace(row, end_pending=False)),
    "the run's revision stays": _without_raising_the_revision,
    "triggers of what is voided stay": _triggers_stay,
    "ends that nobody decided upon stay in a run that is marked": lambda patch: patch.setattr(
        marking, "_let_go", _keeps_what_it_holds
    ),
    "a try to come does not look again when upstream has run anew": lambda patch: patch.setattr(
        turn, "_ASKABLE_STATES", (TaskInstanceState.NONE,)
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_guard_that_is_missing_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[name](monkeypatch)
    worlds = (*WORLDS, ROUGH)
    assert any(simulate_people(seed, worlds[seed % len(worlds)])[0].violations for seed in range(MUTANT_SEEDS))
