"""What can stand left and right of `>>`: tasks, groups, XCom references and labels."""

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Self, TypeVar

if TYPE_CHECKING:
    from tradewind.sdk.dags import DAG
    from tradewind.sdk.edges import EdgeModifier
    from tradewind.sdk.task_groups import TaskGroup

OtherT = TypeVar("OtherT")

MAX_KEY_LENGTH: Final = 250
MAX_GROUP_KEY_LENGTH: Final = 200
_KEY = re.compile(r"[\w.-]+")
_GROUP_KEY = re.compile(r"[\w-]+")


def validate_key(key: object, max_length: int = MAX_KEY_LENGTH, *, kind: str = "key") -> str:
    """The id of a DAG or task: letters, digits, dashes, dots, underscores. Raises TypeError or ValueError."""
    if not isinstance(key, str):
        raise TypeError(f"The {kind} must be a string, not {type(key).__name__}: {key!r}")
    if len(key) > max_length:
        raise ValueError(f"The {kind} {key!r} is {len(key)} characters long; at most {max_length} are allowed")
    if not _KEY.fullmatch(key):
        raise ValueError(
            f"The {kind} {key!r} has to be made of letters, digits, dashes, dots and underscores exclusively"
        )
    return key


def validate_group_key(key: object) -> str:
    """The id of a task group: as for a task, without dots."""
    validate_key(key, kind="group_id", max_length=MAX_GROUP_KEY_LENGTH)
    if not _GROUP_KEY.fullmatch(str(key)):
        raise ValueError(f"The group_id {key!r} has to be made of letters, digits, dashes and underscores exclusively")
    return str(key)


def as_list(other: "DependencyMixin | Sequence[DependencyMixin]") -> "list[DependencyMixin]":
    """One or many as a list; raises TypeError for what cannot be depended upon."""
    if isinstance(other, DependencyMixin):
        return [other]
    many: Sequence[object] = other if isinstance(other, list | tuple) else (other,)
    return [_checked(node) for node in many]


def _checked(node: object) -> "DependencyMixin":
    if not isinstance(node, DependencyMixin):
        raise TypeError(
            f"Relationships can only be set between tasks, task groups, XComArgs and labels;"
            f" received {type(node).__name__}: {node!r}"
        )
    return node


class DependencyMixin(ABC):
    """Anything with an upstream and a downstream side."""

    @property
    @abstractmethod
    def roots(self) -> "list[DAGNode]":
        """The tasks that an edge into this leads to."""

    @property
    @abstractmethod
    def leaves(self) -> "list[DAGNode]":
        """The tasks that an edge out of this comes from."""

    @abstractmethod
    def set_upstream(
        self, other: "DependencyMixin | Sequence[DependencyMixin]", edge_modifier: "EdgeModifier | None" = None
    ) -> None:
        """Run after `other`."""

    @abstractmethod
    def set_downstream(
        self, other: "DependencyMixin | Sequence[DependencyMixin]", edge_modifier: "EdgeModifier | None" = None
    ) -> None:
        """Run before `other`."""

    def update_relative(self, other: "DependencyMixin", *, upstream: bool) -> None:  # noqa: B027 - most do nothing then
        """Told when `other` named this in an edge; labels and groups act on it."""

    def __rshift__(self, other: OtherT) -> OtherT:
        self.set_downstream(other)  # pyright: ignore[reportArgumentType] - as_list checks it with a clear error
        return other

    def __lshift__(self, other: OtherT) -> OtherT:
        self.set_upstream(other)  # pyright: ignore[reportArgumentType] - as_list checks it with a clear error
        return other

    def __rrshift__(self, other: "Sequence[DependencyMixin]") -> Self:
        self.set_upstream(other)
        return self

    def __rlshift__(self, other: "Sequence[DependencyMixin]") -> Self:
        self.set_downstream(other)
        return self


