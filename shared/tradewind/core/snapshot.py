"""What a scheduler keeps in memory of a run: per task instance its state, and counts of its upstream's ends.

An instance is a *position* (`core.instances`), a task a *place* in the plan. The plan is made once per DAG version and
shared by its runs; the snapshot holds flat columns, well below 2 kB an instance. It changes only by
`core.batches.apply`, after what was decided has been committed; `make_room` merely lengthens its columns.

An end is counted once for each task downstream, however many instances that has; instances of one mapped group, which
are joined index by index, have counters of their own besides.
"""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from tradewind.core.by_hand.flags import RunByHand
from tradewind.core.errors import DomainError
from tradewind.core.gates import ACTIVE_STATES, has_task
from tradewind.core.instances import UNMAPPED, Instances
from tradewind.core.plan import DagPlan
from tradewind.core.rows import DagRunRow, LoadedRun, TaskInstanceId, TaskInstanceRow
from tradewind.core.spec import TaskSpec, TriggerRule
from tradewind.core.states import OPEN_STATES, TaskInstanceState
from tradewind.core.trigger_rules import UpstreamCounts

__all__ = ["BROKEN_STATES", "COUNTED_STATES", "COUNTERS", "DagPlan", "RunSnapshot", "counting_positions"]

BROKEN_STATES: Final = (TaskInstanceState.FAILED, TaskInstanceState.UPSTREAM_FAILED)

COUNTED_STATES: Final[Mapping[TaskInstanceState, int]] = {
    TaskInstanceState.SUCCESS: 0,
    TaskInstanceState.SKIPPED: 1,
    TaskInstanceState.FAILED: 2,
    TaskInstanceState.UPSTREAM_FAILED: 3,
    TaskInstanceState.REMOVED: 4,
}
"""Finished states, and the column in which each is counted for the downstream tasks."""

COUNTERS: Final = len(COUNTED_STATES)

HASTY_RULES: Final = (
    TriggerRule.ONE_SUCCESS,
    TriggerRule.ONE_FAILED,
    TriggerRule.ONE_DONE,
    TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
)
"""Rules that may answer before all of the upstream is done: under them a task of a mapped group that has not been
expanded waits for every instance above it, lest it be decided as a whole."""

_BYTES_PER_TASK: Final = 280
"""State, numbers and counters (about 80), an attempt id (100), and what a timer or a waiting entry adds."""
_BYTES_PER_RUN: Final = 2_000


def counting_positions(plan: DagPlan, instances: Instances, position: int) -> Iterator[int]:
    """The positions whose own counters count this instance's end: those joined to it inside their mapped group."""
    map_index = instances.map_index(position)
    for place in plan.grouped_downstream[instances.task(position)]:
        if not instances.is_expanded(place):
            if map_index == UNMAPPED or plan.tasks[place].trigger_rule in HASTY_RULES:
                yield place
        elif map_index == UNMAPPED:
            yield from instances.of(place)
        elif (found := instances.find(place, map_index)) is not None:
            yield found


def own_total(plan: DagPlan, instances: Instances, position: int) -> int:
    """How many upstream instances of its mapped group an instance waits for."""
    place = instances.task(position)
    above = plan.grouped_upstream[place]
    map_index = instances.map_index(position)
    if map_index != UNMAPPED:
        # Upstream that ran before the group grew has no instance of this index: there is nothing to wait for.
        return sum(not instances.is_expanded(task) or instances.find(task, map_index) is not None for task in above)
    if plan.tasks[place].trigger_rule in HASTY_RULES:
        return sum(len(instances.of(task)) for task in above)
    return sum(not instances.is_expanded(task) for task in above)


