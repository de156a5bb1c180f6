"""What deferred task instances wait for, and how they go on: the values that pass between a triggerer and a store.

A deferred attempt has ended; its task instance waits in `deferred` (or, for a person, in `awaiting_input`) and has one
trigger row. What the trigger says moves it on once, guarded by that row and by the attempt that was deferred.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tradewind.core.bundles import DAGS_FOLDER_BUNDLE
from tradewind.core.rows import DeferralRecord, EndedTaskInstance, TaskInstanceId, Verdict
from tradewind.core.spec import TaskSpec
from tradewind.core.states import TaskInstanceState

TRIGGER_FAILED: Final = "__fail__"
"""The next method of a task whose trigger failed or took too long: a worker fails it, with its callbacks."""
TRIGGER_ENDED: Final = "__end__"
"""The next method of a task that its trigger ended, if a worker has something to do about that."""
FAILURE_REASON: Final = "Trigger failure"
TIMEOUT_REASON: Final = "Trigger timeout"

TRIGGER_LOG_SEQUENCE: Final = 2**31 - 1
"""Number of the chunk that holds a trigger's log: after all that the attempt itself wrote."""

ENDING_STATES: Final = (TaskInstanceState.SUCCESS, TaskInstanceState.FAILED, TaskInstanceState.SKIPPED)
"""States that a trigger may give a task without a worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingTrigger:
    """A trigger row that a triggerer has taken, with whom it is for."""

    id: int
    task_instance: TaskInstanceId
    dag_id: str
    run_id: str
    try_number: int
    attempt_id: UUID
    classpath: str
    kwargs: bytes
    """JSON text, as the task's process wrote it."""
    next_kwargs: bytes
    """JSON text of an object: arguments of the method to go on with, without the event."""
    relative_fileloc: str
    is_ended_by_worker: bool = False
    """As in the task's spec: an event that ends the task sends it to a worker, which ends it."""
    bundle_name: str = DAGS_FOLDER_BUNDLE
    bundle_digest: str | None = None
    """Of the content that the task runs on; None = what stands in the folders of each machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """A trigger that watches an asset, which a triggerer has taken: it fires again and again."""

    id: int
    name: str
    asset_name: str
    asset_uri: str
    classpath: str
    kwargs: bytes
    """JSON text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedEvent:
    """What a watcher said, as JSON text: an event of its asset."""

    watcher_id: int
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanAnswer:
    """What a person answered, or what was taken in place of an answer; values are JSON text."""

    chosen_options: bytes
    """An array of texts."""
    params_input: bytes
    """An object."""
    responded_by: bytes | None
    """`{"id": …, "name": …}`; None: nobody answered in time, the defaults were taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueTrigger:
    """A wait whose time is over, or that was answered before the run's owner had decided upon it."""

    id: int
    next_kwargs: bytes
    human_input: bytes | None = None
    """The question, if a person was asked."""
    answer: HumanAnswer | None = None
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerOutcome:
    """How a waiting task instance goes on."""

    trigger_id: int
    state: TaskInstanceState = TaskInstanceState.SCHEDULED
    """`scheduled`, or one of `ENDING_STATES`: the task ends by the trigger alone."""
    next_method: str | None = None
    """None = as the task said when it was deferred."""
    next_kwargs: bytes | None = None
    """None = as the task said."""
    detail: str | None = None
    xcoms: tuple[tuple[str, bytes], ...] = ()
    """(key, JSON text) pairs, of a task that ends."""
    log: bytes | None = None
    """What the trigger logged: NDJSON lines."""
    answer: HumanAnswer | None = None
    """To be kept with the question, unless there is an answer already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerAnswer:
    """`DONE` with what the run's owner is to be told; `SUPERSEDED`: nobody waits any more; `RETRY`: the owner has not
    decided upon the deferral itself yet."""

    trigger_id: int
    verdict: Verdict
    ended: EndedTaskInstance | None = None
    is_answered: bool = False
    """The answer that came along was kept. With `RETRY` the wait is due now, so that a triggerer ends it."""


def started_deferral(task: TaskSpec, now: datetime) -> DeferralRecord:
    """What a task that begins by waiting (`start_from_trigger`) waits for; its `execution_timeout` bounds the wait."""
    start: Any = task.start_trigger
    assert start is not None, f"task {task.task_id!r} does not start from a trigger"
    limits = [limit for limit in (start["timeout_seconds"], task.execution_timeout_seconds) if limit is not None]
    return DeferralRecord(
        classpath=start["classpath"],
        kwargs=start["kwargs"].encode(),
        next_method=start["next_method"],
        next_kwargs=start["next_kwargs"].encode(),
        timeout_at=now + timedelta(seconds=min(limits)) if limits else None,
        queue=start["queue"],
    )


def resumed(
    trigger_id: int,
    next_kwargs: bytes,
    event: bytes,
    log: bytes | None = None,
    answer: HumanAnswer | None = None,
) -> TriggerOutcome:
    """The task goes on, with the event (JSON text) among its arguments."""
    return TriggerOutcome(trigger_id=trigger_id, next_kwargs=with_event(next_kwargs, event), log=log, answer=answer)


def with_event(next_kwargs: bytes, event: bytes) -> bytes:
    """The arguments with `event` last, so that it wins over one of that name; neither text is looked into."""
    inside = next_kwargs.strip()[1:-1].strip()
    return b"{" + inside + (b"," if inside else b"") + b'"event":' + event + b"}"


def failed(trigger_id: int, traceback: Sequence[str], log: bytes | None = None) -> TriggerOutcome:
    """The trigger raised, or ended without an event: a worker fails the task with this traceback."""
    arguments = {"error": FAILURE_REASON, "traceback": list(traceback)}
    return TriggerOutcome(
        trigger_id=trigger_id, next_method=TRIGGER_FAILED, next_kwargs=json.dumps(arguments).encode(), log=log
    )


def timed_out(due: DueTrigger) -> TriggerOutcome:
    """Its time is over: a worker fails the task."""
    arguments = json.dumps({"error": TIMEOUT_REASON}).encode()
    return TriggerOutcome(trigger_id=due.id, next_method=TRIGGER_FAILED, next_kwargs=arguments)


def ended_by_worker(
    trigger_id: int, state: TaskInstanceState, xcoms: Sequence[tuple[str, bytes]], log: bytes | None = None
) -> TriggerOutcome:
    """As `ended`, by way of a worker."""
    plain = ended(trigger_id, state, xcoms, log)
    values = b",".join(json.dumps(key).encode() + b":" + value for key, value in xcoms)
    arguments = b'{"state":' + json.dumps(state.value).encode() + b',"xcoms":{' + values + b"}}"
    return replace(plain, state=TaskInstanceState.SCHEDULED, next_method=TRIGGER_ENDED, next_kwargs=arguments, xcoms=())


def ended(
    trigger_id: int, state: TaskInstanceState, xcoms: Sequence[tuple[str, bytes]], log: bytes | None = None
) -> TriggerOutcome:
    """The task ends by the trigger alone; raises ValueError for a state that no trigger may give."""
    if state not in ENDING_STATES:
        raise ValueError(f"a trigger cannot end a task as {state}")
    return TriggerOutcome(trigger_id=trigger_id, state=state, xcoms=tuple(xcoms), log=log)
