"""What task processes are told of assets and their events."""

from datetime import datetime

from tradewind.api.models.base import ApiModel


class TaskAssetResponse(ApiModel):
    """An asset."""

    name: str
    uri: str
    group: str
    extra: dict[str, object]


class TaskAssetsResponse(ApiModel):
    """Assets by name."""

    assets: list[TaskAssetResponse]


class AssetNameResponse(ApiModel):
    """What names an asset."""

    name: str
    uri: str


class InactiveAssetsResponse(ApiModel):
    """Assets whose name or URI another one has."""

    inactive_assets: list[AssetNameResponse]


class TaskDagRunReference(ApiModel):
    """A run that an event made."""

    run_id: str
    dag_id: str
    logical_date: datetime | None
    start_date: datetime | None
    end_date: datetime | None
    state: str
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    partition_key: str | None


class TaskAssetEvent(ApiModel):
    """An event."""

    id: int
    timestamp: datetime
    extra: dict[str, object]
    asset: TaskAssetResponse
    partition_key: str | None
    source_dag_id: str | None
    source_run_id: str | None
    source_task_id: str | None
    source_map_index: int | None
    source_aliases: list[str]
    created_dagruns: list[TaskDagRunReference]


class TaskAssetEventsResponse(ApiModel):
    """Events, in the order asked for."""

    asset_events: list[TaskAssetEvent]
