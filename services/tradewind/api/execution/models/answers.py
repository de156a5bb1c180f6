"""Answers to what task processes ask."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, Field

from tradewind.api.models.base import ApiModel, DagRunStateName
from tradewind.api.models.execution_assets import TaskAssetResponse, TaskDagRunReference
from tradewind.api.models.execution_questions import InstanceQuery
from tradewind.api.models.hitl import HITLUser


class Message(ApiModel):
    """It was done."""

    message: str


class PreviousSuccess(ApiModel):
    """An earlier run."""

    data_interval_start: datetime | None = None
    data_interval_end: datetime | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None


class InactiveProfile(ApiModel):
    """An asset whose name or URI another one has."""

    name: str
    uri: str
    type: str = "Asset"


class InactiveAssetProfiles(ApiModel):
    """Such assets."""

    inactive_assets: list[InactiveProfile]


class NamedInstanceQuery(InstanceQuery):
    """Which task instances or runs of a DAG."""

    dag_id: str


class RunState(ApiModel):
    """A run's state."""

    state: DagRunStateName


class VariableKeyPage(ApiModel):
    """Some keys of variables, in order, and how many there are."""

    keys: list[str]
    total_entries: int


class EventOfAsset(ApiModel):
    """An event, with the runs that it made and that have begun."""

    id: int
    timestamp: datetime
    extra: dict[str, object]
    asset: TaskAssetResponse
    partition_key: str | None
    source_dag_id: str | None
    source_run_id: str | None
    source_task_id: str | None
    source_map_index: int | None
    created_dagruns: list[TaskDagRunReference]


class EventsOfAsset(ApiModel):
    """Events, in the order asked for."""

    asset_events: list[EventOfAsset]


def _or_empty_object(value: object) -> object:
    return {} if value is None else value


def _or_empty_list(value: object) -> object:
    return [] if value is None else value


Object = Annotated[dict[str, Any], BeforeValidator(_or_empty_object)]
"""The SDK sends null for what it leaves out."""


class QuestionBody(ApiModel):
    """A question to a person."""

    ti_id: UUID
    options: Annotated[list[str], Field(min_length=1)]
    subject: str
    body: str | None = None
    defaults: list[str] | None = None
    multiple: bool = False
    params: Annotated[Object, Field(default_factory=dict[str, Any])]
    assigned_users: Annotated[list[HITLUser], BeforeValidator(_or_empty_list), Field(default_factory=list[HITLUser])]


class AnswerBody(ApiModel):
    """An answer that the task gives in place of a person."""

    ti_id: UUID
    chosen_options: Annotated[list[str], Field(min_length=1)]
    params_input: Annotated[Object, Field(default_factory=dict[str, Any])]


class QuestionAnswer(ApiModel):
    """What has been answered."""

    response_received: bool
    responded_by_user: HITLUser | None
    responded_at: datetime | None
    chosen_options: list[str]
    params_input: dict[str, Any]
