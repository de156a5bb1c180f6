"""Which tasks are in a group, and which are mapped through theirs."""

from tradewind.core.spec import DagSpec, TaskSpec


def tasks_inside(spec: DagSpec, group_id: str) -> tuple[str, ...] | None:
    """Ids of the tasks in a group, at any depth; None if there is no such group."""
    inside = _with_descendants(spec, {group_id})
    if all(group.group_id != group_id for group in spec.task_groups):
        return None
    return tuple(task.task_id for task in spec.tasks if task.task_group_id in inside)


def is_mapped(spec: DagSpec, task: TaskSpec) -> bool:
    """Whether the task has instances by map index: it is mapped itself, or a group that it lies in is."""
    mapped = {group.group_id for group in spec.task_groups if group.map_length is not None}
    return task.map_length is not None or task.task_group_id in _with_descendants(spec, mapped)


def _with_descendants(spec: DagSpec, group_ids: set[str]) -> set[str]:
    """Groups come parent first."""
    found = set(group_ids)
    for group in spec.task_groups:
        if group.parent_group_id in found:
            found.add(group.group_id)
    return found
