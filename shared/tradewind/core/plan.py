"""A DAG version made ready for deciding: its tasks in topological order, with edges as places in that order."""

from array import array
from collections.abc import Mapping, Sequence
from typing import Final

from tradewind.core.errors import DomainError
from tradewind.core.mapping import instances_wanted, mapped_over
from tradewind.core.setup_teardown import SetupTeardown
from tradewind.core.spec import DagSpec, MapLength, TaskSpec

_BYTES_PER_PLAN: Final = 2_000
_BYTES_PER_TASK_SPEC: Final = 900

_NO_EDGES: Final[tuple[int, ...]] = ()


class DagPlan:
    """One DAG version. Made once and shared by its runs.

    An edge inside one mapped task group joins instances index by index (`grouped_…`); every other edge joins all
    instances of the one task with all of the other (`shared_…`).
    """

    __slots__ = (
        "downstream",
        "grouped_downstream",
        "grouped_upstream",
        "has_past",
        "leaves",
        "limited",
        "literal_lengths",
        "map_dependencies",
        "map_lengths",
        "mapped_groups",
        "may_wait_for_others",
        "positions",
        "setups",
        "shared_downstream",
        "size_bytes",
        "spec",
        "tasks",
        "upstream",
        "upstream_totals",
        "watchers",
    )

    def __init__(self, spec: DagSpec) -> None:
        """Raises `DomainError` when the tasks do not form a DAG."""
        self.spec: Final = spec
        self.tasks: Final[tuple[TaskSpec, ...]] = _topological(spec)
        self.positions: Final = {task.task_id: position for position, task in enumerate(self.tasks)}
        self.upstream: Final = tuple(tuple(self.positions[above] for above in t.upstream_task_ids) for t in self.tasks)
        self.downstream: Final = _downstream(self.upstream)
        self._link_groups()
        self._link_setups()
        self.may_wait_for_others: Final = any(map(_may_wait, self.tasks))
        """A task may wait for what is outside the run, so that a run with nothing to do is not stuck."""
        self.has_past: Final = any(task.depends_on_past for task in self.tasks)
        """Runs of the DAG wait for what became of tasks in the run before."""
        self.limited: Final = tuple(place for place, task in enumerate(self.tasks) if _is_limited(task))
        """Tasks that have limits of their own."""
        edges = sum(map(len, self.upstream))
        self.size_bytes: Final = _BYTES_PER_PLAN + _BYTES_PER_TASK_SPEC * len(self.tasks) + 24 * edges

    def _link_groups(self) -> None:
        groups = _mapped_groups(self.spec)
        self.mapped_groups: tuple[str | None, ...]
        """By place: the mapped group that the task is in."""
        self.mapped_groups = mapped = tuple(groups.get(task.task_group_id or "") for task in self.tasks)
        lengths = {group.group_id: group.map_length for group in self.spec.task_groups}
        self.map_lengths: tuple[MapLength | None, ...] = tuple(
            task.map_length or (lengths[group] if group is not None else None)
            for task, group in zip(self.tasks, mapped, strict=True)
        )
        """By place: how many instances the task, or the mapped group that it is in, gets; None = one, unmapped."""
        self.map_dependencies = {
            place: tuple(sorted(self.positions[task_id] for task_id in dict.fromkeys(mapped_over(length))))
            for place, length in enumerate(self.map_lengths)
            if length is not None
        }
        """Mapped task → the tasks whose XComs say how many instances it gets."""
        self.literal_lengths: Mapping[int, int] = {
            place: count
            for place, dependencies in self.map_dependencies.items()
            if not dependencies and (count := _literal_length(self.map_lengths[place]))
        }
        """Mapped task → how many instances it has from the start of a run, where that hangs on no task's XCom."""
        if not any(mapped):
            self.shared_downstream = self.downstream
            self.grouped_downstream = self.grouped_upstream = (_NO_EDGES,) * len(self.tasks)
            self.upstream_totals = array("l", map(len, self.upstream))
            return
        self.shared_downstream = _edges(self.downstream, mapped, grouped=False)
        self.grouped_downstream = _edges(self.downstream, mapped, grouped=True)
        self.grouped_upstream = _edges(self.upstream, mapped, grouped=True)
        self.upstream_totals = array("l", map(len, _edges(self.upstream, mapped, grouped=False)))

    def _link_setups(self) -> None:
        has_any = any(task.is_setup or task.is_teardown for task in self.tasks)
        self.setups = SetupTeardown(self.tasks, self.upstream, self.downstream) if has_any else None
        self.leaves = (
            self.setups.deciding_leaves
            if self.setups
            else tuple(place for place, below in enumerate(self.downstream) if not below)
        )
        watchers: dict[int, tuple[int, ...]] = dict(self.setups.watchers) if self.setups else {}
        for place, dependencies in self.map_dependencies.items():
            for dependency in dependencies:
                if place not in self.downstream[dependency]:
                    watchers[dependency] = (*watchers.get(dependency, ()), place)
        self.watchers: Mapping[int, tuple[int, ...]] = watchers
        """Place → tasks, not directly downstream, that are to be looked at when it ends."""


