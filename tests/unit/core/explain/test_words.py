"""Numbers, times and names in sentences."""

from datetime import timedelta

import pytest

from tests.dag_specs import NOW
from tradewind.core.explain.words import ago, ahead, counted, instance, listed, span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0 s"),
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (3_600, "1 h"),
        (3_661, "1 h 1 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_spans_have_two_units_at_most(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_moments_are_relative_to_now() -> None:
    assert ago(NOW - timedelta(seconds=61), NOW) == "1 min 1 s ago"
    assert ahead(NOW + timedelta(seconds=61), NOW) == "2030-01-01 00:01:01 UTC, in 1 min 1 s"


def test_lists_are_cut_after_ten() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed([str(number) for number in range(12)]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"


def test_names_and_counts() -> None:
    assert (instance("t", -1), instance("t", 3)) == ("'t'", "'t' [3]")
    assert (counted(1, "run"), counted(0, "run")) == ("1 run", "0 runs")
