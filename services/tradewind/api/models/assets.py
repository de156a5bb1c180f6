"""Assets, their aliases and events."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from tradewind.api.models.base import ApiModel, StrictBody
from tradewind.api.models.dag_runs import TriggerDAGRunPostBody


class AssetAliasResponse(ApiModel):
    """An alias."""

    id: int
    name: str
    group: str


class AssetAliasCollectionResponse(ApiModel):
    """A page of aliases."""

    asset_aliases: list[AssetAliasResponse]
    total_entries: int


class DagScheduleAssetReference(StrictBody):
    """A DAG that waits for an asset."""

    dag_id: str
    created_at: datetime
    updated_at: datetime


class TaskInletAssetReference(StrictBody):
    """A task that reads an asset."""

    dag_id: str
    task_id: str
    created_at: datetime
    updated_at: datetime


class TaskOutletAssetReference(StrictBody):
    """A task that writes an asset."""

    dag_id: str
    task_id: str
    created_at: datetime
    updated_at: datetime


class AssetWatcherResponse(ApiModel):
    """A trigger that watches an asset."""

    name: str
    trigger_id: int
    created_date: datetime


class LastAssetEventResponse(ApiModel):
    """An asset's latest event."""

    id: Annotated[int, Field(ge=0)] | None = None
    timestamp: datetime | None = None


class AssetResponse(ApiModel):
    """An asset, and who refers to it."""

    id: int
    name: str
    uri: str
    group: str
    extra: dict[str, object] | None = None
    created_at: datetime
    updated_at: datetime
    scheduled_dags: list[DagScheduleAssetReference]
    producing_tasks: list[TaskOutletAssetReference]
    consuming_tasks: list[TaskInletAssetReference]
    aliases: list[AssetAliasResponse]
    watchers: list[AssetWatcherResponse]
    last_asset_event: LastAssetEventResponse | None = None


class AssetCollectionResponse(ApiModel):
    """A page of assets."""

    assets: list[AssetResponse]
    total_entries: int


class DagRunAssetReference(StrictBody):
    """A run that an event made, or took part in making."""

    run_id: str
    dag_id: str
    logical_date: datetime | None = None
    start_date: datetime
    """When it was queued, for a run that has not started."""
    end_date: datetime | None = None
    state: str
    data_interval_start: datetime | None = None
    data_interval_end: datetime | None = None
    partition_key: str | None = None
    triggering: bool
    """Whether the event was the last one that the run waited for."""


class AssetEventResponse(ApiModel):
    """An event of an asset."""

    id: int
    asset_id: int
    uri: str | None = None
    name: str | None = None
    group: str | None = None
    extra: dict[str, object] | None = None
    source_task_id: str | None = None
    source_dag_id: str | None = None
    source_run_id: str | None = None
    source_map_index: int
    created_dagruns: list[DagRunAssetReference]
    timestamp: datetime
    partition_key: str | None = None


class AssetEventCollectionResponse(ApiModel):
    """A page of events."""

    asset_events: list[AssetEventResponse]
    total_entries: int


class AssetEventAccessControl(StrictBody):
    """Which teams may consume an event; there are no teams, so it changes nothing."""

    consumer_teams: list[str] | None = None
    allow_global: bool = True


class CreateAssetEventsBody(StrictBody):
    """An event to make."""

    asset_id: Annotated[int, Field(ge=-(2**63), lt=2**63)]
    extra: dict[str, object] = Field(default_factory=dict)
    partition_key: Annotated[str, Field(max_length=250, pattern=r"\S")] | None = None
    access_control: AssetEventAccessControl | None = None


class MaterializeAssetBody(TriggerDAGRunPostBody):
    """A run of the DAG that writes an asset."""


class QueuedEventResponse(ApiModel):
    """Events of an asset wait in the queue of a DAG, the first one since `created_at`."""

    dag_id: str
    asset_id: int
    created_at: datetime
    dag_display_name: str


class QueuedEventCollectionResponse(ApiModel):
    """All such queues."""

    queued_events: list[QueuedEventResponse]
    total_entries: int
