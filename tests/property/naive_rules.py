"""The rules of dependencies read from scratch each time: slow, with no counters, for comparison with what is kept."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod

from tradewind.core.spec import DagSpec, LengthKind, MapLength, TaskSpec, TriggerRule
from tradewind.core.states import TaskInstanceState
from tradewind.core.trigger_rules import Answer, UpstreamCounts, answer

Key = tuple[str, int]
"""Task id and map index; -1 = not mapped, or not expanded yet."""

S = TaskInstanceState
FINISHED = (S.SUCCESS, S.SKIPPED, S.FAILED, S.UPSTREAM_FAILED, S.REMOVED)
BROKEN = (S.FAILED, S.UPSTREAM_FAILED)
HASTY = (
    TriggerRule.ONE_SUCCESS,
    TriggerRule.ONE_FAILED,
    TriggerRule.ONE_DONE,
    TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
)


@dataclass(frozen=True, kw_only=True)
class Known:
    """All instances of a run as they stand; an expanded task has no instance -1."""

    spec: DagSpec
    states: Mapping[Key, TaskInstanceState]
    lengths: Mapping[Key, int]
    skip_requested: tuple[Key, ...] = ()

    @cached_property
    def tasks(self) -> dict[str, TaskSpec]:
        return {task.task_id: task for task in self.spec.tasks}

    def instances(self, task_id: str) -> list[Key]:
        return [key for key in self.states if key[0] == task_id]

    def is_expanded(self, task_id: str) -> bool:
        return (task_id, -1) not in self.states

    def mapped_group(self, task: TaskSpec) -> str | None:
        groups = {group.group_id: group for group in self.spec.task_groups}
        group_id = task.task_group_id
        while group_id is not None and groups[group_id].map_length is None:
            group_id = groups[group_id].parent_group_id
        return group_id

    def map_length(self, task: TaskSpec) -> MapLength | None:
        group_id = self.mapped_group(task)
        of_group = next((group.map_length for group in self.spec.task_groups if group.group_id == group_id), None)
        return task.map_length or of_group


def verdict(known: Known, key: Key) -> Answer:
    """What becomes of an instance that has not begun."""
    task = known.tasks[key[0]]
    if key in known.skip_requested:
        return Answer.SKIP
    by_rule = answer(task.trigger_rule, _counts(known, key))
    if task.trigger_rule is not TriggerRule.ALWAYS:
        by_setups = _by_teardown(known, key, by_rule) if task.is_teardown else _by_setups(known, key, by_rule)
        if by_setups is not None:
            return by_setups
    return _by_what_it_maps_over(known, task) or by_rule


def instances_wanted(known: Known, length: MapLength) -> int | None:
    """How many instances, as far as that is known."""
    if length.kind is LengthKind.LITERAL:
        return length.length
    if length.kind is LengthKind.XCOM:
        return _pushed(known, length.task_id or "")
    found = [instances_wanted(known, part) for part in length.parts]
    combine: Callable[[list[int]], int] = {
        LengthKind.PRODUCT: prod,
        LengthKind.SUM: sum,
        LengthKind.SHORTEST: min,
        LengthKind.LONGEST: max,
    }[length.kind]
    return None if None in found else combine([part for part in found if part is not None])


def deciding_leaves(spec: DagSpec) -> list[str]:
    """The tasks that decide the run's state: ignored teardowns neither count nor hide what is before them."""
    ignored = [task.task_id for task in spec.tasks if task.is_teardown and not task.on_failure_fail_dagrun]
    leaves = [
        task.task_id
        for task in spec.tasks
        if task.task_id not in ignored and all(below in ignored for below in task.downstream_task_ids)
    ]
    return leaves or [task.task_id for task in spec.tasks if not task.downstream_task_ids]


