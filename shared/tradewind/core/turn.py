"""A run while it is being decided: states, counts and instances laid over a snapshot that stays as it is."""

from array import array
from heapq import heappop, heappush
from typing import Final

from tradewind.core.instances import UNMAPPED, Instances
from tradewind.core.mapping import instances_wanted
from tradewind.core.snapshot import (
    BROKEN_STATES,
    COUNTED_STATES,
    COUNTERS,
    RunSnapshot,
    counting_positions,
    joined,
    own_total,
    with_setups,
)
from tradewind.core.spec import TaskSpec, TriggerRule
from tradewind.core.states import TaskInstanceState
from tradewind.core.trigger_rules import Answer, UpstreamCounts, answer

_ASKABLE_STATES: Final = (TaskInstanceState.NONE, TaskInstanceState.UP_FOR_RETRY)
"""The trigger rule is asked; a try to come waits for it too where upstream has been cleared meanwhile."""


class Overlay:
    """What a turn has changed so far, over what the snapshot holds."""

    __slots__ = (
        "_own",
        "_shared",
        "_snapshot",
        "_states",
        "_totals",
        "_touched",
        "_touched_heap",
        "_woken",
        "instances",
        "map_lengths",
        "undecided",
        "unfinished",
    )

    def __init__(self, snapshot: RunSnapshot) -> None:
        self._snapshot: Final = snapshot
        self.instances: Instances = snapshot.instances
        self.map_lengths: dict[int, int] = {}
        self.undecided = snapshot.undecided
        self.unfinished = snapshot.unfinished
        self._states: dict[int, TaskInstanceState] = {}
        self._shared: dict[int, list[int]] = {}
        self._totals: dict[int, int] = {}
        self._own: dict[int, list[int]] = {}
        self._touched: dict[int, None] = {}
        self._touched_heap: list[tuple[int, int]] = []
        self._woken: dict[int, None] = {}
        """Expanded tasks whose undecided instances have been touched: once a turn is enough, however much has ended."""

    def state(self, position: int) -> TaskInstanceState:
        """Of the instance, as it stands in this turn."""
        state = self._states.get(position)
        if state is not None:
            return state
        states = self._snapshot.states
        return states[position] if position < len(states) else TaskInstanceState.NONE

    def task(self, position: int) -> TaskSpec:
        """The task of which this is an instance."""
        return self._snapshot.plan.tasks[self.instances.task(position)]

    def touch(self, position: int) -> None:
        """Have the instance looked at again, once, when all that is upstream of it has been."""
        if position not in self._touched:
            self._touched[position] = None
            heappush(self._touched_heap, (self.instances.task(position), position))

    def next_touched(self) -> int | None:
        """The next instance to be looked at; None = there is no more."""
        while self._touched_heap:
            position = heappop(self._touched_heap)[1]
            if not self.instances.is_replaced(position):
                return position
            if position in self._woken:
                self._touch_alike(position)
        return None

    def enter(self, position: int, state: TaskInstanceState) -> None:
        """The instance comes into a state: count it, and touch what hangs on it."""
        before = self.state(position)
        self.undecided += (state is TaskInstanceState.NONE) - (before is TaskInstanceState.NONE)
        self._states[position] = state
        left, entered = COUNTED_STATES.get(before), COUNTED_STATES.get(state)
        self.unfinished += (left is not None) - (entered is not None)
        if left is not None:
            self._count(position, left, -1)
        if entered is not None:
            self._count(position, entered, 1)

    def _count(self, position: int, column: int, change: int) -> None:
        plan, place = self._snapshot.plan, self.instances.task(position)
        for downstream in plan.shared_downstream[place]:
            self._shared_of(downstream)[column] += change
            self._touch_undecided(downstream)
        if plan.grouped_downstream[place]:
            for counting in counting_positions(plan, self.instances, position):
                self._own_of(counting)[column] += change
                self.touch(counting)
        for watcher in plan.watchers.get(place, ()):
            self._touch_watcher(position, watcher)

    def grow(self, place: int, wanted: int) -> None:
        """A mapped task gets this many instances, each of which is looked at."""
        was_expanded, before = self.instances.is_expanded(place), len(self.instances.of(place))
        self.instances = self.instances.grown(place, wanted)
        fresh = self.instances.of(place)[before if was_expanded else 0 :]
        added = wanted - before
        if not was_expanded:
            self._states[place] = TaskInstanceState.REMOVED
        self.undecided += added
        self.unfinished += added
        plan = self._snapshot.plan
        for downstream in plan.shared_downstream[place]:
            self._totals[downstream] = self._total(downstream) + added
        for position in fresh:
            if plan.grouped_upstream[place]:
                self._own[position] = self._own_counts(position)
            self.touch(position)
        for downstream in plan.grouped_downstream[place]:
            if not self.instances.is_expanded(downstream):
                self.touch(downstream)

    def answer(self, position: int) -> Answer:
        """What setups, mapped dependencies and the trigger rule say of the instance."""
        plan, place = self._snapshot.plan, self.instances.task(position)
        if plan.setups is not None and plan.tasks[place].trigger_rule is not TriggerRule.ALWAYS:
            said = self._ask_setups(position, place)
            if said is not None:
                return said
        if place in plan.map_dependencies:
            said = self._ask_dependencies(place)
            if said is not None:
                return said
        return answer(plan.tasks[place].trigger_rule, self.counts(position))

    def wanted(self, place: int) -> int | None:
        """How many instances the mapped task is to have; None = that cannot be known."""
        length = self._snapshot.plan.map_lengths[place]
        return None if length is None else instances_wanted(length, self._pushed)

    def counts(self, position: int) -> UpstreamCounts:
        """How the upstream instances of this one ended."""
        snapshot, plan = self._snapshot, self._snapshot.plan
        place = self.instances.task(position)
        shared = self._shared.get(place)
        if shared is None:
            shared = snapshot.counters[place * COUNTERS : (place + 1) * COUNTERS]
        total = self._total(place)
        if plan.grouped_upstream[place]:
            total += own_total(plan, self.instances, position)
            own = self._own.get(position) or snapshot.own_counters.get(position)
            if own is not None:
                shared = [many + single for many, single in zip(shared, own, strict=True)]
        return with_setups(UpstreamCounts(total, *shared), plan, self.instances, position, self.state)

    def _ask_setups(self, position: int, place: int) -> Answer | None:
        plan = self._snapshot.plan
        assert plan.setups is not None
        scope = plan.setups.scopes.get(place)
        if scope is not None:
            said = answer(plan.tasks[place].trigger_rule, self.counts(position))
            return Answer.WAIT if said is Answer.RUN and not self._is_over(position, scope) else said
        setups = plan.setups.indirect_setups.get(place, ())
        states = [self.state(at) for above in setups for at in joined(plan, self.instances, position, above)]
        if any(state in BROKEN_STATES for state in states):
            return Answer.UPSTREAM_FAILED
        if TaskInstanceState.SKIPPED in states:
            return Answer.SKIP
        if any(state not in (TaskInstanceState.SUCCESS, TaskInstanceState.REMOVED) for state in states):
            return self._unless_it_waits(position, place)
        return None

    def _unless_it_waits(self, position: int, place: int) -> Answer:
        """Its setups are not done: its trigger rule may end it already, but not start it."""
        said = answer(self._snapshot.plan.tasks[place].trigger_rule, self.counts(position))
        return Answer.WAIT if said is Answer.RUN else said

    def _ask_dependencies(self, place: int) -> Answer | None:
        """Whether what the task maps over has failed or was skipped as a whole; then no trigger rule can help."""
        states = [
            self.state(above)
            for above in self._snapshot.plan.map_dependencies[place]
            if not self.instances.is_expanded(above) and self.state(above) in COUNTED_STATES
        ]
        if any(state in BROKEN_STATES for state in states):
            return Answer.UPSTREAM_FAILED
        return Answer.SKIP if TaskInstanceState.SKIPPED in states else None

    def _is_over(self, position: int, scope: tuple[int, ...]) -> bool:
        plan, instances = self._snapshot.plan, self.instances
        concerned = (at for place in scope for at in joined(plan, instances, position, place))
        return all(self.state(at) in COUNTED_STATES for at in concerned)

    def _all_finished(self, places: tuple[int, ...]) -> bool:
        """Looked at from behind: what began last is what is not finished, as a rule."""
        return all(self.state(at) in COUNTED_STATES for place in places for at in reversed(self.instances.of(place)))

    def _pushed(self, task_id: str) -> int | None:
        place = self._snapshot.plan.positions.get(task_id)
        if place is None:
            return None
        if not self.instances.is_expanded(place):
            return self._length(place) if self.state(place) is TaskInstanceState.SUCCESS else None
        positions = self.instances.of(place)
        if not self._all_finished((place,)):
            return None
        return sum(self._length(position) is not None for position in positions)

    def _length(self, position: int) -> int | None:
        length = self.map_lengths.get(position)
        return self._snapshot.map_lengths.get(position) if length is None else length

    def _touch_watcher(self, position: int, watcher: int) -> None:
        """Inside one mapped group only the instance of the same index watches this one."""
        plan, instances = self._snapshot.plan, self.instances
        group = plan.mapped_groups[watcher]
        is_joined = group is not None and group == plan.mapped_groups[instances.task(position)]
        if not (is_joined and instances.is_expanded(watcher) and instances.map_index(position) != UNMAPPED):
            self._touch_undecided(watcher)
            return
        found = instances.find(watcher, instances.map_index(position))
        if found is not None and self.state(found) in _ASKABLE_STATES:
            self.touch(found)

    def _touch_undecided(self, place: int) -> None:
        if not self.instances.is_expanded(place):
            self.touch(place)
            return
        if place in self._woken:
            return
        self._woken[place] = None
        if self._snapshot.plan.mapped_groups[place] is None:
            heappush(self._touched_heap, (place, place))
            return
        for position in self.instances.of(place):
            if self.state(position) in _ASKABLE_STATES:
                self.touch(position)

    def _touch_alike(self, place: int) -> None:
        """Instances of a task outside of mapped groups go by the same upstream: while that lets one of them wait, it
        lets all of them, and asking each at every end would cost as much as there are of both."""
        undecided = (position for position in self.instances.of(place) if self.state(position) in _ASKABLE_STATES)
        first = next(undecided, None)
        if first is None or self.answer(first) is Answer.WAIT:
            return
        for position in (first, *undecided):
            self.touch(position)

    def _total(self, place: int) -> int:
        total = self._totals.get(place)
        return self._snapshot.totals[place] if total is None else total

    def _shared_of(self, place: int) -> list[int]:
        counters = self._shared.get(place)
        if counters is None:
            first = place * COUNTERS
            counters = self._shared[place] = self._snapshot.counters[first : first + COUNTERS].tolist()
        return counters

    def _own_of(self, position: int) -> list[int]:
        counters = self._own.get(position)
        if counters is None:
            held = self._snapshot.own_counters.get(position)
            counters = self._own[position] = [0] * COUNTERS if held is None else held.tolist()
        return counters

    def _own_counts(self, position: int) -> list[int]:
        place, map_index = self.instances.task(position), self.instances.map_index(position)
        counts = array("l", [0] * COUNTERS)
        for above in self._snapshot.plan.grouped_upstream[place]:
            found = self.instances.find(above, map_index) if self.instances.is_expanded(above) else above
            column = None if found is None else COUNTED_STATES.get(self.state(found))
            if column is not None:
                counts[column] += 1
        return counts.tolist()
