"""Questions to people, and their answers (human in the loop)."""

from datetime import datetime
from typing import Any

from pydantic import Field

from tradewind.api.models.base import ApiModel
from tradewind.api.models.task_instances import TaskInstanceHistoryResponse, TaskInstanceResponse


class HITLUser(ApiModel):
    """A person who is asked, or who has answered."""

    id: str
    name: str


class UpdateHITLDetailPayload(ApiModel):
    """An answer."""

    chosen_options: list[str] = Field(min_length=1)
    params_input: dict[str, Any] = Field(default_factory=dict[str, Any])


class HITLDetailResponse(ApiModel):
    """An answer as it was kept."""

    responded_by: HITLUser
    responded_at: datetime
    chosen_options: list[str]
    params_input: dict[str, Any] = Field(default_factory=dict[str, Any])


class BaseHITLDetail(ApiModel):
    """A question, with its answer once there is one."""

    options: list[str]
    subject: str
    body: str | None = None
    defaults: list[str] | None = None
    multiple: bool = False
    params: dict[str, Any] = Field(default_factory=dict[str, Any])
    """name → `{"value", "description", "schema"}`."""
    assigned_users: list[HITLUser] = Field(default_factory=list[HITLUser])
    """Who may answer; empty: whoever may use the API."""
    created_at: datetime
    responded_by_user: HITLUser | None = None
    responded_at: datetime | None = None
    chosen_options: list[str] | None = None
    params_input: dict[str, Any] = Field(default_factory=dict[str, Any])
    response_received: bool = False


class HITLDetail(BaseHITLDetail):
    """The question of a task instance's latest try."""

    task_instance: TaskInstanceResponse


class HITLDetailCollection(ApiModel):
    """A page of questions."""

    hitl_details: list[HITLDetail]
    total_entries: int


class HITLDetailHistory(BaseHITLDetail):
    """The question of one try."""

    task_instance: TaskInstanceHistoryResponse
