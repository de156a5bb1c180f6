"""Seeded histories of the whole system under faults; `TRADEWIND_TEST_SEEDS` says how many (default 200)."""

import os

import pytest

from tests.simulation.world import WorldOptions, simulate

SEEDS = int(os.environ.get("TRADEWIND_TEST_SEEDS", "200"))
CHUNKS = 10

WORLDS = (
    WorldOptions(),
    WorldOptions(executor="LocalExecutor", dispatchers=2, workers=0),
    WorldOptions(schedulers=3, parallelism=2, runs=10),
    WorldOptions(dags=1, runs=4, parallelism=0, worker_concurrency=1),
)
"""Seed n lives in world n modulo their number."""


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_history_keeps_the_invariants(chunk: int) -> None:
    for seed in range(chunk, SEEDS, CHUNKS):
        history = simulate(seed, WORLDS[seed % len(WORLDS)])
        assert history.violations == (), f"seed {seed}"
        assert history.faults > 0


@pytest.mark.parametrize("seed", range(8))
def test_a_seed_names_a_history(seed: int) -> None:
    options = WORLDS[seed % len(WORLDS)]
    assert simulate(seed, options).digest == simulate(seed, options).digest


def test_different_seeds_give_different_histories() -> None:
    assert len({simulate(seed).digest for seed in range(4)}) == 4


def test_without_faults_code_begins_once_per_try() -> None:
    calm = WorldOptions(crashes=False, fault_seconds=20.0)
    history = simulate(1, calm)
    assert history.violations == ()
