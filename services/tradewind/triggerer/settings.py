"""Settings of the triggerer."""

from typing import Annotated

from msgspec import Meta, Struct

from tradewind.service.environment import read_by, split_names
from tradewind.task_runner.settings import TaskRunningSettings


def _split_queues(text: str) -> tuple[str, ...] | None:
    return split_names(text) or None


class TriggererGroup(Struct, frozen=True):
    """What Airflow keeps in [triggerer]: `TRADEWIND__TRIGGERER__…`."""

    capacity: Annotated[int, Meta(ge=1)] = 1000
    """Triggers that this triggerer runs at once; further ones wait for another triggerer, or for room."""
    max_trigger_to_select_per_loop: Annotated[int, Meta(ge=1)] = 50
    """Triggers taken in one statement, so that several triggerers share a flood of them."""
    queues: Annotated[tuple[str, ...] | None, read_by(_split_queues)] = None
    """Triggers of these queues only, separated by commas; unset: those that name no queue."""
    sweep_interval_seconds: Annotated[float, Meta(gt=0)] = 1.0
    """How long at most something stays unseen whose event was lost; also how exactly timeouts are kept."""
    block_seconds: Annotated[float, Meta(gt=0)] = 2.0
    """A trigger whose code runs for this long without awaiting anything blocks all others: it is named, and from then
    on runs in a process of its own. Well above what an import takes."""
    isolated_max: Annotated[int, Meta(ge=0)] = 4
    """Triggers that may run in processes of their own, because they block; the tasks of further ones fail."""
    on_kill_timeout: Annotated[float, Meta(ge=0)] = 30.0
    """Seconds that a trigger's `on_kill` may take."""
    log_bytes: Annotated[int, Meta(ge=0)] = 64 * 1024
    """What is kept of one trigger's log until it fires: the end of it."""


class TriggererSettings(TaskRunningSettings, frozen=True):
    """What the triggerer reads from the environment."""

    triggerer: TriggererGroup = TriggererGroup()
