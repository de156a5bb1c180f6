"""Parts of DAGs: `dag.partial_subset`, and the order of tasks and groups."""

from collections.abc import Iterable, Iterator
from copy import copy
from typing import TYPE_CHECKING

from tradewind.sdk.exceptions import AirflowDagCycleException
from tradewind.sdk.node import DAGNode
from tradewind.sdk.task_groups import TaskGroup

if TYPE_CHECKING:
    from tradewind.sdk.dags import DAG

Child = DAGNode | TaskGroup


def ordered_children(group: TaskGroup) -> list[Child]:
    """What lies directly in a group, upstream before downstream, and as written where that says nothing. Raises
    AirflowDagCycleException."""
    children = list(group.children.values())
    place_of = {task.task_id: place for place, child in enumerate(children) for task in _tasks_of(child)}
    waits_for = [_places_before(child, place_of) - {place} for place, child in enumerate(children)]
    done: list[int] = []
    waiting = list(range(len(children)))
    while waiting:
        left: list[int] = []
        for place in waiting:
            if waits_for[place].issubset(done):
                done.append(place)
            else:
                left.append(place)
        if len(left) == len(waiting):
            names = ", ".join(children[place].node_id for place in left)
            raise AirflowDagCycleException(f"A cyclic dependency occurred in dag: {group.dag.dag_id}: {names}")
        waiting = left
    return [children[place] for place in done]


def ordered_tasks(group: TaskGroup) -> Iterator[DAGNode]:
    """All tasks of a group and of those inside it, in the same order."""
    for child in ordered_children(group):
        if isinstance(child, TaskGroup):
            yield from ordered_tasks(child)
        else:
            yield child


def _tasks_of(child: Child) -> Iterable[DAGNode]:
    return child if isinstance(child, TaskGroup) else (child,)


def _places_before(child: Child, place_of: dict[str, int]) -> set[int]:
    return {place_of[task_id] for task in _tasks_of(child) for task_id in task.upstream_task_ids if task_id in place_of}


def partial_subset(
    dag: "DAG",
    task_ids: str | Iterable[str],
    *,
    include_downstream: bool,
    include_upstream: bool,
    include_direct_upstream: bool,
    depth: int | None,
) -> "DAG":
    """A copy of a DAG with some of its tasks only: those of these ids (for a text: whose ids contain it), what lies
    around them as the flags say, and the setups and teardowns that they need."""
    wanted = {task_ids} if isinstance(task_ids, str) else set(task_ids)
    matched = [
        task
        for task in dag.tasks
        if (task_ids in task.task_id if isinstance(task_ids, str) else task.task_id in wanted)
    ]
    kept = {task.task_id for task in matched}
    for task in matched:
        kept |= _around(task, include_downstream, include_upstream, depth)
    if include_direct_upstream:
        kept |= {above for task_id in kept for above in dag.task_dict[task_id].upstream_task_ids}
    return _copy_of(dag, kept)


def _around(task: DAGNode, downstream: bool, upstream: bool, depth: int | None) -> set[str]:
    found: set[str] = set()
    if downstream:
        for below in task.get_flat_relatives(upstream=False, depth=depth):
            found.add(below.task_id)
            found |= _needed_setups(below)
    if upstream:
        for above in task.get_flat_relatives(upstream=True, depth=depth):
            found.add(above.task_id)
            found |= _teardowns_of(above, task) if above.is_setup else set()
    else:
        found |= _needed_setups(task)
    return found | (_teardowns_of(task, task) if task.is_setup and not downstream else set())


def _needed_setups(task: DAGNode) -> set[str]:
    """Setups whose work the task relies on, with their teardowns."""
    if task.is_setup or task.is_teardown:
        return set()
    behind = {below.task_id for below in task.get_flat_relatives(upstream=False) if below.is_teardown}
    found: set[str] = set()
    for above in task.get_flat_relatives(upstream=True):
        teardowns = _teardowns_of(above, task)
        if above.is_setup and (not teardowns or teardowns & behind):
            found |= {above.task_id, *teardowns}
    return found


def _teardowns_of(setup: DAGNode, asking: DAGNode) -> set[str]:
    return {below.task_id for below in setup.downstream_list if below.is_teardown and below is not asking}


def _copy_of(dag: "DAG", kept: set[str]) -> "DAG":
    other = copy(dag)
    tasks = {task_id: task.prepare_for_execution() for task_id, task in dag.task_dict.items() if task_id in kept}
    other.task_dict, other.task_group_dict = tasks, {}
    for task in tasks.values():
        task.move_into(other, kept)
    other.task_group = _group_of(dag.task_group, other, None)
    return other


def _group_of(group: TaskGroup, dag: "DAG", parent: TaskGroup | None) -> TaskGroup:
    """The group with those of its tasks that are in the DAG, without groups that are left empty."""
    other = copy(group)
    other.dag, other.parent_group, other.children = dag, parent, {}
    for node_id, child in group.children.items():
        if isinstance(child, TaskGroup):
            inner = _group_of(child, dag, other)
            if inner.children:
                other.children[node_id] = inner
                dag.task_group_dict[node_id] = inner
        elif node_id in dag.task_dict:
            task = other.children[node_id] = dag.task_dict[node_id]
            task.task_group = other
    return other
