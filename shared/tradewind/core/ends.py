"""How an attempt's end becomes the next state of its task instance.

The stores call `end_of_attempt` inside the transaction that records an end, so that a failure which will be retried
is `up_for_retry` at once. The user's failures draw on `retries`; attempts lost to infrastructure draw on a budget of
their own and come back under the same try number.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from math import ceil
from typing import Final

from tradewind.core.dag_requests import NewDagRequest, RequestKind, UnheardEnd
from tradewind.core.errors import IllegalTransition
from tradewind.core.rows import EndEffectsRecord, TaskInstanceRow
from tradewind.core.spec import TaskSpec
from tradewind.core.states import OPEN_STATES, EndCause, Outcome, TaskInstanceState
from tradewind.core.transitions import Actor, Event, next_state

INFRASTRUCTURE_CAUSES: Final = (
    EndCause.KILLED,
    EndCause.OUT_OF_MEMORY,
    EndCause.WORKER_LOST,
    EndCause.PREEMPTED,
)
"""The user's code had been allowed to start, and then something other than the code ended it."""

INFRASTRUCTURE_RETRIES: Final = 3
"""Losses after the start that a task with `retries` may have per try; one without `retries` never runs twice."""

DISPATCH_FAILURES_MAX: Final = 10
"""Attempts of one try that may end before user code began (about three minutes of backoff); more is a failure."""

_WAITING_EVENTS: Final = {
    Outcome.DEFERRED: Event.DEFERRED,
    Outcome.RESCHEDULED: Event.RESCHEDULED,
    Outcome.AWAITING_INPUT: Event.ASKED,
}

REDISPATCH_DELAY_MAX_SECONDS: Final = 60.0