def with_setups(
    counts: UpstreamCounts,
    plan: DagPlan,
    instances: Instances,
    position: int,
    state_of: Callable[[int], TaskInstanceState],
) -> UpstreamCounts:
    """The counts, for a teardown with how its setups ended."""
    place = instances.task(position)
    if plan.tasks[place].trigger_rule is not TriggerRule.ALL_DONE_SETUP_SUCCESS:
        return counts
    setups = [above for above in plan.upstream[place] if plan.tasks[above].is_setup]
    ended = [state_of(each) for above in setups for each in joined(plan, instances, position, above)]
    return counts._replace(
        setups=len(ended),
        successful_setups=ended.count(TaskInstanceState.SUCCESS),
        skipped_setups=ended.count(TaskInstanceState.SKIPPED),
    )


def joined(plan: DagPlan, instances: Instances, position: int, above: int) -> Sequence[int]:
    """The instances of a task, anywhere upstream, that concern this one: of a task in the same mapped group the one of
    the same index, before the group has grown none but what has not grown either; otherwise all."""
    place = instances.task(position)
    group = plan.mapped_groups[place]
    if group is None or plan.mapped_groups[above] != group or not instances.is_expanded(above):
        return instances.of(above)
    found = instances.find(above, instances.map_index(position))
    return () if found is None else (found,)


