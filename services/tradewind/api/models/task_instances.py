"""Task instances."""

from datetime import datetime
from uuid import UUID

from tradewind.api.models.base import ApiModel, TaskInstanceStateName
from tradewind.api.models.dags import DagVersionResponse


class TriggerResponse(ApiModel):
    """What a deferred task instance waits for."""

    id: int
    classpath: str
    kwargs: str
    created_date: datetime
    queue: str | None
    triggerer_id: int | None


class JobResponse(ApiModel):
    """The triggerer that runs a deferred task instance's trigger."""

    id: int
    dag_id: str | None
    state: str | None
    job_type: str | None
    start_date: datetime | None
    end_date: datetime | None
    latest_heartbeat: datetime | None
    executor_class: str | None
    hostname: str | None
    unixname: str | None
    dag_display_name: str | None = None


class TaskInstanceTryResponse(ApiModel):
    """What every try of a task instance shows."""

    task_id: str
    dag_id: str
    dag_run_id: str
    map_index: int
    start_date: datetime | None
    end_date: datetime | None
    duration: float | None
    """Seconds from start to end."""
    state: TaskInstanceStateName | None
    try_number: int
    max_tries: int
    task_display_name: str
    dag_display_name: str
    hostname: str | None
    unixname: str | None = None
    pool: str
    pool_slots: int
    queue: str | None
    priority_weight: int | None
    operator: str | None
    operator_name: str | None
    queued_when: datetime | None
    scheduled_when: datetime | None
    pid: int | None
    executor: str | None
    executor_config: str
    dag_version: DagVersionResponse | None


class TaskInstanceResponse(TaskInstanceTryResponse):
    """A task instance and its latest try."""

    id: UUID
    logical_date: datetime | None
    run_after: datetime
    note: str | None
    rendered_map_index: str | None = None
    rendered_fields: dict[str, object]
    trigger: TriggerResponse | None = None
    triggerer_job: JobResponse | None = None


class TaskInstanceCollectionResponse(ApiModel):
    """A page of task instances; the cursors are null under offset pagination."""

    task_instances: list[TaskInstanceResponse]
    total_entries: int | None = None
    total_entries_limit: int | None = None
    next_cursor: str | None = None
    previous_cursor: str | None = None


class TaskInstanceHistoryResponse(TaskInstanceTryResponse):
    """One try of a task instance."""


class TaskInstanceHistoryCollectionResponse(ApiModel):
    """All tries of a task instance."""

    task_instances: list[TaskInstanceHistoryResponse]
    total_entries: int