def _pushed(known: Known, task_id: str) -> int | None:
    keys = known.instances(task_id)
    if not known.is_expanded(task_id):
        return known.lengths.get(keys[0]) if known.states[keys[0]] is S.SUCCESS else None
    if any(known.states[key] not in FINISHED for key in keys):
        return None
    return sum(key in known.lengths for key in keys)


def _counts(known: Known, key: Key) -> UpstreamCounts:
    task = known.tasks[key[0]]
    relevant = [above for above_id in task.upstream_task_ids for above in _relevant(known, key, above_id)]
    states = [known.states[above] for above in relevant]
    setups = [known.states[above] for above in relevant if known.tasks[above[0]].is_setup]
    return UpstreamCounts(
        len(states),
        *(states.count(state) for state in FINISHED),
        setups=len(setups),
        successful_setups=setups.count(S.SUCCESS),
        skipped_setups=setups.count(S.SKIPPED),
    )


def _relevant(known: Known, key: Key, above_id: str) -> list[Key]:
    if key[1] == -1 and known.tasks[key[0]].trigger_rule in HASTY:
        return known.instances(above_id)
    return _joined(known, key, above_id)


def _joined(known: Known, key: Key, above_id: str) -> list[Key]:
    group, everything = known.mapped_group(known.tasks[key[0]]), known.instances(above_id)
    if group is None or group != known.mapped_group(known.tasks[above_id]) or not known.is_expanded(above_id):
        return everything
    return [each for each in everything if each[1] == key[1]]


def _by_what_it_maps_over(known: Known, task: TaskSpec) -> Answer | None:
    length = known.map_length(task)
    above = [] if length is None else [known.states.get((task_id, -1)) for task_id in _mapped_over(length)]
    if any(state in BROKEN for state in above):
        return Answer.UPSTREAM_FAILED
    return Answer.SKIP if S.SKIPPED in above else None


def _mapped_over(length: MapLength) -> Iterator[str]:
    if length.task_id is not None:
        yield length.task_id
    for part in length.parts:
        yield from _mapped_over(part)


def _by_setups(known: Known, key: Key, by_rule: Answer) -> Answer | None:
    task = known.tasks[key[0]]
    teardowns_below = [other for other in _below(known, task.task_id) if known.tasks[other].is_teardown]
    states: list[TaskInstanceState] = []
    for above_id in _above(known, task.task_id):
        above = known.tasks[above_id]
        own_teardowns = [other for other in above.downstream_task_ids if known.tasks[other].is_teardown]
        is_relevant = not own_teardowns or any(other in teardowns_below for other in own_teardowns)
        if above.is_setup and is_relevant and above_id not in task.upstream_task_ids:
            states += [known.states[each] for each in _joined(known, key, above_id)]
    if any(state in BROKEN for state in states):
        return Answer.UPSTREAM_FAILED
    if S.SKIPPED in states:
        return Answer.SKIP
    is_set_up = all(state in (S.SUCCESS, S.REMOVED) for state in states)
    return Answer.WAIT if not is_set_up and by_rule is Answer.RUN else None if is_set_up else by_rule


def _by_teardown(known: Known, key: Key, by_rule: Answer) -> Answer | None:
    task = known.tasks[key[0]]
    scope = [
        member
        for setup in task.upstream_task_ids
        if known.tasks[setup].is_setup
        for member in _below(known, setup)
        if member in _above(known, task.task_id) and member not in task.upstream_task_ids
    ]
    states = [known.states[each] for member in scope for each in _joined(known, key, member)]
    is_over = all(state in FINISHED for state in states)
    return Answer.WAIT if by_rule is Answer.RUN and not is_over else None


def _above(known: Known, task_id: str) -> list[str]:
    direct = known.tasks[task_id].upstream_task_ids
    return list(dict.fromkeys([*direct, *(more for each in direct for more in _above(known, each))]))


def _below(known: Known, task_id: str) -> list[str]:
    direct = known.tasks[task_id].downstream_task_ids
    return list(dict.fromkeys([*direct, *(more for each in direct for more in _below(known, each))]))
