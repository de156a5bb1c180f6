"""Which position each task instance of a run has in the columns of its snapshot."""

from array import array
from collections.abc import Mapping, Sequence
from typing import Final

UNMAPPED: Final = -1


class Instances:
    """Positions of task instances. Never changed: `grown` makes another.

    The first positions are the plan's tasks in their order, each as one unmapped instance: for a mapped task that has
    not been expanded it stands for all that may come. Instances of mapped tasks lie behind, as they came to be.
    """

    __slots__ = ("_map_indexes", "_mapped", "_task_count", "_tasks")

    def __init__(self, task_count: int) -> None:
        self._task_count: Final = task_count
        self._tasks = array("l")
        self._map_indexes = array("l")
        self._mapped: Mapping[int, array[int]] = {}

    def __len__(self) -> int:
        """One more than the last position."""
        return self._task_count + len(self._tasks)

    def task(self, position: int) -> int:
        """The place of the instance's task in the plan."""
        return position if position < self._task_count else self._tasks[position - self._task_count]

    def map_index(self, position: int) -> int:
        """Of the instance; -1 = not mapped."""
        return UNMAPPED if position < self._task_count else self._map_indexes[position - self._task_count]

    def is_expanded(self, task: int) -> bool:
        """Whether the task has instances of its own for each item."""
        return task in self._mapped

    def is_replaced(self, position: int) -> bool:
        """Whether this unmapped instance has given way to mapped ones."""
        return position in self._mapped

    def of(self, task: int) -> Sequence[int]:
        """The positions of a task's instances, by map index."""
        return self._mapped.get(task) or (task,)

    def find(self, task: int, map_index: int) -> int | None:
        """The position of one instance, if there is such a one."""
        mapped = self._mapped.get(task)
        if mapped is None:
            return task if map_index == UNMAPPED else None
        return mapped[map_index] if 0 <= map_index < len(mapped) else None

    def grown(self, task: int, count: int) -> "Instances":
        """With so many instances of the task, or as many as there are if those are more; at least one."""
        before = self._mapped.get(task, array("l"))
        fresh = range(len(before), count)
        after = Instances(self._task_count)
        after._tasks = self._tasks + array("l", [task]) * len(fresh)
        after._map_indexes = self._map_indexes + array("l", fresh)
        positions = array("l", range(len(self), len(self) + len(fresh)))
        after._mapped = {**self._mapped, task: before + positions}
        return after
