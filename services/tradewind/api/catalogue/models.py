"""Tags, counts and warnings."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from tradewind.api.models.base import ApiModel, DagRunStateName
from tradewind.api.models.queries import PageQuery

DagWarningTypeName = Literal["asset conflict", "non-existent pool", "runtime varying value"]


class DagTagListQuery(PageQuery):
    """`GET /dagTags`."""

    order_by: list[str] = Field(default_factory=lambda: ["name"])
    tag_name_pattern: str | None = None
    tag_name_prefix_pattern: str | None = None


class DagWarningListQuery(PageQuery):
    """`GET /dagWarnings`."""

    dag_id: str | None = None
    warning_type: DagWarningTypeName | None = None
    order_by: list[str] = Field(default_factory=lambda: ["dag_id"])


class DAGTagCollectionResponse(ApiModel):
    """A page of names of tags."""

    tags: list[str]
    total_entries: int


class DagStatsStateResponse(ApiModel):
    """How many runs are in a state."""

    state: DagRunStateName
    count: int


class DagStatsResponse(ApiModel):
    """How many runs of each state a DAG has."""

    dag_id: str
    dag_display_name: str
    stats: list[DagStatsStateResponse]


class DagStatsCollectionResponse(ApiModel):
    """Of all DAGs that were asked for and have runs."""

    dags: list[DagStatsResponse]
    total_entries: int


class DAGWarningResponse(ApiModel):
    """What is wrong with a DAG although it was parsed, as things stand now."""

    dag_id: str
    warning_type: DagWarningTypeName
    message: str
    timestamp: datetime
    """When the DAG was parsed."""
    dag_display_name: str


class DAGWarningCollectionResponse(ApiModel):
    """A page of warnings."""

    dag_warnings: list[DAGWarningResponse]
    total_entries: int
