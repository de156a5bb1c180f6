"""Telling listeners of the asset events that a success brings along, in the process of the task."""

import json
from collections.abc import Sequence
from typing import Any

from tradewind.sdk.assets.asset import Asset, AssetAlias, BaseAsset
from tradewind.sdk.assets.listened import AssetEvent
from tradewind.sdk.assets.timetables import single_assets
from tradewind.sdk.listeners import LISTENERS


def tell_of_assets(events: Sequence[bytes], outlets: Sequence[Any], ti: Any) -> None:
    """`on_asset_changed` and `on_asset_event_emitted` for each event, given as `asset_events_of` makes them."""
    singles = [single for item in outlets for single in (single_assets(item) if isinstance(item, BaseAsset) else ())]
    known = [asset for asset in singles if isinstance(asset, Asset)]
    for text in events:
        fields: dict[str, Any] = json.loads(text)
        asset = _asset(fields["asset"], known)
        LISTENERS.notify("on_asset_changed", asset=asset)
        event = AssetEvent(
            asset=asset,
            extra=fields["extra"],
            source_dag_id=ti.dag_id,
            source_task_id=ti.task_id,
            source_run_id=ti.run_id,
            source_map_index=ti.map_index,
            source_aliases=[AssetAlias(name) for name in fields.get("aliases", ())],
            partition_key=fields.get("partition_key"),
        )
        LISTENERS.notify("on_asset_event_emitted", asset_event=event)


def _asset(named: dict[str, Any], known: Sequence[Asset]) -> Asset:
    """The outlet itself where it is one; of a reference, or through an alias, what it is called."""
    for asset in known:
        if all(getattr(asset, field) == named[field] for field in ("name", "uri") if field in named):
            return asset
    uri = named.get("uri")
    return Asset(name=named.get("name") or uri, uri=uri, extra=named.get("extra") or {})