class RunSnapshot:
    """One running run. Columns are indexed by position; counters hold `COUNTERS` numbers each."""

    __slots__ = (
        "active",
        "active_by_place",
        "attempt_ids",
        "by_hand",
        "counters",
        "held_slots",
        "instances",
        "is_new",
        "kept_slots",
        "map_lengths",
        "max_tries",
        "missing",
        "next_action_at",
        "own_counters",
        "pending",
        "plan",
        "run",
        "skip_requested",
        "states",
        "totals",
        "try_numbers",
        "undecided",
        "unfinished",
        "waiting_for_past",
    )

    def __init__(self, loaded: LoadedRun, plan: DagPlan) -> None:
        """Raises `DomainError` for a row that is not of this plan."""
        count = len(plan.tasks)
        self.run: DagRunRow = loaded.run
        self.plan: DagPlan = plan
        self.is_new = not loaded.task_instances
        """Nothing has been decided for it yet."""
        self.instances = Instances(count)
        self.states: list[TaskInstanceState] = [TaskInstanceState.NONE] * count
        self.try_numbers = array("l", bytes(array("l").itemsize * count))
        self.max_tries = array("l", [task.retries for task in plan.tasks])
        self.held_slots = array("l", bytes(array("l").itemsize * count))
        self.attempt_ids: list[UUID | None] = [None] * count
        self.next_action_at: dict[int, datetime] = {}
        self.map_lengths: dict[int, int] = {}
        """Position → length of what it pushed."""
        self.skip_requested: dict[int, None] = {}
        """Positions that a branch upstream did not choose."""
        self.missing = bytearray(b"\x01" * count)
        """1 where the instance has no row yet."""
        self.pending: dict[int, None] = {}
        """Positions whose recorded end has not been decided upon (only in a freshly loaded snapshot)."""
        self.counters = array("l", bytes(array("l").itemsize * count * COUNTERS))
        """By place: ends of the upstream instances that all instances of the task share."""
        self.totals = array("l", plan.upstream_totals)
        """By place: how many of those there are."""
        self.own_counters: dict[int, array[int]] = {}
        """By position, in mapped groups only: ends of the upstream instances that only it waits for."""
        self.undecided = count
        """Instances in state `none`."""
        self.unfinished = count
        self.active = 0
        """Instances that hold slots."""
        self.active_by_place: dict[int, int] = dict.fromkeys(plan.limited, 0)
        """Active instances of the tasks that have limits of their own."""
        self.kept_slots: dict[int, int] = {}
        """Position → slots that it keeps while it is deferred: its pool counts deferred tasks."""
        self.by_hand: dict[int, RunByHand] = {}
        """Positions that a person had run, and how."""
        self.waiting_for_past: dict[int, None] = {}
        """Places of tasks that would start, were it not for `depends_on_past`."""
        self._load(loaded.task_instances)
        self._leave_out()

    def _load(self, rows: Sequence[TaskInstanceRow]) -> None:
        self._load_mapped(rows)
        for row in rows:
            position = self.find(row.id)
            if position is None and row.state is TaskInstanceState.REMOVED:
                continue  # of a version that the run was on before
            if position is None:
                raise DomainError(f"{row.id} is not a task of its run's DAG version {self.run.dag_version_id}")
            self._load_row(position, row)

    def _load_mapped(self, rows: Sequence[TaskInstanceRow]) -> None:
        counts: dict[int, int] = {}
        for row in rows:
            place = self.plan.positions.get(row.id.task_id)
            is_left = row.state is TaskInstanceState.REMOVED and place is not None and not self.plan.map_lengths[place]
            if place is not None and row.id.map_index != UNMAPPED and not is_left:
                counts[place] = max(counts.get(place, 0), row.id.map_index + 1)
        for place in sorted(counts):
            if self.plan.map_lengths[place] is None:
                at = TaskInstanceId(self.run.id, self.plan.tasks[place].task_id, counts[place] - 1)
                raise DomainError(f"{at} is not of a mapped task in DAG version {self.run.dag_version_id}")
            self.make_room(self.instances.grown(place, counts[place]))
            self.count_grown(place, 0)

    def _load_row(self, position: int, row: TaskInstanceRow) -> None:
        self.missing[position] = 0
        self.try_numbers[position] = row.try_number
        self.max_tries[position] = row.max_tries
        self.attempt_ids[position] = row.attempt_id
        if row.state in OPEN_STATES or row.end_pending:
            self.set_held(position, row.held_slots)
        if row.next_action_at is not None:
            self.next_action_at[position] = row.next_action_at
        if row.map_length is not None:
            self.map_lengths[position] = row.map_length
        if row.skip_requested:
            self.skip_requested[position] = None
        if row.kept_slots:
            self.kept_slots[position] = row.kept_slots
        if row.end_pending or (row.kept_slots and row.state is not TaskInstanceState.DEFERRED):
            self.pending[position] = None
        if row.by_hand is not None:
            self.by_hand[position] = row.by_hand
        self.set_state(position, row.state)

    def _leave_out(self) -> None:
        """Tasks whose dates do not cover the run have no row: as if they had been removed."""
        for place, task in enumerate(self.plan.tasks):
            if self.missing[place] and not has_task(self.run, task):
                self.missing[place] = 0
                self.set_state(place, TaskInstanceState.REMOVED)

    def find(self, id_: TaskInstanceId) -> int | None:
        """The position of this task instance, if the run has it."""
        place = self.plan.positions.get(id_.task_id)
        return None if place is None else self.instances.find(place, id_.map_index)

    def make_room(self, instances: Instances) -> None:
        """Lengthen the columns for instances that a decision adds; they count only from `count_grown` on."""
        for position in range(len(self.states), len(instances)):
            self.states.append(TaskInstanceState.NONE)
            self.try_numbers.append(0)
            self.max_tries.append(self.plan.tasks[instances.task(position)].retries)
            self.held_slots.append(0)
            self.attempt_ids.append(None)
            self.missing.append(1)
        self.instances = instances

    def count_grown(self, place: int, before: int) -> None:
        """A task has more instances than the `before` (0 = it had none of its own): bring all counts up to date."""
        positions = self.instances.of(place)[before:]
        added = len(positions)
        if not before:
            # The unmapped instance has given way.
            self.states[place] = TaskInstanceState.REMOVED
            self.missing[place] = 0
            added -= 1
        self.undecided += added
        self.unfinished += added
        for downstream in self.plan.shared_downstream[place]:
            self.totals[downstream] += added
        if self.plan.grouped_upstream[place]:
            for position in positions:
                self.own_counters[position] = self._own_counts(position)

    def _own_counts(self, position: int) -> "array[int]":
        place, map_index = self.instances.task(position), self.instances.map_index(position)
        counts = array("l", [0] * COUNTERS)
        for above in self.plan.grouped_upstream[place]:
            found = self.instances.find(above, map_index) if self.instances.is_expanded(above) else above
            column = None if found is None else COUNTED_STATES.get(self.states[found])
            if column is not None:
                counts[column] += 1
        return counts

    def set_state(self, position: int, state: TaskInstanceState) -> None:
        """Change one state and everything counted from it."""
        before = self.states[position]
        if before is state:
            return
        self.states[position] = state
        if self.active_by_place and (place := self.instances.task(position)) in self.active_by_place:
            self.active_by_place[place] += (state in ACTIVE_STATES) - (before in ACTIVE_STATES)
        self.undecided += (state is TaskInstanceState.NONE) - (before is TaskInstanceState.NONE)
        left, entered = COUNTED_STATES.get(before), COUNTED_STATES.get(state)
        self.unfinished += (left is not None) - (entered is not None)
        if left is entered is None:
            return
        counters = self.counters
        for downstream in self.plan.shared_downstream[self.instances.task(position)]:
            if left is not None:
                counters[downstream * COUNTERS + left] -= 1
            if entered is not None:
                counters[downstream * COUNTERS + entered] += 1
        if self.plan.grouped_downstream[self.instances.task(position)]:
            self._count_own(position, left, entered)

    def _count_own(self, position: int, left: int | None, entered: int | None) -> None:
        for counting in counting_positions(self.plan, self.instances, position):
            own = self.own_counters.get(counting)
            if own is None:
                own = self.own_counters[counting] = array("l", [0] * COUNTERS)
            if left is not None:
                own[left] -= 1
            if entered is not None:
                own[entered] += 1

    def set_held(self, position: int, slots: int) -> None:
        """Change how many pool slots an instance holds, and whether it counts as active."""
        self.active += (slots > 0) - (self.held_slots[position] > 0)
        self.held_slots[position] = slots

    def set_kept(self, position: int, slots: int) -> None:
        """Change how many pool slots an instance keeps while it is deferred."""
        if slots:
            self.kept_slots[position] = slots
        else:
            self.kept_slots.pop(position, None)

    def set_next_action(self, position: int, at: datetime | None) -> None:
        """Change when the instance is to be looked at again; None = at no set time."""
        if at is None:
            self.next_action_at.pop(position, None)
        else:
            self.next_action_at[position] = at

    def counts(self, position: int) -> UpstreamCounts:
        """How the upstream instances of this one ended."""
        place = self.instances.task(position)
        counters = self.counters[place * COUNTERS : (place + 1) * COUNTERS]
        total = self.totals[place]
        own = self.own_counters.get(position)
        if self.plan.grouped_upstream[place]:
            total += own_total(self.plan, self.instances, position)
        if own is not None:
            counters = [shared + single for shared, single in zip(counters, own, strict=True)]
        return with_setups(
            UpstreamCounts(total, *counters), self.plan, self.instances, position, self.states.__getitem__
        )

    def task(self, position: int) -> TaskSpec:
        """The task of which this is an instance."""
        return self.plan.tasks[self.instances.task(position)]

    def priority(self, position: int) -> int:
        """The weight of the try that is under way or comes next."""
        task = self.task(position)
        if not task.try_weights:
            return task.priority_weight
        weights = (self.run.try_weights or {}).get(task.task_id, task.try_weights)
        is_over = self.states[position] in (TaskInstanceState.NONE, TaskInstanceState.UP_FOR_RETRY)
        number = max(self.try_numbers[position] + is_over, 1)
        return weights[min(number, len(weights)) - 1]

    def id(self, position: int) -> TaskInstanceId:
        """The key of the instance's row."""
        return TaskInstanceId(self.run.id, self.task(position).task_id, self.instances.map_index(position))

    def unmapped_id(self, place: int) -> TaskInstanceId:
        """The key of the task's row while it has no mapped ones."""
        return TaskInstanceId(self.run.id, self.plan.tasks[place].task_id, UNMAPPED)

    @property
    def size_bytes(self) -> int:
        """About how much memory the snapshot takes, its plan left out."""
        return _BYTES_PER_RUN + _BYTES_PER_TASK * len(self.states)
