"""What follows from ended attempts and due timers of one run: a snapshot in, decisions out, nothing changed.

Cost is O(downstream of what changed): an end raises counters of its direct downstream tasks, and only those are looked
at again, each once and in topological order, so that the answer does not hang on the order in which a batch of ends
came. `core.batches` turns decisions into rows and, once they are committed, applies them to the snapshot.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush
from typing import Final

from tradewind.core.rows import EndAcknowledged, EndedTaskInstance
from tradewind.core.snapshot import BROKEN_STATES, COUNTED_STATES, COUNTERS, RunSnapshot
from tradewind.core.states import OPEN_STATES, DagRunState, TaskInstanceState
from tradewind.core.transitions import Actor, DagRunEvent, Event, next_dag_run_state, next_state
from tradewind.core.trigger_rules import Answer, UpstreamCounts, answer

_ENDED_STATES: Final = (
    *COUNTED_STATES,
    TaskInstanceState.UP_FOR_RETRY,
    TaskInstanceState.SCHEDULED,
    TaskInstanceState.NONE,
)
"""What `core.ends` makes of an open state."""

_NEW_TRY_STATES: Final = (TaskInstanceState.NONE, TaskInstanceState.UP_FOR_RETRY)
"""Leaving these for `scheduled`, `queued` or an end by the scheduler begins a new try."""


@dataclass(frozen=True, slots=True)
class Ended:
    """An end that the snapshot learns of by this decision."""

    position: int
    state: TaskInstanceState
    next_action_at: datetime | None


@dataclass(frozen=True, slots=True)
class Settled:
    """A task that the scheduler itself ends: by its trigger rule, or because nothing would run."""

    position: int
    before: TaskInstanceState
    state: TaskInstanceState


@dataclass(frozen=True, slots=True)
class Timer:
    """When a task is to be looked at again."""

    at: datetime
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDecision:
    """Everything that follows for one run, slots not yet considered."""

    created: tuple[int, ...] = ()
    """Tasks whose rows are to be inserted."""
    acknowledged: tuple[EndAcknowledged, ...] = ()
    ended: tuple[Ended, ...] = ()
    settled: tuple[Settled, ...] = ()
    ready: tuple[int, ...] = ()
    """Tasks that may start as soon as limits have room."""
    timers: tuple[Timer, ...] = ()
    state: DagRunState | None = None
    """The run's end, if it ends."""

    @property
    def writes(self) -> bool:
        """Whether anything is to be committed even if no ready task gets a slot."""
        return bool(self.created or self.acknowledged or self.settled or self.state)


NOTHING: Final = RunDecision()


def decide(snapshot: RunSnapshot, ends: Sequence[EndedTaskInstance], due: Sequence[int], now: datetime) -> RunDecision:
    """What follows from these ends of the run and these positions whose timers ran out.

    An end that the snapshot knows already, or that is of another attempt, changes nothing.
    """
    turn = _Turn(snapshot, now)
    for end in ends:
        turn.record(end)
    for position in due:
        turn.wake(position)
    turn.settle()
    return turn.decision(created=())


def decide_loaded(snapshot: RunSnapshot, now: datetime) -> RunDecision:
    """What follows for a run that has just been read from the store: everything is looked at once."""
    turn = _Turn(snapshot, now)
    turn.acknowledge_pending()
    for position in range(len(snapshot.states)):
        turn.wake(position)
    turn.settle()
    return turn.decision(created=tuple(position for position, missing in enumerate(snapshot.missing) if missing))


def begins_try(state: TaskInstanceState) -> bool:
    """Whether leaving this state for a dispatch begins a new try (+1), rather than going on with the same one."""
    return state in _NEW_TRY_STATES