class DAGNode(DependencyMixin):
    """A task: a node with an id, in a DAG, with edges. Edges are kept as dicts, so that their order is the author's."""

    is_mapped: ClassVar[bool] = False
    """Whether it stands for as many instances as there is something to map over: see `tradewind.sdk.mapped`."""
    is_setup: bool = False
    is_teardown: bool = False

    task_id: str
    task_group: "TaskGroup | None"
    _dag: "DAG | None" = None

    def __init__(self) -> None:
        self._upstream_ids: dict[str, None] = {}
        self._downstream_ids: dict[str, None] = {}

    @property
    def roots(self) -> "list[DAGNode]":
        """Itself."""
        return [self]

    @property
    def leaves(self) -> "list[DAGNode]":
        """Itself."""
        return [self]

    @property
    def upstream_task_ids(self) -> set[str]:
        """Ids of the tasks directly upstream."""
        return set(self._upstream_ids)

    @property
    def downstream_task_ids(self) -> set[str]:
        """Ids of the tasks directly downstream."""
        return set(self._downstream_ids)

    @property
    def dag(self) -> "DAG":
        """The DAG that the task belongs to; raises RuntimeError before it has one."""
        if self._dag is None:
            raise RuntimeError(f"Operator {self!r} has not been assigned to a DAG yet")
        return self._dag

    @dag.setter
    def dag(self, dag: "DAG | None") -> None:
        if dag is None or dag is self._dag:
            return
        if self._dag is not None:
            raise ValueError(f"The DAG assigned to {self!r} can not be changed")
        dag.add_task(self)  # pyright: ignore[reportArgumentType] - every node with a setter is an operator

    def get_closest_mapped_task_group(self) -> "TaskGroup | None":
        """The innermost mapped group that it is in, if any."""
        group = self.task_group
        while group is not None and not group.is_mapped:
            group = group.parent_group
        return group

    def has_dag(self) -> bool:
        """Whether it belongs to a DAG."""
        return self._dag is not None

    def get_dag(self) -> "DAG | None":
        """The DAG that the task belongs to, if any."""
        return self._dag

    @property
    def dag_id(self) -> str:
        """The id of its DAG."""
        return self._dag.dag_id if self._dag is not None else "_in_memory_dag_"

    @property
    def node_id(self) -> str:
        """The task's id."""
        return self.task_id

    @property
    def label(self) -> str:
        """The name to show."""
        return self.task_id

    @property
    def upstream_list(self) -> "list[DAGNode]":
        """The tasks directly upstream, in the order in which they were named."""
        return [self.dag.task_dict[task_id] for task_id in self._upstream_ids]

    @property
    def downstream_list(self) -> "list[DAGNode]":
        """The tasks directly downstream, in the order in which they were named."""
        return [self.dag.task_dict[task_id] for task_id in self._downstream_ids]

    def get_direct_relative_ids(self, upstream: bool = False) -> set[str]:
        """Ids of the direct neighbours on one side."""
        return self.upstream_task_ids if upstream else self.downstream_task_ids

    def get_flat_relative_ids(self, *, upstream: bool = False, depth: int | None = None) -> set[str]:
        """Ids of all tasks on one side, however far, or at most `depth` steps. Raises ValueError for a negative one."""
        if depth is not None and depth < 0:
            raise ValueError(f"depth must be non-negative, not {depth}")
        found: set[str] = set()
        front, steps = {self.task_id}, 0
        while front and (depth is None or steps < depth):
            nodes = (self.dag.task_dict[task_id] for task_id in front)
            front = {other for node in nodes for other in node.get_direct_relative_ids(upstream)} - found
            found |= front
            steps += 1
        return found

    def get_flat_relatives(self, upstream: bool = False, depth: int | None = None) -> "list[DAGNode]":
        """The tasks on one side, however far, or at most `depth` steps, in the order in which they were written."""
        found = self.get_flat_relative_ids(upstream=upstream, depth=depth)
        return [task for task_id, task in self.dag.task_dict.items() if task_id in found]

    def get_direct_relatives(self, upstream: bool = False) -> "list[DAGNode]":
        """The direct neighbours on one side."""
        return self.upstream_list if upstream else self.downstream_list

    def move_into(self, dag: "DAG", task_ids: Collection[str]) -> None:
        """Belong to another DAG, a part of one's own that has these tasks only."""
        self._dag = dag
        self._upstream_ids = {task_id: None for task_id in self._upstream_ids if task_id in task_ids}
        self._downstream_ids = {task_id: None for task_id in self._downstream_ids if task_id in task_ids}

    def set_upstream(
        self, other: "DependencyMixin | Sequence[DependencyMixin]", edge_modifier: "EdgeModifier | None" = None
    ) -> None:
        """Run after `other`."""
        for node in as_list(other):
            node.update_relative(self, upstream=False)
            for leaf in node.leaves:
                _join(leaf, self, edge_modifier)

    def set_downstream(
        self, other: "DependencyMixin | Sequence[DependencyMixin]", edge_modifier: "EdgeModifier | None" = None
    ) -> None:
        """Run before `other`."""
        for node in as_list(other):
            node.update_relative(self, upstream=True)
            for root in node.roots:
                _join(self, root, edge_modifier)


def _join(upstream: DAGNode, downstream: DAGNode, edge_modifier: "EdgeModifier | None") -> None:
    dag = _shared_dag(upstream, downstream)
    if upstream._dag is None:  # pyright: ignore[reportPrivateUsage] - same class
        upstream.dag = dag
    if downstream._dag is None:  # pyright: ignore[reportPrivateUsage] - same class
        downstream.dag = dag
    upstream._downstream_ids[downstream.task_id] = None  # pyright: ignore[reportPrivateUsage] - same class
    downstream._upstream_ids[upstream.task_id] = None  # pyright: ignore[reportPrivateUsage] - same class
    if edge_modifier is not None:
        dag.set_edge_info(upstream.task_id, downstream.task_id, edge_modifier.label)


def _shared_dag(upstream: DAGNode, downstream: DAGNode) -> "DAG":
    one, other = upstream.get_dag(), downstream.get_dag()
    if one is not None and other is not None and one is not other:
        raise ValueError(
            f"Tried to set relationships between tasks in more than one DAG:"
            f" {upstream.task_id!r} in {one.dag_id!r} and {downstream.task_id!r} in {other.dag_id!r}"
        )
    dag = one or other
    if dag is None:
        raise ValueError(
            f"Tried to create relationships between tasks that have no DAG yet:"
            f" {upstream.task_id!r} and {downstream.task_id!r}; set the DAG for at least one of them"
        )
    return dag
