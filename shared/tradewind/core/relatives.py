"""Which tasks are meant besides those that a person names: upstream, downstream, their setups and teardowns.

A *choice* says which instances of a run are meant: task id → map indexes, None = all of the task's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tradewind.core.errors import NotFound
from tradewind.core.spec import DagSpec, TaskSpec

Marker = str | tuple[str, int]
"""A task, or one instance of a mapped task."""

Choice = Mapping[str, tuple[int, ...] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceRequest:
    """What a person names. Without markers everything is meant."""

    markers: tuple[Marker, ...] | None = None
    include_upstream: bool = False
    include_downstream: bool = False
    """With upstream too, also what is downstream of that."""
    is_of_one_run: bool = True
    """Over several runs, relatives are meant as a whole, and upstream's own downstream is left out."""


class Relatives:
    """The graph of one DAG version, asked by task ids."""

    def __init__(self, spec: DagSpec) -> None:
        self._spec: Final = spec
        self._tasks: Final = {task.task_id: task for task in spec.tasks}
        self._mapped_groups: Final = _mapped_groups(spec)

    def task(self, task_id: str) -> TaskSpec:
        """Raises `NotFound`."""
        task = self._tasks.get(task_id)
        if task is None:
            raise NotFound(f"The task {task_id!r} was not found in the DAG {self._spec.dag_id!r}")
        return task

    def is_mapped(self, task_id: str) -> bool:
        """By itself, or through a mapped group."""
        task = self.task(task_id)
        return task.map_length is not None or self._mapped_group(task_id) is not None

    def upstream(self, task_id: str) -> Mapping[str, None]:
        """All tasks above, near ones first."""
        return self._reachable(task_id, is_upstream=True)

    def downstream(self, task_id: str) -> Mapping[str, None]:
        """All tasks below, near ones first."""
        return self._reachable(task_id, is_upstream=False)

    def subset(
        self, task_ids: Iterable[str], *, include_upstream: bool = False, include_downstream: bool = False
    ) -> Mapping[str, None]:
        """What belongs to these tasks: relatives as asked, and the setups and teardowns without which they cannot run.
        The tasks themselves are in it only as relatives of each other."""
        named = dict.fromkeys(task_id for task_id in task_ids if task_id in self._tasks)
        found: dict[str, None] = {}
        for task_id in named:
            task = self._tasks[task_id]
            if include_downstream:
                self._add_downstream(task_id, named, found)
            if include_upstream:
                self._add_upstream(task_id, found)
            elif not task.is_setup and not task.is_teardown:
                self._add_setups(task_id, found)
            if task.is_setup and not include_downstream:
                found.update(dict.fromkeys(self._teardowns(task)))
        return found

    def _add_downstream(self, task_id: str, named: Mapping[str, None], found: dict[str, None]) -> None:
        for below in self.downstream(task_id):
            found[below] = None
            task = self._tasks[below]
            if below not in named and not task.is_setup and not task.is_teardown:
                self._add_setups(below, found)

    def _add_upstream(self, task_id: str, found: dict[str, None]) -> None:
        for above in self.upstream(task_id):
            found[above] = None
            if self._tasks[above].is_setup:
                found.update((each, None) for each in self._teardowns(self._tasks[above]) if each != task_id)

    def _add_setups(self, task_id: str, found: dict[str, None]) -> None:
        """The setups that the task lies behind, if it lies before one of their teardowns or they have none."""
        below = self.downstream(task_id)
        for above in self.upstream(task_id):
            setup = self._tasks[above]
            if not setup.is_setup:
                continue
            teardowns = self._teardowns(setup)
            if not teardowns or any(each in below for each in teardowns):
                found[above] = None
                found.update((each, None) for each in teardowns if each != task_id)

    def _teardowns(self, setup: TaskSpec) -> Sequence[str]:
        return [below for below in setup.downstream_task_ids if self._tasks[below].is_teardown]

    def choice(self, request: ChoiceRequest) -> Choice | None:
        """The instances that a request means; None = all. Raises `NotFound` for a task that is not there.

        Of a task of a mapped group, the relatives inside the group are meant index by index, others as a whole.
        """
        if request.markers is None:
            return None
        whole = {marker: None for marker in request.markers if isinstance(marker, str)}
        single = {marker: None for marker in request.markers if not isinstance(marker, str)}
        for task_id in (*whole, *(task_id for task_id, _ in single)):
            self.task(task_id)
        if request.is_of_one_run:
            for is_upstream in (True, False):
                if request.include_upstream if is_upstream else request.include_downstream:
                    self._add_relatives(whole, single, is_upstream=is_upstream)
        else:
            named = (*whole, *(task_id for task_id, _ in single))
            ways = (request.include_upstream, request.include_downstream)
            if any(ways):
                whole.update(self.subset(named, include_upstream=ways[0], include_downstream=ways[1]))
        named = (*whole, *(task_id for task_id, _ in single))
        whole.update((task_id, None) for task_id in self.subset(named) if task_id not in named)
        return _joined(whole, single)

    def _add_relatives(self, whole: dict[str, None], single: dict[tuple[str, int], None], *, is_upstream: bool) -> None:
        named = tuple(single)
        whole.update(self._relatives(tuple(whole), is_upstream=is_upstream))
        for task_id, map_index in named:
            if not self.is_mapped(task_id):
                whole.update(self._relatives((task_id,), is_upstream=is_upstream))
                continue
            group = self._mapped_group(task_id)
            for relative in self._reachable(task_id, is_upstream=is_upstream):
                if group is not None and self._mapped_group(relative) == group:
                    single[relative, map_index] = None
                else:
                    whole[relative] = None
                    whole.update(self._relatives((relative,), is_upstream=is_upstream))

    def _relatives(self, task_ids: Sequence[str], *, is_upstream: bool) -> Mapping[str, None]:
        return self.subset(task_ids, include_upstream=is_upstream, include_downstream=not is_upstream)

    def _mapped_group(self, task_id: str) -> str | None:
        return self._mapped_groups.get(self._tasks[task_id].task_group_id or "")

    def _reachable(self, task_id: str, *, is_upstream: bool) -> dict[str, None]:
        found: dict[str, None] = {}
        waiting = [task_id]
        for each in waiting:
            task = self._tasks[each]
            for relative in task.upstream_task_ids if is_upstream else task.downstream_task_ids:
                if relative not in found and relative in self._tasks:
                    found[relative] = None
                    waiting.append(relative)
        return found


def is_chosen(choice: Choice | None, task_id: str, map_index: int) -> bool:
    """Whether the choice means this instance."""
    if choice is None:
        return True
    if task_id not in choice:
        return False
    indexes = choice[task_id]
    return indexes is None or map_index in indexes


def _joined(whole: Mapping[str, None], single: Mapping[tuple[str, int], None]) -> Choice:
    found: dict[str, tuple[int, ...] | None] = dict.fromkeys(whole)
    for task_id, map_index in single:
        if task_id not in whole:
            found[task_id] = (*(found.get(task_id) or ()), map_index)
    return found


def _mapped_groups(spec: DagSpec) -> Mapping[str, str]:
    """Group → the closest mapped group that it is or lies in; groups come parent first."""
    found: dict[str, str] = {}
    for group in spec.task_groups:
        if group.map_length is not None:
            found[group.group_id] = group.group_id
        elif group.parent_group_id is not None and group.parent_group_id in found:
            found[group.group_id] = found[group.parent_group_id]
    return found
