"""What a task's success says of its outlets, as events that are committed with its end."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from tradewind.sdk.assets.asset import (
    Asset,
    AssetAlias,
    AssetBooleanCondition,
    AssetNameRef,
    AssetUniqueKey,
    AssetUriRef,
    BaseAsset,
)
from tradewind.sdk.assets.events import OutletEventAccessor, OutletEventAccessors
from tradewind.sdk.assets.timetables import single_assets
from tradewind.sdk.exceptions import AirflowInactiveAssetInInletOrOutletException
from tradewind.sdk.runtime import Runtime


def asset_events_of(outlets: Sequence[Any], said: OutletEventAccessors) -> tuple[bytes, ...]:
    """One JSON object each, as `EndEffects.asset_events` has them: one event per asset or reference among the outlets
    (per partition, if the task named some), and those that it added for aliases among them. Raises TypeError for extra
    that is no JSON."""
    singles = [single for item in outlets for single in (single_assets(item) if isinstance(item, BaseAsset) else ())]
    events = [
        *(event for asset in dict.fromkeys(singles) for event in _events_of(asset, said)),
        *_aliased_events(singles, said),
    ]
    return tuple(json.dumps(event, allow_nan=False).encode() for event in events)


def check_assets(assets: Sequence[object], runtime: Runtime) -> None:
    """Raises AirflowInactiveAssetInInletOrOutletException if another asset has taken the place of one of these."""
    if not any(isinstance(asset, Asset | AssetBooleanCondition) for asset in assets):
        return
    inactive = [AssetUniqueKey(name=found["name"], uri=found["uri"]) for found in runtime.get_inactive_assets()]
    if inactive:
        raise AirflowInactiveAssetInInletOrOutletException(inactive)


def _events_of(asset: BaseAsset, said: OutletEventAccessors) -> Iterator[dict[str, Any]]:
    match asset:
        case Asset():
            named = {"name": asset.name, "uri": asset.uri}
        case AssetNameRef():
            named = {"name": asset.name}
        case AssetUriRef():
            named = {"uri": asset.uri}
        case _:
            return
    accessor = _accessor(asset, said)
    extra = {} if accessor is None else accessor.extra
    for partition_key in (None,) if accessor is None else accessor.partition_keys or (None,):
        key = {} if partition_key is None else {"partition_key": partition_key}
        yield {"asset": named, "extra": extra, **key}


def _accessor(asset: Asset | AssetNameRef | AssetUriRef, said: OutletEventAccessors) -> OutletEventAccessor | None:
    """What the task said of an outlet: of a reference, under the name or URI that it gives."""
    for key, accessor in said.accessors.items():
        if isinstance(key, AssetUniqueKey) and _is_meant(asset, key):
            return accessor
    return None


def _is_meant(asset: Asset | AssetNameRef | AssetUriRef, key: AssetUniqueKey) -> bool:
    if isinstance(asset, Asset):
        return (asset.name, asset.uri) == (key.name, key.uri)
    return asset.name == key.name if isinstance(asset, AssetNameRef) else asset.uri == key.uri


def _aliased_events(singles: Sequence[BaseAsset], said: OutletEventAccessors) -> Iterator[dict[str, Any]]:
    """The same event through several aliases is one."""
    aliases = {single.name: True for single in singles if isinstance(single, AssetAlias)}
    through: dict[str, list[str]] = {}
    for accessor in said.accessors.values():
        for event in accessor.asset_alias_events:
            if event.source_alias_name in aliases:
                key, extra = event.dest_asset_key, event.dest_asset_extra
                same = {"asset": {"name": key.name, "uri": key.uri, "extra": extra}, "extra": event.extra}
                names = through.setdefault(json.dumps(same, sort_keys=True), [])
                names.extend([event.source_alias_name] if event.source_alias_name not in names else [])
    for text, names in through.items():
        yield {**json.loads(text), "aliases": names}
