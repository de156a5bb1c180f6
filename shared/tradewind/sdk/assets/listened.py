"""What listeners of assets are told."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tradewind.sdk.assets.asset import Asset, AssetAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetEvent:
    """An event that a task's success makes."""

    asset: Asset
    extra: dict[str, Any]
    source_dag_id: str | None
    source_task_id: str | None
    source_run_id: str | None
    source_map_index: int | None
    source_aliases: list[AssetAlias]
    partition_key: str | None
    partition_date: datetime | None = None
