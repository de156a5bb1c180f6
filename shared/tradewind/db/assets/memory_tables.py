"""The rows of assets in the in-memory store."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tradewind.core.assets import AssetKey, QueuedEvent
from tradewind.db.assets.references import Reference


@dataclass(slots=True, kw_only=True)
class AssetTableRow:
    """Table `asset`."""

    id: int
    key: AssetKey
    group: str
    extra: dict[str, Any]
    is_active: bool = False


@dataclass(slots=True, kw_only=True)
class AssetEventTableRow:
    """Tables `asset_event` and `asset_alias_event`."""

    id: int
    asset_id: int
    timestamp: datetime
    extra: dict[str, Any]
    partition_key: str | None
    partition_date: datetime | None
    aliases: tuple[str, ...]
    source: tuple[str, str, str, int] | None
    """dag_id, run_id, task_id, map_index."""


@dataclass(slots=True, kw_only=True)
class PartitionTableRow:
    """Tables `asset_partition` and `asset_partition_event`."""

    id: int
    mappers_digest: str
    events: dict[int, QueuedEvent] = field(default_factory=dict[int, QueuedEvent])


@dataclass(slots=True)
class MemoryAssets:
    """Everything that the in-memory store holds of assets."""

    assets: dict[AssetKey, AssetTableRow] = field(default_factory=dict[AssetKey, AssetTableRow])
    aliases: dict[str, dict[AssetKey, None]] = field(default_factory=dict[str, dict[AssetKey, None]])
    """Alias → the assets that it stands for."""
    references: dict[tuple[str, ...], tuple[Reference, datetime]] = field(
        default_factory=dict[tuple[str, ...], tuple[Reference, datetime]]
    )
    """By their keys, each with when it was first seen."""
    events: dict[int, AssetEventTableRow] = field(default_factory=dict[int, AssetEventTableRow])
    queue: dict[str, dict[int, QueuedEvent]] = field(default_factory=dict[str, dict[int, QueuedEvent]])
    """DAG → its queue, by event."""
    seen: dict[str, dict[int, None]] = field(default_factory=dict[str, dict[int, None]])
    """DAG → what of its queue somebody has looked at."""
    run_events: dict[int, dict[int, None]] = field(default_factory=dict[int, dict[int, None]])
    """Run → the events that it was made by."""
    partitions: dict[tuple[str, str], PartitionTableRow] = field(
        default_factory=dict[tuple[str, str], PartitionTableRow]
    )
    """By DAG and partition key."""
    partitions_made: int = 0
