"""Of `/eventLogs`: what is asked, and what is answered."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from tradewind.api.models.base import ApiModel
from tradewind.api.models.queries import Integer, Names, PageQuery


class EventLogListQuery(PageQuery):
    """`GET /eventLogs`."""

    order_by: list[str] = Field(default_factory=lambda: ["id"])
    dag_id: str | None = None
    task_id: str | None = None
    run_id: str | None = None
    map_index: Integer | None = None
    try_number: Integer | None = None
    owner: str | None = None
    event: str | None = None
    excluded_events: Names
    included_events: Names
    before: datetime | None = None
    after: datetime | None = None
    dag_id_pattern: str | None = None
    task_id_pattern: str | None = None
    run_id_pattern: str | None = None
    owner_pattern: str | None = None
    event_pattern: str | None = None
    dag_id_prefix_pattern: str | None = None
    task_id_prefix_pattern: str | None = None
    run_id_prefix_pattern: str | None = None
    owner_prefix_pattern: str | None = None
    event_prefix_pattern: str | None = None


class EventLogResponse(ApiModel):
    """One thing that somebody did."""

    event_log_id: int
    when: datetime
    dag_id: str | None
    task_id: str | None
    run_id: str | None
    map_index: int | None
    try_number: int | None
    event: Annotated[str, Field(description="The operation")]
    logical_date: datetime | None
    owner: Annotated[str | None, Field(description="Who did it; null: a login of nobody known")]
    extra: Annotated[str | None, Field(description="What it was asked with, as JSON, without secrets")]
    dag_display_name: str | None = None
    task_display_name: str | None = None
    via: Annotated[str | None, Field(description="How the caller was recognised")] = None
    remote_address: str | None = None
    status: Annotated[int | None, Field(description="Of the answer, as HTTP has it")] = None


class EventLogCollectionResponse(ApiModel):
    """A page of the audit log."""

    event_logs: list[EventLogResponse]
    total_entries: int
