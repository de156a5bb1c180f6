"""Settings of the triggerer."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field

from tradewind.task_runner.settings import TaskRunningSettings


def _split_queues(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip()) or None


class TriggererGroup(BaseModel):
    """What Airflow keeps in [triggerer]: `TRADEWIND__TRIGGERER__…`."""

    capacity: int = Field(default=1000, ge=1)
    """Triggers that this triggerer runs at once; further ones wait for another triggerer, or for room."""
    max_trigger_to_select_per_loop: int = Field(default=50, ge=1)
    """Triggers taken in one statement, so that several triggerers share a flood of them."""
    queues: Annotated[tuple[str, ...] | None, BeforeValidator(_split_queues)] = None
    """Triggers of these queues only, separated by commas; unset: those that name no queue."""
    sweep_interval_seconds: float = Field(default=1.0, gt=0)
    """How long at most something stays unseen whose event was lost; also how exactly timeouts are kept."""
    block_seconds: float = Field(default=2.0, gt=0)
    """A trigger whose code runs for this long without awaiting anything blocks all others: it is named, and from then
    on runs in a process of its own. Well above what an import takes."""
    isolated_max: int = Field(default=4, ge=0)
    """Triggers that may run in processes of their own, because they block; the tasks of further ones fail."""
    on_kill_timeout: float = Field(default=30.0, ge=0)
    """Seconds that a trigger's `on_kill` may take."""
    log_bytes: int = Field(default=64 * 1024, ge=0)
    """What is kept of one trigger's log until it fires: the end of it."""


class TriggererSettings(TaskRunningSettings):
    """What the triggerer reads from the environment."""

    triggerer: TriggererGroup = TriggererGroup()
