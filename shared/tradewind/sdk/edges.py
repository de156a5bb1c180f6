"""`a >> Label("why") >> b`: an edge with a text on it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tradewind.sdk.node import DependencyMixin, as_list

if TYPE_CHECKING:
    from tradewind.sdk.node import DAGNode


class EdgeModifier(DependencyMixin):
    """Stands between two sides of `>>` until both are known, then joins them and keeps the label on their DAG."""

    def __init__(self, label: str | None = None) -> None:
        self.label = label
        self._upstream: list[DependencyMixin] = []
        self._downstream: list[DependencyMixin] = []

    @property
    def roots(self) -> "list[DAGNode]":
        """Where an edge into the label leads."""
        return [root for node in self._downstream for root in node.roots]

    @property
    def leaves(self) -> "list[DAGNode]":
        """Where an edge out of the label comes from."""
        return [leaf for node in self._upstream for leaf in node.leaves]

    def set_upstream(
        self, other: "DependencyMixin | Sequence[DependencyMixin]", edge_modifier: "EdgeModifier | None" = None
    ) -> None:
        """Take the upstream side; join if the other is known."""
        self._upstream.extend(as_list(other))
        for node in self._downstream:
            node.set_upstream(other, edge_modifier=self)

    def set_downstream(
        self, other: "DependencyMixin | Sequence[DependencyMixin]", edge_modifier: "EdgeModifier | None" = None
    ) -> None:
        """Take the downstream side; join if the other is known."""
        self._downstream.extend(as_list(other))
        for node in self._upstream:
            node.set_downstream(other, edge_modifier=self)

    def update_relative(self, other: DependencyMixin, *, upstream: bool) -> None:
        """Called by the other side when it names this label first."""
        if upstream:
            self.set_upstream(other)
        else:
            self.set_downstream(other)


def Label(label: str) -> EdgeModifier:
    """A label for the edge between what stands left and right of it."""
    return EdgeModifier(label)
