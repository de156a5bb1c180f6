"""Tasks of a DAG."""

from datetime import datetime, timedelta
from typing import Self

from pydantic import Field

from tradewind.api.models.base import ApiModel


class TimeDelta(ApiModel):
    """A duration in three parts."""

    object_type: str = Field(default="TimeDelta", serialization_alias="__type")
    days: int
    seconds: int
    microseconds: int

    @classmethod
    def of_seconds(cls, seconds: float) -> Self:
        delta = timedelta(seconds=seconds)
        return cls(days=delta.days, seconds=delta.seconds, microseconds=delta.microseconds)


class TaskResponse(ApiModel):
    """A task as its author wrote it."""

    task_id: str | None
    task_display_name: str | None
    owner: str | None
    start_date: datetime | None
    end_date: datetime | None
    trigger_rule: str | None
    depends_on_past: bool
    wait_for_downstream: bool
    retries: float | None
    queue: str | None
    pool: str | None
    pool_slots: float | None
    execution_timeout: TimeDelta | None
    retry_delay: TimeDelta | None
    retry_exponential_backoff: float
    priority_weight: float | None
    weight_rule: str | None
    ui_color: str | None
    ui_fgcolor: str | None
    template_fields: list[str] | None
    downstream_task_ids: list[str] | None
    doc_md: str | None
    operator_name: str | None
    params: dict[str, object] | None
    class_ref: dict[str, object] | None
    is_mapped: bool | None
    extra_links: list[str]


class TaskCollectionResponse(ApiModel):
    """All tasks of a DAG."""

    tasks: list[TaskResponse]
    total_entries: int
