"""The watchers' port on the in-memory store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from tradewind.core.assets import AssetKey
from tradewind.core.spec import AssetWatcherSpec
from tradewind.core.triggers import WatchedEvent, Watcher
from tradewind.db.assets.events import NamedAsset
from tradewind.db.assets.memory_writing import write_events
from tradewind.db.memory.tables import MemoryStoreBase
from tradewind.db.watchers.store import given_events


@dataclass(slots=True, kw_only=True)
class WatcherTableRow:
    """Table `asset_watcher`."""

    id: int
    asset: AssetKey
    spec: AssetWatcherSpec
    triggerer_id: UUID | None = None


class MemoryWatcherStore(MemoryStoreBase):
    """`WatcherStore` on dictionaries. Rows follow from the DAGs' specs whenever they are asked for."""

    _watchers: dict[tuple[AssetKey, str], WatcherTableRow] | None = None
    _watchers_made = 0

    async def take_watchers(self, triggerer_id: UUID, limit: int) -> Sequence[Watcher]:
        if triggerer_id not in self.tables.triggerers:
            return []
        free = [row for row in self._rows_of_watchers() if row.triggerer_id is None and self._is_active(row)][:limit]
        for row in free:
            row.triggerer_id = triggerer_id
        return [
            Watcher(
                id=row.id,
                name=row.spec.name,
                asset_name=row.asset.name,
                asset_uri=row.asset.uri,
                classpath=row.spec.classpath,
                kwargs=msgspec.json.encode(row.spec.kwargs),
            )
            for row in free
        ]

    async def keep_watchers(self, triggerer_id: UUID) -> Sequence[int]:
        owned = [row for row in self._rows_of_watchers() if row.triggerer_id == triggerer_id]
        for row in owned:
            if not self._is_active(row):
                row.triggerer_id = None
        return [row.id for row in owned if row.triggerer_id == triggerer_id]

    async def release_watchers(self, triggerer_id: UUID, watcher_ids: Sequence[int]) -> None:
        for row in self._rows_of_watchers():
            if row.triggerer_id == triggerer_id and row.id in watcher_ids:
                row.triggerer_id = None

    async def record_watched(self, triggerer_id: UUID, events: Sequence[WatchedEvent], now: datetime) -> Sequence[str]:
        assets = {
            row.id: NamedAsset(name=row.asset.name, uri=row.asset.uri)
            for row in self._rows_of_watchers()
            if row.triggerer_id == triggerer_id
        }
        return write_events(self.tables, given_events(events, assets), now).dag_ids

    def _is_active(self, row: WatcherTableRow) -> bool:
        asset = self.tables.assets.assets.get(row.asset)
        return asset is not None and asset.is_active

    def _rows_of_watchers(self) -> list[WatcherTableRow]:
        """One row for each watcher of a schedule's asset; one whose trigger has changed is nobody's."""
        rows = {} if self._watchers is None else self._watchers
        kept: dict[tuple[AssetKey, str], WatcherTableRow] = {}
        for key, spec in self._watcher_specs():
            row = rows.get(key)
            if row is None:
                self._watchers_made += 1
                row = WatcherTableRow(id=self._watchers_made, asset=key[0], spec=spec)
            elif row.spec != spec:
                row.spec, row.triggerer_id = spec, None
            if row.triggerer_id not in self.tables.triggerers:
                row.triggerer_id = None
            kept[key] = row
        self._watchers = kept
        return sorted(kept.values(), key=lambda row: row.id)

    def _watcher_specs(self) -> list[tuple[tuple[AssetKey, str], AssetWatcherSpec]]:
        specs = [
            self.tables.dag_versions[dag.dag_version_id].spec for dag in self.tables.dags.values() if not dag.is_stale
        ]
        return [
            ((AssetKey(ref.name, ref.uri), watcher.name), watcher)
            for spec in specs
            for ref in spec.schedule_assets
            for watcher in ref.watchers
        ]
