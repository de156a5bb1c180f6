"""Turns: each system measures once, then all of them again; medians of the turns count, and of their ratios."""

import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from benchmarks.results import Figure, Goal

Measure = Callable[[], Awaitable[list[Figure]]]
Turn = Sequence[Figure]
"""What all systems measured in it."""

RATIO_GOALS: Final = {
    ("heavy10: 10 x fib(33)", False): Goal(1.03),
    ("heavy10: 10 x fib(33)", True): Goal(1.03),
    ("fan-out root+200+join", True): Goal(2.0, at_least=True),
}
"""Of a figure over bare Celery's, by (workload, whether processes are reused)."""


async def measured_in_turns(measures: Sequence[Measure], turns: int) -> list[Turn]:
    """One after the other, never two at once."""
    return [[figure for measure in measures for figure in await measure()] for _ in range(turns)]


def against(peer: str, turns: Sequence[Turn]) -> list[Figure]:
    """A median for each figure, with its ratio to the peer's of the same turn; then those ratios that have a goal."""
    figures = [_median(figure, peer, turns) for figure in turns[-1]]
    return [*figures, *(_ratio(figure) for figure in figures if _ratio_goal(figure) is not None)]


def _median(last: Figure, peer: str, turns: Sequence[Turn]) -> Figure:
    values = [_value(turn, last.workload, last.system) for turn in turns]
    peers = [_value(turn, last.workload, peer) for turn in turns]
    pairs = [(own, other) for own, other in zip(values, peers, strict=True) if own is not None and other is not None]
    ratios = [own / other for own, other in pairs]
    found = [value for value in values if value is not None]
    return replace(
        last,
        value=statistics.median(found),
        over_peer=statistics.median(ratios) if ratios and last.system != peer else None,
        details={**last.details, "all": [float(f"{value:.4g}") for value in found]},
    )


def _value(turn: Turn, workload: str, system: str) -> float | None:
    return next((each.value for each in turn if (each.workload, each.system) == (workload, system)), None)


def _ratio_goal(figure: Figure) -> Goal | None:
    return None if figure.over_peer is None else RATIO_GOALS.get((figure.workload, "reuse" in figure.system))


def _ratio(figure: Figure) -> Figure:
    name = f"{figure.workload}, over bare Celery's"
    assert figure.over_peer is not None
    return Figure(workload=name, system=figure.system, value=figure.over_peer, unit="times", goal=_ratio_goal(figure))