RETRY_DELAY_MAX_SECONDS: Final = 24 * 60 * 60.0
"""No backoff grows beyond a day, whatever the factor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnd:
    """What the row of the task instance becomes when its attempt ends. `end_pending` is true after every end."""

    state: TaskInstanceState
    next_action_at: datetime | None
    """`up_for_retry`: when the next try is due; `scheduled`: when the same try may be dispatched again; else None."""
    lost_attempts: int
    dispatch_failures: int
    copy_to_history: bool
    """The try is over and another one will follow: keep a copy of it in the history."""


def end_of_attempt(
    row: TaskInstanceRow,
    task: TaskSpec,
    outcome: Outcome,
    cause: EndCause,
    now: datetime,
    effects: EndEffectsRecord | None = None,
) -> AttemptEnd:
    """What the row of the current attempt (queued, running or restarting) becomes by this outcome and cause.

    Success and skip stand whatever the cause. A restarting attempt always makes way for a fresh try: its state
    becomes `none`, and the trigger rule decides when the try begins. An attempt that never started its code, or that
    was lost within its infrastructure budget, goes to `scheduled` and keeps `try_number`. Everything else is an
    ordinary failure, to which `retries` apply unless the outcome forbids it.

    A task that waits (deferred, rescheduled, asking a person) goes on with the same try; its losses are forgotten.

    Counters of the result replace those of the row. Raises `IllegalTransition` for a row with no open attempt.
    """
    if row.state not in OPEN_STATES:
        raise IllegalTransition(f"{row.id} has no open attempt in state {row.state}")
    event = _event(row, task, outcome, cause)
    state = next_state(row.state, event, Actor.COLLECTOR)
    lost, undispatched = row.lost_attempts, row.dispatch_failures
    due: datetime | None = None
    if event is Event.LOST:
        lost += cause in INFRASTRUCTURE_CAUSES
        undispatched += cause is EndCause.NOT_STARTED
        count = undispatched if cause is EndCause.NOT_STARTED else lost
        due = now + redispatch_delay(count)
    elif event is Event.FAILED_FOR_NOW:
        lost, undispatched = 0, 0
        own = None if effects is None else effects.retry_delay_seconds
        due = now + (retry_delay(row, task) if own is None else timedelta(seconds=own))
    elif event is Event.RESCHEDULED:
        due = now if effects is None else effects.reschedule_at
    elif event is Event.STOPPED:
        lost, undispatched = 0, 0
    return AttemptEnd(
        state=state,
        next_action_at=due,
        lost_attempts=lost,
        dispatch_failures=undispatched,
        copy_to_history=event in (Event.FAILED_FOR_NOW, Event.STOPPED),
    )


def unheard_request(
    dag_id: str, row: TaskInstanceRow, task: TaskSpec, end: AttemptEnd, detail: str | None, ended_at: datetime
) -> NewDagRequest | None:
    """What a dag processor is to do about a silent end; None if nobody wants to hear of the state it comes to."""
    if end.state.value not in task.notices:
        return None
    unheard = UnheardEnd(
        task_id=row.id.task_id,
        map_index=row.id.map_index,
        try_number=row.try_number,
        max_tries=row.max_tries,
        state=end.state.value,
        detail=detail or "the worker that ran the task was lost",
        ended_at=ended_at.isoformat(),
    )
    return NewDagRequest(
        dag_id=dag_id, kind=RequestKind.TASK_CALLBACK, dag_run_id=row.id.dag_run_id, reason=unheard.as_text()
    )


def _event(row: TaskInstanceRow, task: TaskSpec, outcome: Outcome, cause: EndCause) -> Event:
    if row.state is TaskInstanceState.RESTARTING:
        return Event.STOPPED
    if outcome is Outcome.SUCCESS:
        return Event.SUCCEEDED
    if outcome is Outcome.SKIPPED:
        return Event.SKIPPED
    if outcome in _WAITING_EVENTS:
        return _WAITING_EVENTS[outcome]
    if outcome is Outcome.FAILED and _is_dispatched_again(row, task, cause):
        return Event.LOST
    may_retry = outcome is Outcome.FAILED and row.max_tries > 0 and row.try_number <= row.max_tries
    return Event.FAILED_FOR_NOW if may_retry else Event.FAILED


def _is_dispatched_again(row: TaskInstanceRow, task: TaskSpec, cause: EndCause) -> bool:
    if cause is EndCause.NOT_STARTED:
        return row.dispatch_failures < DISPATCH_FAILURES_MAX
    return cause in INFRASTRUCTURE_CAUSES and row.lost_attempts < infrastructure_budget(task)


def infrastructure_budget(task: TaskSpec) -> int:
    """How many attempts of one try may be lost to infrastructure without counting as a failure."""
    if task.infrastructure_retries is not None:
        return task.infrastructure_retries
    return INFRASTRUCTURE_RETRIES if task.retries > 0 else 0


def redispatch_delay(count: int) -> timedelta:
    """How long the `count`-th loss of a try (from 1) waits: nothing, then 1 s, 2 s, 4 s … up to a minute."""
    if count <= 1:
        return timedelta(0)
    return timedelta(seconds=min(REDISPATCH_DELAY_MAX_SECONDS, 2.0 ** min(count - 2, 16)))


def retry_delay(row: TaskInstanceRow, task: TaskSpec) -> timedelta:
    """How long the try after `row.try_number` waits: constant, or growing by a factor from try to try.

    A growing delay is spread between once and twice its size by a hash of the try, so that tasks that failed
    together do not come back together, and yet the same try always waits the same.
    """
    factor = task.retry_exponential_backoff
    if factor in (0.0, 1.0) or factor < 0:
        return timedelta(seconds=task.retry_delay_seconds)
    base = _grown(task.retry_delay_seconds, factor, row.try_number - 1)
    seconds = min(float(base + _spread(row) % base), RETRY_DELAY_MAX_SECONDS)
    if task.max_retry_delay_seconds:
        seconds = min(seconds, task.max_retry_delay_seconds)
    return timedelta(seconds=seconds)


def _grown(seconds: float, factor: float, times: int) -> int:
    try:
        return max(1, ceil(seconds * factor**times))
    except OverflowError:
        return int(RETRY_DELAY_MAX_SECONDS)


def _spread(row: TaskInstanceRow) -> int:
    name = f"{row.id.dag_run_id}#{row.id.task_id}#{row.id.map_index}#{row.try_number}"
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")