class _Turn:
    """One decision in the making: an overlay over the snapshot, which itself stays as it is."""

    __slots__ = (
        "_acknowledged",
        "_counters",
        "_due",
        "_ended",
        "_now",
        "_ready",
        "_settled",
        "_snapshot",
        "_states",
        "_timers",
        "_touched",
        "_touched_heap",
        "_undecided",
        "_unfinished",
    )

    def __init__(self, snapshot: RunSnapshot, now: datetime) -> None:
        self._snapshot = snapshot
        self._now = now
        self._states: dict[int, TaskInstanceState] = {}
        self._counters: dict[int, list[int]] = {}
        self._due: dict[int, datetime | None] = {}
        self._touched: dict[int, None] = {}
        self._touched_heap: list[int] = []
        self._undecided = snapshot.undecided
        self._unfinished = snapshot.unfinished
        self._acknowledged: list[EndAcknowledged] = []
        self._ended: list[Ended] = []
        self._settled: list[Settled] = []
        self._ready: dict[int, None] = {}
        self._timers: list[Timer] = []

    def record(self, end: EndedTaskInstance) -> None:
        """Take note of an end, if it is the open attempt's and new."""
        snapshot = self._snapshot
        position = snapshot.plan.positions.get(end.id.task_id)
        if (
            position is None
            or end.id.map_index != -1
            or end.attempt_id is None
            or end.attempt_id != snapshot.attempt_ids[position]
            or self._state(position) not in OPEN_STATES
            or end.state not in _ENDED_STATES
        ):
            return
        self._acknowledge(position)
        self._ended.append(Ended(position, end.state, end.next_action_at))
        self._due[position] = end.next_action_at
        self._enter(position, end.state)
        self.wake(position)

    def acknowledge_pending(self) -> None:
        """Ends found in the rows: their states count already, their slots do not come back by themselves."""
        for position in self._snapshot.pending:
            self._acknowledge(position)

    def wake(self, position: int) -> None:
        """Look at a task that waits for a time, for room or for its upstream."""
        state = self._state(position)
        if state is TaskInstanceState.NONE:
            self._touch(position)
        elif state in (TaskInstanceState.UP_FOR_RETRY, TaskInstanceState.SCHEDULED):
            at = self._next_action_at(position)
            if at is not None and at > self._now:
                self._timers.append(Timer(at, position))
            elif state is TaskInstanceState.SCHEDULED:
                self._ready[position] = None
            else:
                self._touch(position)

    def settle(self) -> None:
        """Ask the trigger rule of every task that was touched, upstream first."""
        while self._touched_heap:
            position = heappop(self._touched_heap)
            state = self._state(position)
            if state is TaskInstanceState.NONE or (state is TaskInstanceState.UP_FOR_RETRY and self._is_due(position)):
                self._ask(position, state)

    def decision(self, created: tuple[int, ...]) -> RunDecision:
        return RunDecision(
            created=created,
            acknowledged=tuple(self._acknowledged),
            ended=tuple(self._ended),
            settled=tuple(self._settled),
            ready=tuple(self._ready),
            timers=tuple(self._timers),
            state=self._run_end(),
        )

    def _ask(self, position: int, state: TaskInstanceState) -> None:
        task = self._snapshot.plan.tasks[position]
        match answer(task.trigger_rule, self._counts(position)):
            case Answer.WAIT:
                return
            case Answer.RUN:
                if not task.is_empty:
                    self._ready[position] = None
                    return
                event = Event.COMPLETED_EMPTY
            case Answer.SKIP:
                event = Event.SKIPPED_BY_RULE
            case Answer.UPSTREAM_FAILED:
                event = Event.FAILED_BY_RULE
        after = next_state(state, event, Actor.SCHEDULER)
        self._settled.append(Settled(position, state, after))
        self._enter(position, after)

    def _enter(self, position: int, state: TaskInstanceState) -> None:
        self._undecided += (state is TaskInstanceState.NONE) - (self._state(position) is TaskInstanceState.NONE)
        self._states[position] = state
        column = COUNTED_STATES.get(state)
        if column is None:
            return
        self._unfinished -= 1
        for downstream in self._snapshot.plan.downstream[position]:
            self._counters_of(downstream)[column] += 1
            self._touch(downstream)

    def _touch(self, position: int) -> None:
        if position not in self._touched:
            self._touched[position] = None
            heappush(self._touched_heap, position)

    def _counters_of(self, position: int) -> list[int]:
        counters = self._counters.get(position)
        if counters is None:
            first = position * COUNTERS
            counters = self._counters[position] = self._snapshot.counters[first : first + COUNTERS].tolist()
        return counters

    def _counts(self, position: int) -> UpstreamCounts:
        counters = self._counters.get(position)
        if counters is None:
            return self._snapshot.counts(position)
        return UpstreamCounts(self._snapshot.plan.upstream_totals[position], *counters)

    def _state(self, position: int) -> TaskInstanceState:
        return self._states.get(position) or self._snapshot.states[position]

    def _next_action_at(self, position: int) -> datetime | None:
        return self._due[position] if position in self._due else self._snapshot.next_action_at.get(position)

    def _is_due(self, position: int) -> bool:
        at = self._next_action_at(position)
        return at is None or at <= self._now

    def _acknowledge(self, position: int) -> None:
        snapshot = self._snapshot
        self._acknowledged.append(
            EndAcknowledged(
                id=snapshot.id(position),
                attempt_id=snapshot.attempt_ids[position],
                released_slots=snapshot.held_slots[position],
                pool=snapshot.plan.tasks[position].pool,
            )
        )

    def _run_end(self) -> DagRunState | None:
        if self._unfinished:
            is_stuck = self._undecided == self._unfinished and not self._ready
            return next_dag_run_state(DagRunState.RUNNING, DagRunEvent.FAILED, Actor.SCHEDULER) if is_stuck else None
        has_failed = any(self._state(leaf) in BROKEN_STATES for leaf in self._snapshot.plan.leaves)
        event = DagRunEvent.FAILED if has_failed else DagRunEvent.SUCCEEDED
        return next_dag_run_state(self._snapshot.run.state, event, Actor.SCHEDULER)
