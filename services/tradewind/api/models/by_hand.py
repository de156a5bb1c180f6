"""Running one task instance by hand: how, and what was queued."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from tradewind.api.models.base import ApiModel, StrictBody
from tradewind.api.models.explanations import TaskDependencyResponse
from tradewind.api.models.task_instances import TaskInstanceResponse

Name = Annotated[str, Field(min_length=1, max_length=250)]


class RunTaskInstanceBody(StrictBody):
    """The flags of `tasks run`; none of them: it is queued if nothing stands against it."""

    mark_success: bool = False
    """It ends as success without its code being run."""
    ignore_all_deps: bool = False
    """Whatever can be ignored is; its pool is filled beyond its size if need be."""
    ignore_depends_on_past: bool = False
    ignore_task_deps: bool = False
    """Its upstream, its past, the time of a retry, limits of its own."""
    ignore_ti_state: bool = False
    """It runs although it has ended, and a run that has ended goes on."""
    pool: Name | None = None
    queue: Name | None = None
    executor: Name | None = None
    attempt_id: UUID | None = None
    """Chosen by whoever asks, so that asking again after a lost answer queues nothing twice."""


class QueuedTaskInstanceResponse(ApiModel):
    """What was queued."""

    task_instance: TaskInstanceResponse
    attempt_id: UUID
    try_number: int
    pool: str
    pool_slots: int
    queue: str
    executor: str
    command: list[str]
    """What a worker is told to run."""
    dag_run_state: Literal["queued", "running", "success", "failed"]
    ignored_dependencies: list[TaskDependencyResponse]
    """What stood against it."""
