"""States of task instances and DAG runs, the events that change them and who may cause each.

One table lists every transition, terminal states included; an event that the table does not list for a state
raises `IllegalTransition` and changes nothing. The diagram in `docs/states.md` is generated from it.
"""

from enum import StrEnum
from typing import Final


class TaskInstanceState(StrEnum):
    """Airflow's task instance states; what its API shows as `null` is the member `NONE` inside."""

    NONE = "none"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    RESTARTING = "restarting"
    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    UPSTREAM_FAILED = "upstream_failed"
    UP_FOR_RETRY = "up_for_retry"
    UP_FOR_RESCHEDULE = "up_for_reschedule"
    DEFERRED = "deferred"
    AWAITING_INPUT = "awaiting_input"
    REMOVED = "removed"


OPEN_STATES: Final = (TaskInstanceState.QUEUED, TaskInstanceState.RUNNING, TaskInstanceState.RESTARTING)
"""An attempt is under way."""


WAITING_STATES: Final = (
    TaskInstanceState.DEFERRED,
    TaskInstanceState.AWAITING_INPUT,
    TaskInstanceState.UP_FOR_RESCHEDULE,
)
"""The attempt has ended; the same try goes on later."""

SKIPPABLE_STATES: Final = (
    TaskInstanceState.NONE,
    TaskInstanceState.SCHEDULED,
    TaskInstanceState.UP_FOR_RETRY,
    TaskInstanceState.UP_FOR_RESCHEDULE,
    TaskInstanceState.UPSTREAM_FAILED,
)
"""No attempt is under way or has ended for good: a branch upstream may still have the task skipped, also one that a
failure elsewhere upstream has ended before."""


class DagRunState(StrEnum):
    """Airflow's DAG run states."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"


class Outcome(StrEnum):
    """How a child process says its attempt ended."""

    SUCCESS = "success"
    FAILED = "failed"
    FAILED_WITHOUT_RETRY = "failed_without_retry"
    SKIPPED = "skipped"
    DEFERRED = "deferred"
    """It waits for a trigger, without a slot; `effects.deferral` says for which."""
    RESCHEDULED = "rescheduled"
    """A sensor looks again at `effects.reschedule_at`, without a slot until then."""
    AWAITING_INPUT = "awaiting_input"
    """A person is asked; `effects.deferral` holds how it goes on."""


class EndCause(StrEnum):
    """Why an attempt ended as it did. Only `USER_ERROR`, `TIMEOUT` and `NONE` are the user's own."""

    NONE = "none"
    USER_ERROR = "user_error"
    TIMEOUT = "timeout"
    KILLED = "killed"
    OUT_OF_MEMORY = "out_of_memory"
    NOT_STARTED = "not_started"
    """The attempt was claimed, but its user code certainly never ran: re-dispatched without cost."""
    WORKER_LOST = "worker_lost"
    PREEMPTED = "preempted"
    CANCELLED = "cancelled"
