"""Task groups: tasks that share a prefix, defaults and edges."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from tradewind.sdk.active import current_dag, current_task_group, pop_task_group, push_task_group
from tradewind.sdk.exceptions import DuplicateTaskIdFound
from tradewind.sdk.node import DAGNode, DependencyMixin, as_list, validate_group_key

if TYPE_CHECKING:
    from types import TracebackType

    from tradewind.sdk.dags import DAG
    from tradewind.sdk.edges import EdgeModifier


class TaskGroup(DependencyMixin):
    """A named part of a DAG. An edge into it leads to its first tasks, one out of it comes from its last ones.

    Raises DuplicateTaskIdFound if the id is taken (unless `add_suffix_on_collision`), RuntimeError without a DAG.
    """

    is_mapped: ClassVar[bool] = False
    """Whether it stands for as many instances as there is something to map over: see `tradewind.sdk.mapped`."""

    def __init__(
        self,
        group_id: str | None,
        prefix_group_id: bool = True,
        parent_group: "TaskGroup | None" = None,
        dag: "DAG | None" = None,
        default_args: Mapping[str, Any] | None = None,
        tooltip: str = "",
        ui_color: str = "CornflowerBlue",
        ui_fgcolor: str = "#000",
        add_suffix_on_collision: bool = False,
        group_display_name: str = "",
        doc_md: str | None = None,
    ) -> None:
        self.prefix_group_id = prefix_group_id
        self.tooltip, self.ui_color, self.ui_fgcolor = tooltip, ui_color, ui_fgcolor
        self.group_display_name, self.doc_md = group_display_name, doc_md
        self.children: dict[str, DAGNode | TaskGroup] = {}
        self._upstream_nodes: list[DependencyMixin] = []
        own_dag = dag or (parent_group.dag if parent_group else current_dag())
        if own_dag is None:
            raise RuntimeError("TaskGroup can only be used inside a dag")
        self.dag = own_dag
        self.parent_group = parent_group or (current_task_group(own_dag) if group_id is not None else None)
        inherited = self.parent_group.default_args if self.parent_group else {}
        self.default_args: dict[str, Any] = {**inherited, **(default_args or {})}
        self._group_id = group_id
        if group_id is not None:
            self._join_parent(validate_group_key(group_id), add_suffix_on_collision)

    def _join_parent(self, group_id: str, add_suffix: bool) -> None:
        assert self.parent_group is not None
        self._group_id = group_id
        if self.dag.has_node(self.node_id):
            if not add_suffix:
                raise DuplicateTaskIdFound(f"group_id {self.node_id!r} has already been added to the DAG")
            self._group_id = self._free_group_id(group_id)
        self.dag.task_group_dict[self.node_id] = self
        self.parent_group.children[self.node_id] = self

    def _free_group_id(self, group_id: str) -> str:
        assert self.parent_group is not None
        base = re.split(r"__\d+$", group_id)[0]
        number = 1
        while self.dag.has_node(self.parent_group.child_id(f"{base}__{number}")):
            number += 1
        return f"{base}__{number}"

    @property
    def is_root(self) -> bool:
        """Whether this is the DAG's own, nameless group."""
        return self._group_id is None

    @property
    def group_id(self) -> str | None:
        """The id with the prefixes of all groups around; None for the root."""
        if self._group_id is None or self.parent_group is None:
            return self._group_id
        return self.parent_group.child_id(self._group_id)

    @property
    def node_id(self) -> str:
        """The group's id; empty for the root."""
        return self.group_id or ""

    @property
    def label(self) -> str | None:
        """The name to show."""
        return self.group_display_name or self._group_id

    def child_id(self, label: str) -> str:
        """The full id of a task or group with this name in the group."""
        group_id = self.group_id
        return f"{group_id}.{label}" if self.prefix_group_id and group_id else label

    def add(self, task: DAGNode) -> None:
        """Take a task in; raises DuplicateTaskIdFound."""
        if task.node_id in self.children:
            raise DuplicateTaskIdFound(f"Task id {task.node_id!r} has already been added to the DAG")
        self.children[task.node_id] = task

    def __iter__(self) -> Iterator[DAGNode]:
        """All tasks in the group and in the groups inside it."""
        for child in self.children.values():
            if isinstance(child, TaskGroup):
                yield from child
            else:
                yield child

    def iter_tasks(self) -> Iterator[DAGNode]:
        """All tasks in the group and in the groups inside it."""
        return iter(self)

    def get_roots(self) -> Iterator[DAGNode]:
        """As `roots`."""
        return iter(self.roots)

    def get_leaves(self) -> Iterator[DAGNode]:
        """As `leaves`."""
        return iter(self.leaves)

    def get_dag(self) -> "DAG":
        """The group's DAG."""
        return self.dag

    def has_dag(self) -> bool:
        """Always: a group is made in a DAG."""
        return True

    @property
    def dag_id(self) -> str:
        """The id of its DAG."""
        return self.dag.dag_id

    def topological_sort(self) -> "list[DAGNode | TaskGroup]":
        """What lies directly in it, upstream before downstream; raises AirflowDagCycleException."""
        from tradewind.sdk.subsets import ordered_children

        return ordered_children(self)

    def hierarchical_alphabetical_sort(self) -> "list[DAGNode | TaskGroup]":
        """What lies directly in it, groups first, both by label."""
        return sorted(self.children.values(), key=lambda child: (not isinstance(child, TaskGroup), child.label or ""))

    def get_task_group_dict(self) -> "dict[str | None, TaskGroup]":
        """The group and all inside it, by id."""
        found: dict[str | None, TaskGroup] = {self.group_id: self}
        for child in self.children.values():
            if isinstance(child, TaskGroup):
                found |= child.get_task_group_dict()
        return found

    def has_task(self, task: DAGNode) -> bool:
        """Whether the group, or one inside it, has the task."""
        return any(member is task for member in self)

    def get_child_by_label(self, label: str) -> "DAGNode | TaskGroup":
        """The task or group of this name; raises KeyError."""
        return self.children[self.child_id(label)]

    @property
    def roots(self) -> list[DAGNode]:
        """Tasks without an upstream task inside the group."""
        members = {task.task_id for task in self}
        return [task for task in self if members.isdisjoint(task.upstream_task_ids)]

    @property
    def leaves(self) -> list[DAGNode]:
        """Tasks without a downstream task inside the group, its teardowns left out: what comes after the group does not
        wait for them."""
        members = {task.task_id: task for task in self}
        found: dict[str, DAGNode] = {}
        for task in members.values():
            if members.keys().isdisjoint(task.downstream_task_ids):
                found |= {leaf.task_id: leaf for leaf in _without_teardowns(task, members)}
        return list(found.values())

    def _last(self) -> list[DAGNode]:
        """What comes after the group waits for these: of an empty one whatever comes before it, else for the last tasks
        of the group that it lies in."""
        if any(True for _ in self) or self.is_root:
            return self.leaves
        before = [leaf for node in self._upstream_nodes for leaf in node.leaves]
        around = self.parent_group
        return before or ([] if around is None or around.is_root else around._last())

    def set_upstream(
        self, other: DependencyMixin | Sequence[DependencyMixin], edge_modifier: "EdgeModifier | None" = None
    ) -> None:
        """The group's first tasks run after `other`."""
        self._set_relatives(other, edge_modifier, upstream=True)

    def set_downstream(
        self, other: DependencyMixin | Sequence[DependencyMixin], edge_modifier: "EdgeModifier | None" = None
    ) -> None:
        """The group's last tasks run before `other`."""
        self._set_relatives(other, edge_modifier, upstream=False)

    def _set_relatives(
        self,
        other: DependencyMixin | Sequence[DependencyMixin],
        edge_modifier: "EdgeModifier | None",
        *,
        upstream: bool,
    ) -> None:
        # The members first: edges added meanwhile must not change what first and last mean.
        members = self.roots if upstream else self._last()
        for node in as_list(other):
            node.update_relative(self, upstream=not upstream)
            if upstream:
                self._upstream_nodes.append(node)
            for member in members:
                if upstream:
                    member.set_upstream(node.leaves, edge_modifier)
                else:
                    member.set_downstream(node.roots, edge_modifier)

    def update_relative(self, other: DependencyMixin, *, upstream: bool) -> None:
        """Remembers what comes before, for the case that the group stays empty."""
        if upstream:
            self._upstream_nodes.append(other)

    def __enter__(self) -> "TaskGroup":
        push_task_group(self)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: "TracebackType | None"
    ) -> None:
        pop_task_group()

    def __repr__(self) -> str:
        return f"<TaskGroup: {self.group_id}>"


def _without_teardowns(task: DAGNode, members: Mapping[str, DAGNode]) -> Iterator[DAGNode]:
    """The task, or, of a teardown, the last tasks before it that are neither its setups nor followed by other work."""
    if not task.is_teardown:
        yield task
        return
    for above in task.upstream_list:
        if above.task_id not in members:
            continue
        if above.is_teardown:
            yield from _without_teardowns(above, members)
        elif not above.is_setup and not _is_followed_by_work(above, task, members):
            yield above


def _is_followed_by_work(task: DAGNode, teardown: DAGNode, members: Mapping[str, DAGNode]) -> bool:
    below = (each for each in task.downstream_list if each is not teardown and each.task_id in members)
    return any(not each.is_teardown for each in below)
