"""Airflow's state names, as DAG files use them: the text of each is its value, whichever module it is imported from."""

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from tradewind.core.states import DagRunState, TaskInstanceState

__all__ = ["CallbackState", "DagRunState", "IntermediateTIState", "State", "TaskInstanceState", "TerminalTIState"]


class TerminalTIState(StrEnum):
    """States in which nothing is left to do."""

    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    UPSTREAM_FAILED = "upstream_failed"
    REMOVED = "removed"


class IntermediateTIState(StrEnum):
    """States between being decided upon and running."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RESTARTING = "restarting"
    UP_FOR_RETRY = "up_for_retry"
    UP_FOR_RESCHEDULE = "up_for_reschedule"
    DEFERRED = "deferred"
    AWAITING_INPUT = "awaiting_input"


class CallbackState(StrEnum):
    """How far a callback is."""

    SCHEDULED = "scheduled"
    PENDING = "pending"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"


_TASK_STATES: Final = tuple(state for state in TaskInstanceState if state is not TaskInstanceState.NONE)


class State:
    """All states under one roof, as in older DAG files."""

    SUCCESS: Final = TaskInstanceState.SUCCESS
    RUNNING: Final = TaskInstanceState.RUNNING
    FAILED: Final = TaskInstanceState.FAILED
    NONE: Final = None
    SCHEDULED: Final = TaskInstanceState.SCHEDULED
    QUEUED: Final = TaskInstanceState.QUEUED
    RESTARTING: Final = TaskInstanceState.RESTARTING
    UP_FOR_RETRY: Final = TaskInstanceState.UP_FOR_RETRY
    UP_FOR_RESCHEDULE: Final = TaskInstanceState.UP_FOR_RESCHEDULE
    UPSTREAM_FAILED: Final = TaskInstanceState.UPSTREAM_FAILED
    SKIPPED: Final = TaskInstanceState.SKIPPED
    DEFERRED: Final = TaskInstanceState.DEFERRED
    AWAITING_INPUT: Final = TaskInstanceState.AWAITING_INPUT
    REMOVED: Final = TaskInstanceState.REMOVED

    task_states: Final[tuple[TaskInstanceState | None, ...]] = (None, *_TASK_STATES)
    dag_states: Final = (DagRunState.QUEUED, DagRunState.SUCCESS, DagRunState.RUNNING, DagRunState.FAILED)
    finished_dr_states: Final = frozenset({DagRunState.SUCCESS, DagRunState.FAILED})
    unfinished_dr_states: Final = frozenset({DagRunState.QUEUED, DagRunState.RUNNING})
    finished: Final = frozenset(TaskInstanceState(state) for state in TerminalTIState)
    unfinished: Final = frozenset({None, *_TASK_STATES}) - finished
    failed_states: Final = frozenset({TaskInstanceState.FAILED, TaskInstanceState.UPSTREAM_FAILED})
    success_states: Final = frozenset({TaskInstanceState.SUCCESS, TaskInstanceState.SKIPPED})
    adoptable_states: Final = frozenset(
        {TaskInstanceState.QUEUED, TaskInstanceState.RUNNING, TaskInstanceState.RESTARTING}
    )
    state_color: Final = MappingProxyType(
        {
            None: "lightblue",
            TaskInstanceState.QUEUED: "gray",
            TaskInstanceState.RUNNING: "lime",
            TaskInstanceState.SUCCESS: "green",
            TaskInstanceState.RESTARTING: "violet",
            TaskInstanceState.FAILED: "red",
            TaskInstanceState.UP_FOR_RETRY: "gold",
            TaskInstanceState.UP_FOR_RESCHEDULE: "turquoise",
            TaskInstanceState.UPSTREAM_FAILED: "orange",
            TaskInstanceState.SKIPPED: "hotpink",
            TaskInstanceState.REMOVED: "lightgrey",
            TaskInstanceState.SCHEDULED: "tan",
            TaskInstanceState.DEFERRED: "mediumpurple",
            TaskInstanceState.AWAITING_INPUT: "darkorange",
        }
    )

    @classmethod
    def color(cls, state: TaskInstanceState | None) -> str:
        """The colour in which people are shown a state."""
        return cls.state_color.get(state, "white")

    @classmethod
    def color_fg(cls, state: TaskInstanceState | None) -> str:
        """The colour of a text on it."""
        return "white" if cls.color(state) in ("green", "red") else "black"
