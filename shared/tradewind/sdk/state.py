"""Airflow's state names, as DAG files use them."""

from typing import Final

from tradewind.core.states import DagRunState, TaskInstanceState

__all__ = ["DagRunState", "State", "TaskInstanceState"]


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
    REMOVED: Final = TaskInstanceState.REMOVED
