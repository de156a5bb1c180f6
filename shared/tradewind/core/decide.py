"""What follows from ended attempts and due timers of one run: a snapshot in, decisions out, nothing changed.

Cost is O(downstream of what changed): an end raises counters of its direct downstream tasks, and only those are looked
at again, each once and in topological order, so that the answer does not hang on the order in which a batch of ends
came. `core.batches` turns decisions into rows and, once they are committed, applies them to the snapshot.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from tradewind.core.decisions import RUN_TIMER, Ended, Grown, RunDecision, Settled, Timer
from tradewind.core.gates import Outside
from tradewind.core.instances import UNMAPPED
from tradewind.core.rows import EndAcknowledged, EndedTaskInstance
from tradewind.core.snapshot import BROKEN_STATES, COUNTED_STATES, RunSnapshot
from tradewind.core.states import OPEN_STATES, DagRunState, TaskInstanceState
from tradewind.core.transitions import TRANSITIONS, Actor, DagRunEvent, Event, next_dag_run_state, next_state
from tradewind.core.trigger_rules import Answer
from tradewind.core.turn import Overlay

_ENDED_STATES: Final = (
    *COUNTED_STATES,
    TaskInstanceState.UP_FOR_RETRY,
    TaskInstanceState.UP_FOR_RESCHEDULE,
    TaskInstanceState.SCHEDULED,
    TaskInstanceState.DEFERRED,
    TaskInstanceState.AWAITING_INPUT,
    TaskInstanceState.NONE,
)
"""What `core.ends` makes of an open state, and what a trigger makes of a deferred one."""

_ENDING_STATES: Final = (*OPEN_STATES, TaskInstanceState.DEFERRED, TaskInstanceState.AWAITING_INPUT)
"""States that others than the scheduler end."""

_NEW_TRY_STATES: Final = (TaskInstanceState.NONE, TaskInstanceState.UP_FOR_RETRY)
"""Leaving these for one of `_BEGUN_STATES` begins a new try."""

_BEGUN_STATES: Final = (
    TaskInstanceState.SCHEDULED,
    TaskInstanceState.QUEUED,
    TaskInstanceState.DEFERRED,
    TaskInstanceState.SUCCESS,
)
"""The task runs, or has run (one that has nothing to run), or waits already for what it would wait for."""

_TIMED_STATES: Final = (
    TaskInstanceState.UP_FOR_RETRY,
    TaskInstanceState.UP_FOR_RESCHEDULE,
    TaskInstanceState.SCHEDULED,
)

_UNSTARTED_STATES: Final = (TaskInstanceState.NONE, *_TIMED_STATES)

_SKIPPABLE_YET: Final = (*_TIMED_STATES, TaskInstanceState.UPSTREAM_FAILED)
"""What a branch does not choose is skipped, though it waits for its time, or a failure elsewhere ended it before."""

_STOPPED_BY: Final = {
    **dict.fromkeys(_UNSTARTED_STATES, Event.SKIPPED_BY_RULE),
    TaskInstanceState.QUEUED: Event.SKIPPED_BY_RULE,
    TaskInstanceState.DEFERRED: Event.SKIPPED_BY_RULE,
    TaskInstanceState.AWAITING_INPUT: Event.SKIPPED_BY_RULE,
    TaskInstanceState.RUNNING: Event.FAILED,
}
"""How `fail_fast` ends what is not over; other instances of the mapped task that failed go on. A worker that runs such
an attempt is told to kill it once that is committed."""

_NOTHING_OUTSIDE: Final = Outside()


def decide(
    snapshot: RunSnapshot,
    ends: Sequence[EndedTaskInstance],
    due: Sequence[int],
    now: datetime,
    outside: Outside = _NOTHING_OUTSIDE,
) -> RunDecision:
    """What follows from these ends of the run and these positions whose timers ran out.

    An end that the snapshot knows already, or that is of another attempt, changes nothing.
    """
    turn = _Turn(snapshot, now, outside)
    for end in ends:
        turn.record(end)
    for position in due:
        if position != RUN_TIMER:
            turn.wake(position)
    turn.settle()
    return turn.decision(created=())


def decide_loaded(snapshot: RunSnapshot, now: datetime, outside: Outside = _NOTHING_OUTSIDE) -> RunDecision:
    """What follows for a run that has just been read from the store: everything is looked at once."""
    turn = _Turn(snapshot, now, outside)
    turn.acknowledge_pending()
    turn.set_run_timer()
    turn.expand_literals()
    for position in range(len(snapshot.states)):
        turn.wake(position)
    turn.settle()
    return turn.decision(created=[position for position, missing in enumerate(snapshot.missing) if missing])


def begins_try(before: TaskInstanceState, after: TaskInstanceState) -> bool:
    """Whether the change begins a new try (+1). Going on with the same one does not, nor does an end by rule."""
    return before in _NEW_TRY_STATES and after in _BEGUN_STATES


class _Turn:
    """One decision in the making; the snapshot itself stays as it is."""

    __slots__ = (
        "_acknowledged",
        "_deferred",
        "_due",
        "_ended",
        "_failed",
        "_grown",
        "_now",
        "_outside",
        "_overlay",
        "_past",
        "_ready",
        "_revised",
        "_settled",
        "_skip_requested",
        "_snapshot",
        "_timers",
    )

    def __init__(self, snapshot: RunSnapshot, now: datetime, outside: Outside) -> None:
        self._snapshot = snapshot
        self._now = now
        self._outside = outside
        self._past: dict[int, bool | None] = {}
        self._overlay = Overlay(snapshot)
        self._due: dict[int, datetime | None] = {}
        self._acknowledged: list[EndAcknowledged] = []
        self._ended: list[Ended] = []
        self._skip_requested: dict[int, None] = {}
        self._settled: list[Settled] = []
        self._deferred: list[Settled] = []
        self._failed: dict[int, None] = {}
        self._grown: dict[int, int] = {}
        self._revised: dict[int, None] = {}
        self._ready: dict[int, None] = {}
        self._timers: list[Timer] = []

    def record(self, end: EndedTaskInstance) -> None:
        """Take note of an end, if it is the current attempt's and new."""
        snapshot, overlay = self._snapshot, self._overlay
        position = snapshot.find(end.id)
        if (
            position is None
            or end.attempt_id is None
            or end.attempt_id != snapshot.attempt_ids[position]
            or overlay.state(position) not in _ENDING_STATES
            or end.state not in _ENDED_STATES
            or end.state is overlay.state(position)
        ):
            return
        self._acknowledge(position, end.state)
        self._ended.append(Ended(position, end.state, end.next_action_at, end.map_length))
        self._due[position] = end.next_action_at
        if end.map_length is not None:
            overlay.map_lengths[position] = end.map_length
        overlay.enter(position, end.state)
        for skipped in end.skipped:
            self._request_skip(*skipped)
        self._note_failure(position)
        self.wake(position)

    def acknowledge_pending(self) -> None:
        """Ends found in the rows: their states count already, their slots do not come back by themselves."""
        for position in self._snapshot.pending:
            self._acknowledge(position, self._snapshot.states[position])
            self._note_failure(position)

    def wake(self, position: int) -> None:
        """Look at a task that waits for a time, for room or for its upstream."""
        state = self._overlay.state(position)
        is_unwanted = state is TaskInstanceState.UPSTREAM_FAILED and position in self._snapshot.skip_requested
        if state is TaskInstanceState.NONE or is_unwanted:
            self._overlay.touch(position)
        elif state in _TIMED_STATES:
            at = self._next_action_at(position)
            if at is not None and at > self._now:
                self._timers.append(Timer(at, position))
            elif state is TaskInstanceState.UP_FOR_RETRY or position in self._snapshot.skip_requested:
                self._overlay.touch(position)
            else:
                self._ready[position] = None

    def set_run_timer(self) -> None:
        """Have the run looked at when it has taken too long."""
        at = self._snapshot.run.timeout_at
        if at is not None and at > self._now:
            self._timers.append(Timer(at, RUN_TIMER))

    def expand_literals(self) -> None:
        """Tasks that the run did not have yet get all their instances, where it is known how many these are."""
        snapshot = self._snapshot
        for place, count in snapshot.plan.literal_lengths.items():
            if snapshot.missing[place] and not snapshot.instances.is_expanded(place):
                self._grow(place, count)

    def settle(self) -> None:
        """Ask the trigger rule of every task that was touched, upstream first."""
        overlay = self._overlay
        if self._is_timed_out():
            self._stop_all()
            return
        if self._failed:
            self._stop_the_rest()
        while (position := overlay.next_touched()) is not None:
            state = overlay.state(position)
            if state is TaskInstanceState.NONE or (state is TaskInstanceState.UP_FOR_RETRY and self._is_due(position)):
                self._ask(position, state)
            elif state in _SKIPPABLE_YET and self._is_skip_requested(position):
                self._ready.pop(position, None)
                self._end(position, state, Event.SKIPPED_BY_RULE)

    def decision(self, created: Sequence[int]) -> RunDecision:
        overlay = self._overlay
        before = len(self._snapshot.states)
        fresh = range(before, len(overlay.instances))
        gone = [place for place, count in self._grown.items() if not count]
        state = self._run_end()
        return RunDecision(
            instances=overlay.instances if self._grown else None,
            grown=tuple(Grown(place, count) for place, count in self._grown.items()),
            replaced=tuple(place for place in gone if not self._snapshot.missing[place]),
            created=(*(position for position in created if position not in gone), *fresh),
            acknowledged=self._acknowledged_but(gone),
            ended=tuple(self._ended),
            skip_requested=tuple(self._skip_requested),
            settled=tuple(self._settled),
            deferred=tuple(self._deferred),
            ready=tuple(self._ready),
            timers=tuple(self._timers),
            past={place: met for place, met in self._past.items() if met is not None},
            asks_past=tuple(place for place, met in self._past.items() if met is None),
            state=state,
            end_reason=None if state is None else self._end_reason(state),
        )

    def _acknowledged_but(self, gone: Sequence[int]) -> tuple[EndAcknowledged, ...]:
        """What a person did to an unmapped instance goes with its row, which gives way to mapped ones."""
        if not gone:
            return tuple(self._acknowledged)
        ids = [self._snapshot.unmapped_id(place) for place in gone]
        return tuple(each for each in self._acknowledged if each.id not in ids)

    def _ask(self, position: int, state: TaskInstanceState) -> None:
        answer = Answer.SKIP if self._is_skip_requested(position) else self._overlay.answer(position)
        match answer:
            case Answer.WAIT:
                return
            case Answer.SKIP:
                task = self._overlay.task(position)
                if not task.wait_for_past_depends_before_skipping or self._past_lets(position):
                    self._end(position, state, Event.SKIPPED_BY_RULE)
            case Answer.UPSTREAM_FAILED:
                self._end(position, state, Event.FAILED_BY_RULE)
            case Answer.RUN:
                if self._past_lets(position):
                    self._start(position, state)

    def _past_lets(self, position: int) -> bool:
        """Whether the run before lets the task start. What is not known yet does not, for this turn."""
        place = self._overlay.instances.task(position)
        if not self._snapshot.plan.tasks[place].depends_on_past:
            return True
        self._past[place] = met = self._outside.past.get(place)
        return met is True

    def _start(self, position: int, state: TaskInstanceState) -> None:
        overlay, place = self._overlay, self._overlay.instances.task(position)
        if self._snapshot.plan.map_lengths[place] is not None:
            if overlay.instances.map_index(position) == UNMAPPED:
                self._expand(position, state)
                return
            if place not in self._revised:
                self._revised[place] = None
                self._revise(place)
            if overlay.state(position) is TaskInstanceState.REMOVED:
                return
        task = self._snapshot.plan.tasks[place]
        if task.is_empty:
            self._end(position, state, Event.COMPLETED_EMPTY)
        elif task.start_trigger is not None and overlay.instances.map_index(position) == UNMAPPED:
            after = next_state(state, Event.DEFERRED, Actor.SCHEDULER)
            self._deferred.append(Settled(position, state, after))
            overlay.enter(position, after)
        else:
            self._ready[position] = None

    def _expand(self, place: int, state: TaskInstanceState) -> None:
        """Its upstream is done: as many instances as there is to map over."""
        wanted = self._overlay.wanted(place)
        if wanted is None:
            self._end(place, state, Event.FAILED_BY_RULE)
        elif wanted == 0:
            self._end(place, state, Event.SKIPPED_BY_RULE)
        else:
            self._grow(place, wanted)

    def _revise(self, place: int) -> None:
        """What is mapped over was made anew, longer or shorter than before."""
        overlay = self._overlay
        wanted, positions = overlay.wanted(place), overlay.instances.of(place)
        if wanted is None:
            return
        for position in positions[:wanted]:
            if overlay.state(position) is TaskInstanceState.REMOVED:
                self._end(position, TaskInstanceState.REMOVED, Event.RETURNED_TO_DAG)
                overlay.touch(position)
        if wanted > len(positions):
            self._grow(place, wanted)
        for position in positions[wanted:]:
            before = overlay.state(position)
            if before in _UNSTARTED_STATES:
                self._ready.pop(position, None)
                self._end(position, before, Event.LEFT_DAG)

    def _grow(self, place: int, wanted: int) -> None:
        instances = self._overlay.instances
        before = len(instances.of(place)) if instances.is_expanded(place) else 0
        self._grown.setdefault(place, before)
        self._overlay.grow(place, wanted)

    def _end(self, position: int, before: TaskInstanceState, event: Event) -> None:
        after = next_state(before, event, Actor.SCHEDULER)
        self._settled.append(Settled(position, before, after))
        self._overlay.enter(position, after)

    def _request_skip(self, task_id: str, map_index: int) -> None:
        instances, place = self._overlay.instances, self._snapshot.plan.positions.get(task_id)
        if place is None:
            return
        found = instances.of(place) if map_index == UNMAPPED else (instances.find(place, map_index),)
        for position in found:
            if position is not None:
                self._skip_requested[position] = None
                self._overlay.touch(position)

    def _is_skip_requested(self, position: int) -> bool:
        return position in self._skip_requested or position in self._snapshot.skip_requested

    def _note_failure(self, position: int) -> None:
        if self._snapshot.plan.spec.fail_fast and self._overlay.state(position) is TaskInstanceState.FAILED:
            self._failed[self._overlay.instances.task(position)] = None

    def _stop_the_rest(self) -> None:
        """A task of a DAG with `fail_fast` failed: all others end, but for teardowns."""
        overlay, instances = self._overlay, self._overlay.instances
        spared = next(iter(self._failed)) if len(self._failed) == 1 else None
        for position in range(len(instances)):
            state = overlay.state(position)
            event = _STOPPED_BY.get(state)
            if event and instances.task(position) != spared and not overlay.task(position).is_teardown:
                self._ready.pop(position, None)
                self._end(position, state, event)

    def _is_timed_out(self) -> bool:
        at = self._snapshot.run.timeout_at
        return at is not None and at <= self._now

    def _stop_all(self) -> None:
        """The run took too long: whatever is not over is skipped."""
        self._ready.clear()
        for position in range(len(self._overlay.instances)):
            state = self._overlay.state(position)
            if Event.RUN_TIMED_OUT in TRANSITIONS[state]:
                self._end(position, state, Event.RUN_TIMED_OUT)

    def _next_action_at(self, position: int) -> datetime | None:
        return self._due[position] if position in self._due else self._snapshot.next_action_at.get(position)

    def _is_due(self, position: int) -> bool:
        at = self._next_action_at(position)
        return at is None or at <= self._now

    def _acknowledge(self, position: int, state: TaskInstanceState) -> None:
        snapshot, task = self._snapshot, self._snapshot.task(position)
        keeps = state is TaskInstanceState.DEFERRED and task.pool in self._outside.deferring_pools
        self._acknowledged.append(
            EndAcknowledged(
                id=snapshot.id(position),
                attempt_id=snapshot.attempt_ids[position],
                released_slots=snapshot.held_slots[position],
                pool=task.pool,
                returned_slots=snapshot.kept_slots.get(position, 0),
                kept_slots=task.pool_slots if keeps else 0,
            )
        )

    def _end_reason(self, state: DagRunState) -> str:
        if state is DagRunState.SUCCESS:
            return "success"
        if self._is_timed_out():
            return "timed_out"
        return "all_tasks_deadlocked" if self._overlay.unfinished else "task_failure"

    def _run_end(self) -> DagRunState | None:
        overlay, plan = self._overlay, self._snapshot.plan
        if overlay.unfinished:
            is_stuck = overlay.undecided == overlay.unfinished and not self._ready and not plan.may_wait_for_others
            return next_dag_run_state(DagRunState.RUNNING, DagRunEvent.FAILED, Actor.SCHEDULER) if is_stuck else None
        has_failed = self._is_timed_out() or any(
            overlay.state(position) in BROKEN_STATES for leaf in plan.leaves for position in overlay.instances.of(leaf)
        )
        event = DagRunEvent.FAILED if has_failed else DagRunEvent.SUCCEEDED
        return next_dag_run_state(self._snapshot.run.state, event, Actor.SCHEDULER)
