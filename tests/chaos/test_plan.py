"""A seed says what goes wrong and when; and growth is told from noise."""

from collections import Counter

import pytest

from tests.chaos.flatness import Tolerance, trend
from tests.chaos.plan import QUICK_DECK, WHOLE_DECK, Kind, plan_faults

PROCESSES = (
    *("api-server", "dag-processor", "scheduler-1", "scheduler-2", "dispatcher-1", "dispatcher-2"),
    *("collector-1", "collector-2", "worker-1", "worker-2", "worker-3", "triggerer-1", "triggerer-2"),
)
NOISE = (0.0, 1.0, -1.0, 0.5, -0.5)


def test_a_seed_plans_the_same_faults_at_the_same_moments() -> None:
    assert plan_faults(7, 100, PROCESSES) == plan_faults(7, 100, PROCESSES)
    assert plan_faults(7, 100, PROCESSES) != plan_faults(8, 100, PROCESSES)


@pytest.mark.parametrize("seed", range(20))
def test_a_hundred_faults_hit_everything_in_order_of_time(seed: int) -> None:
    faults = plan_faults(seed, 100, PROCESSES)
    kinds = Counter(fault.kind for fault in faults)
    assert set(kinds) == set(Kind)
    assert min(kinds.values()) >= 100 // len(WHOLE_DECK)
    moments = [fault.at for fault in faults]
    assert moments == sorted(moments)
    killed = {name for fault in faults for name in fault.targets if fault.kind is Kind.KILL}
    assert {name.rpartition("-")[0] or name for name in killed} >= {"scheduler", "collector", "worker", "triggerer"}
    pairs = {fault.targets for fault in faults if len(fault.targets) == 2}
    assert ("scheduler-1", "scheduler-2") in pairs
    assert all(len(set(pair)) == 2 for pair in pairs)


def test_one_of_a_kind_cannot_be_hit_twice_at_once() -> None:
    faults = plan_faults(3, 100, ("scheduler", "worker-1", "worker-2"))
    targets = [fault.targets for fault in faults]
    assert all(len(set(names)) == len(names) for names in targets)
    assert ("scheduler",) in targets


def test_quick_faults_are_ten_and_over_soon() -> None:
    faults = plan_faults(1, len(QUICK_DECK), PROCESSES, deck=QUICK_DECK, longest_gap=0.5)
    assert len(faults) == 10
    assert len({(fault.kind, fault.targets) for fault in faults}) == 10
    assert faults[-1].at + faults[-1].lasts < 16


@pytest.mark.parametrize(
    ("samples", "is_flat"),
    [
        ([100 + NOISE[n % 5] for n in range(60)], True),
        ([min(50 + 5 * n, 100) + NOISE[n % 5] for n in range(60)], True),  # it warms up
        ([100 + 0.5 * n + NOISE[n % 5] for n in range(60)], False),
        ([100 - n for n in range(60)], True),
        ([100 + 0.02 * n for n in range(60)], True),
        ([100 + 8 * (n % 3 < n // 20) for n in range(60)], True),  # more and more often a task is just running
        ([100 + 0.2 * n + 8 * (n % 3 == 0) for n in range(60)], False),
    ],
)
def test_growth_is_told_from_noise(samples: list[float], is_flat: bool) -> None:
    assert trend(samples, Tolerance(share=0.05, absolute=2.0)).is_flat is is_flat


def test_a_few_samples_say_nothing() -> None:
    with pytest.raises(ValueError, match="too few"):
        trend([1.0] * 9, Tolerance(share=0.05, absolute=2.0))
