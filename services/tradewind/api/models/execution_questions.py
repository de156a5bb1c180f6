"""What task processes ask about XComs, task instances, runs and DAGs, and what they are told."""

from datetime import datetime

from pydantic import AwareDatetime, BaseModel, Field

from tradewind.api.execution.models.moments import Moment
from tradewind.api.models.base import ApiModel, StrictBody


class XComSliceQuery(BaseModel):
    """A part of what a task's instances pushed, as Python's slices have it."""

    start: int | None = None
    stop: int | None = None
    step: int | None = None
    include_prior_dates: bool = False

    @property
    def bounds(self) -> slice:
        return slice(self.start, self.stop, self.step)


class InstanceQuery(BaseModel):
    """Which task instances; what is left out admits all."""

    map_index: int | None = None
    task_ids: list[str] = Field(default_factory=list)
    task_group_id: str | None = None
    logical_dates: list[AwareDatetime] = Field(default_factory=list)
    run_ids: list[str] = Field(default_factory=list)
    states: list[str] = Field(default_factory=list)


class CountResponse(ApiModel):
    """How many there are."""

    count: int


class TaskStatesResponse(ApiModel):
    """run_id → task id (`<task id>_<map index>` of a mapped one) → state."""

    task_states: dict[str, dict[str, str | None]]


class Breadcrumb(ApiModel):
    """What came of a task instance."""

    task_id: str
    map_index: int
    state: str
    operator: str
    duration: float | None


class BreadcrumbsResponse(ApiModel):
    """What came of a run's ended task instances."""

    breadcrumbs: list[Breadcrumb]


class PreviousTaskInstanceResponse(ApiModel):
    """The instance of a task in an earlier run."""

    dag_id: str
    task_id: str
    run_id: str
    logical_date: datetime | None
    start_date: datetime | None
    end_date: datetime | None
    state: str | None
    try_number: int
    map_index: int
    duration: float | None


class TaskDagRunResponse(ApiModel):
    """A run, as tasks see it."""

    dag_id: str
    run_id: str
    state: str
    run_type: str
    logical_date: datetime | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    run_after: datetime
    start_date: datetime | None
    end_date: datetime | None
    conf: dict[str, object] | None
    triggering_user_name: str | None
    note: str | None


class TaskDagResponse(ApiModel):
    """A DAG, as tasks see it."""

    dag_id: str
    is_paused: bool
    bundle_name: str | None
    bundle_version: str | None
    relative_fileloc: str | None
    owners: str | None
    """Separated by commas."""
    tags: list[str]
    next_dagrun: datetime | None
    """Its logical date."""


class TaskTriggerBody(StrictBody):
    """A run that a task asks for."""

    conf: dict[str, object] | None = None
    logical_date: Moment | None = None
    run_after: Moment | None = None
    note: str | None = None
    partition_key: str | None = None
    reset_dag_run: bool = False
    """What the task will ask for next if there is such a run already: `clear`."""


class KeptValueBody(StrictBody):
    """A JSON value to keep; not null."""

    value: bool | int | float | str | list[object] | dict[str, object]
    expires_at: AwareDatetime | None = None