def _literal_length(length: MapLength | None) -> int | None:
    return None if length is None else instances_wanted(length, lambda _: None)


def _may_wait(task: TaskSpec) -> bool:
    return bool(task.depends_on_past or _is_limited(task))


def _is_limited(task: TaskSpec) -> bool:
    return task.max_active_tis_per_dag is not None or task.max_active_tis_per_dagrun is not None


def _mapped_groups(spec: DagSpec) -> dict[str, str]:
    """Group → the closest mapped group that it is or lies in; groups come parent first."""
    found: dict[str, str] = {}
    for group in spec.task_groups:
        if group.map_length is not None:
            found[group.group_id] = group.group_id
        elif group.parent_group_id in found:
            found[group.group_id] = found[group.parent_group_id]
    return found


def _edges(
    edges: Sequence[Sequence[int]], mapped: Sequence[str | None], *, grouped: bool
) -> tuple[tuple[int, ...], ...]:
    return tuple(
        tuple(other for other in others if (mapped[place] is not None and mapped[place] == mapped[other]) is grouped)
        for place, others in enumerate(edges)
    )


def _downstream(upstream: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    below: list[list[int]] = [[] for _ in upstream]
    for place, above in enumerate(upstream):
        for entry in above:
            below[entry].append(place)
    return tuple(tuple(entries) for entries in below)


def _topological(spec: DagSpec) -> tuple[TaskSpec, ...]:
    """The tasks with every upstream before its downstream; the spec's own order where that is one already."""
    by_id = {task.task_id: task for task in spec.tasks}
    missing = {task.task_id: len(task.upstream_task_ids) for task in spec.tasks}
    below: dict[str, list[str]] = {task.task_id: [] for task in spec.tasks}
    for task in spec.tasks:
        for upstream_id in task.upstream_task_ids:
            if upstream_id not in below:
                raise DomainError(
                    f"task {task.task_id!r} of DAG {spec.dag_id!r} names no upstream task {upstream_id!r}"
                )
            below[upstream_id].append(task.task_id)
    if _is_topological(spec.tasks):
        return spec.tasks
    ordered = [task.task_id for task in spec.tasks if not missing[task.task_id]]
    for task_id in ordered:
        for downstream_id in below[task_id]:
            missing[downstream_id] -= 1
            if not missing[downstream_id]:
                ordered.append(downstream_id)
    if len(ordered) != len(by_id):
        raise DomainError(f"the tasks of DAG {spec.dag_id!r} form a cycle")
    return tuple(by_id[task_id] for task_id in ordered)


def _is_topological(tasks: Sequence[TaskSpec]) -> bool:
    seen: dict[str, None] = {}
    for task in tasks:
        if any(upstream_id not in seen for upstream_id in task.upstream_task_ids):
            return False
        seen[task.task_id] = None
    return True
