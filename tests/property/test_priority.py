"""Effective priority weights against a count by following every path."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tradewind.sdk.priority import MAX_WEIGHT, MIN_WEIGHT, effective_weights
from tradewind.sdk.types import WeightRule


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], dict[str, list[str]], dict[str, tuple[int, WeightRule]]]:
    """Acyclic graphs: edges lead from earlier to later tasks only."""
    names = [f"t{number}" for number in range(draw(st.integers(1, 14)))]
    downstream = {
        name: sorted(draw(st.sets(st.sampled_from(names[index + 1 :])))) if names[index + 1 :] else []
        for index, name in enumerate(names)
    }
    weight = st.one_of(st.integers(-3, 3), st.integers(MIN_WEIGHT, MAX_WEIGHT))
    weights = {name: (draw(weight), draw(st.sampled_from(WeightRule))) for name in names}
    return names, downstream, weights


def _reachable(start: str, neighbours: dict[str, list[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(neighbours[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(neighbours[name])
    return found


@given(graphs())
def test_each_related_task_counts_once(
    graph: tuple[list[str], dict[str, list[str]], dict[str, tuple[int, WeightRule]]],
) -> None:
    names, downstream, weights = graph
    upstream = {name: [other for other in names if name in downstream[other]] for name in names}
    expected: dict[str, int] = {}
    for name, (own, rule) in weights.items():
        neighbours = downstream if rule is WeightRule.DOWNSTREAM else upstream
        related = set[str]() if rule is WeightRule.ABSOLUTE else _reachable(name, neighbours)
        total = own + sum(weights[other][0] for other in related)
        expected[name] = max(MIN_WEIGHT, min(MAX_WEIGHT, total))
    assert effective_weights(names, downstream, weights) == expected


def test_wide_and_long_graphs_are_quick() -> None:
    size = 10_000
    wide = ["root", *(f"m{number}" for number in range(size)), "join"]
    edges = {"root": wide[1:-1], "join": [], **{name: ["join"] for name in wide[1:-1]}}
    weights = dict.fromkeys(wide, (1, WeightRule.DOWNSTREAM))
    found = effective_weights(wide, edges, weights)
    assert (found["root"], found["m5"], found["join"]) == (size + 2, 2, 1)
    chain = [f"t{number}" for number in range(size)]
    edges = {name: [after] for name, after in pairwise(chain)} | {chain[-1]: []}
    weights = dict.fromkeys(chain, (1, WeightRule.UPSTREAM))
    assert effective_weights(chain, edges, weights)[chain[-1]] == size
