"""`a >> Label("why") >> b`: an edge with a text on it."""

from collections.abc import Sequence

from tradewind.sdk.node import DAGNode, DependencyMixin, as_list
from tradewind.sdk.task_groups import TaskGroup


class EdgeModifier(DependencyMixin):
    """Stands between two sides of `>>` until both are known, then joins them and keeps the label on their DAG.

    As in Airflow, a label between different task groups is one between groups: the side that was named first stands
    for the whole group that it is in.
    """

    def __init__(self, label: str | None = None) -> None:
        self.label = label
        self._upstream: list[DependencyMixin] = []
        self._downstream: list[DependencyMixin] = []

    @property
    def roots(self) -> list[DAGNode]:
        """Where an edge into the label leads."""
        return [root for node in self._downstream for root in node.roots]

    @property
    def leaves(self) -> list[DAGNode]:
        """Where an edge out of the label comes from."""
        return [leaf for node in self._upstream for leaf in node.leaves]

    def set_upstream(
        self, other: "DependencyMixin | Sequence[DependencyMixin]", edge_modifier: "EdgeModifier | None" = None
    ) -> None:
        """Take the upstream side; join if the other is known."""
        self._upstream.extend(as_list(other))
        self._widen()
        for node in self._downstream:
            node.set_upstream(other, edge_modifier=self)

    def set_downstream(
        self, other: "DependencyMixin | Sequence[DependencyMixin]", edge_modifier: "EdgeModifier | None" = None
    ) -> None:
        """Take the downstream side; join if the other is known."""
        self._downstream.extend(as_list(other))
        self._widen()
        for node in self._upstream:
            node.set_downstream(other, edge_modifier=self)

    def _widen(self) -> None:
        if not (self._upstream and self._downstream):
            return
        groups = {_group_id(node) for node in (*self._upstream, *self._downstream)}
        if len(groups) > 1:
            self._upstream, self._downstream = list(map(_whole, self._upstream)), list(map(_whole, self._downstream))

    def update_relative(self, other: DependencyMixin, *, upstream: bool) -> None:
        """Called by the other side when it names this label first."""
        if upstream:
            self.set_upstream(other)
        else:
            self.set_downstream(other)


def _group_of(node: DependencyMixin) -> TaskGroup | None:
    if isinstance(node, TaskGroup):
        return node.parent_group
    tasks = node.roots
    return tasks[0].task_group if tasks else None


def _group_id(node: DependencyMixin) -> str:
    """Of the group that a side lies in; empty for the DAG's own."""
    group = _group_of(node)
    return "" if group is None else group.node_id


def _whole(node: DependencyMixin) -> DependencyMixin:
    group = _group_of(node) if isinstance(node, DAGNode | TaskGroup) else None
    return node if group is None or group.is_root else group


def Label(label: str) -> EdgeModifier:
    """A label for the edge between what stands left and right of it."""
    return EdgeModifier(label)
