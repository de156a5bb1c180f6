"""A task process starts, and hears what it needs to know."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from tradewind.api.execution.models.moments import Moment
from tradewind.api.models.base import ApiModel, StrictBody

ProcessId = Annotated[int, Field(ge=0, lt=2**31)]


class StartBody(StrictBody):
    """Which process starts the attempt."""

    state: Literal["running"]
    hostname: Annotated[str, Field(min_length=1)]
    unixname: str
    pid: ProcessId
    start_date: Moment


class HeartbeatBody(StrictBody):
    """Which process is alive."""

    hostname: str
    pid: ProcessId


class NamedAlias(ApiModel):
    """An alias that an event came through."""

    name: str


class ConsumedAsset(ApiModel):
    """Whose event made a run."""

    name: str
    uri: str
    extra: dict[str, object]


class ConsumedEvent(ApiModel):
    """An event that made a run."""

    asset: ConsumedAsset
    extra: dict[str, object]
    source_task_id: str | None
    source_dag_id: str | None
    source_run_id: str | None
    source_map_index: int | None
    source_aliases: list[NamedAlias]
    timestamp: datetime
    partition_key: str | None


class RunOfTask(ApiModel):
    """A run, as task processes see it. Only one's own run comes with the events that made it."""

    dag_id: str
    run_id: str
    logical_date: datetime | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    run_after: datetime
    start_date: datetime | None
    end_date: datetime | None
    clear_number: int
    run_type: str
    state: str
    conf: dict[str, object] | None
    triggering_user_name: str | None
    consumed_asset_events: list[ConsumedEvent] = Field(default_factory=list[ConsumedEvent])
    partition_key: str | None
    partition_date: datetime | None
    note: str | None
    team_name: None = None


class RunContext(ApiModel):
    """What an attempt starts with."""

    dag_run: RunOfTask
    task_reschedule_count: int
    max_tries: int
    variables: list[object] = Field(default_factory=list[object])
    """None come along: each is asked for when it is wanted."""
    connections: list[object] = Field(default_factory=list[object])
    """As `variables`."""
    next_method: str | None
    """Set when a deferred task goes on."""
    next_kwargs: dict[str, object] | None
    xcom_keys_to_clear: list[str] = Field(default_factory=list[str])
    """Those of earlier tries are forgotten when an attempt is granted, so none are left."""
    should_retry: bool
    start_date: datetime | None
    """When the try began, if this is not its beginning."""
