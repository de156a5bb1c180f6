"""`chain`, `chain_linear` and `cross_downstream`: many edges in one call."""

from collections.abc import Sequence
from itertools import pairwise

from tradewind.sdk.node import DependencyMixin, as_list

Nodes = DependencyMixin | Sequence[DependencyMixin]


def chain(*tasks: Nodes) -> None:
    """Each argument runs before the next. A list next to a single node fans out or in; two lists next to each other
    are joined pairwise and must be equally long (else ValueError)."""
    for upstream, downstream in pairwise(tasks):
        _join_pair(upstream, downstream)


def _join_pair(upstream: Nodes, downstream: Nodes) -> None:
    if isinstance(upstream, DependencyMixin):
        upstream.set_downstream(downstream)
        return
    if isinstance(downstream, DependencyMixin):
        downstream.set_upstream(upstream)
        return
    left, right = as_list(upstream), as_list(downstream)
    if len(left) != len(right):
        raise ValueError(
            f"chain() joins two lists pairwise, so they must be equally long; got {len(left)} and {len(right)}"
        )
    for one, other in zip(left, right, strict=True):
        one.set_downstream(other)


def cross_downstream(from_tasks: Sequence[DependencyMixin], to_tasks: Nodes) -> None:
    """Every node of `from_tasks` runs before every node of `to_tasks`."""
    for node in from_tasks:
        node.set_downstream(to_tasks)


def chain_linear(*elements: Nodes) -> None:
    """Each argument runs before the next; between two lists every node of the first runs before every node of the
    second. Raises ValueError if no edge comes of it."""
    previous: list[DependencyMixin] | None = None
    joined = False
    for element in elements:
        current = as_list(element)
        if previous is not None:
            cross_downstream(previous, current)
            joined = joined or bool(previous and current)
        previous = current
    if not joined:
        raise ValueError("No dependencies were set: chain_linear() needs at least two elements that are not empty")
