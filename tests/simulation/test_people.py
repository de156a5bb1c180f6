"""Seeded histories in which people clear and mark task instances and runs while services, messages and stores fail."""

import os
from collections import Counter
from collections.abc import Iterator

import pytest
import structlog

from tests.simulation.people import simulate_people
from tests.simulation.test_simulation import WORLDS

SEEDS = int(os.environ.get("TRADEWIND_TEST_SEEDS", "200")) // 4
CHUNKS = 5


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
