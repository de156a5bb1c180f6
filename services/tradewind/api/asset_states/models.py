"""What is kept for an asset."""

from datetime import datetime
from typing import Literal

from pydantic import JsonValue

from tradewind.api.models.base import ApiModel, StrictBody
from tradewind.api.models.task_states import KeptValue


class AssetStateStoreBody(StrictBody):
    """A value to keep."""

    value: KeptValue


class AssetStateStoreLastUpdatedBy(ApiModel):
    """Who wrote a value last: a task instance, or (`api`) a person."""

    kind: Literal["task", "watcher", "api"]
    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    map_index: int | None = None


class AssetStateStoreResponse(ApiModel):
    """A kept value."""

    key: str
    value: JsonValue
    updated_at: datetime
    last_updated_by: AssetStateStoreLastUpdatedBy | None = None


class AssetStateStoreCollectionResponse(ApiModel):
    """A page of kept values."""

    asset_state_store: list[AssetStateStoreResponse]
    total_entries: int
