"""Assets, conditions and mappers in the form that the scheduler works with."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tradewind.core.spec import AssetRef, AssetWatcherSpec
from tradewind.sdk.assets.asset import (
    Asset,
    AssetAlias,
    AssetBooleanCondition,
    AssetNameRef,
    AssetUriRef,
    AssetWatcher,
    BaseAsset,
)
from tradewind.sdk.assets.mappers import form_of
from tradewind.sdk.assets.timetables import (
    PartitionedAssetTimetable,
    PartitionedAtRuntime,
    asset_schedule_of,
    combines_any,
    single_assets,
)

if TYPE_CHECKING:
    from tradewind.sdk.dags import DAG


def asset_ref(asset: object) -> AssetRef | None:
    """An inlet or outlet; None for what is no asset. Raises ValueError for extra that is no JSON, or a trigger that
    cannot be serialised."""
    match asset:
        case Asset():
            return AssetRef(
                kind="asset",
                name=asset.name,
                uri=asset.uri,
                group=asset.group,
                extra=_json(asset.extra, f"extra of asset {asset.name!r}"),
                watchers=tuple(_watcher(watcher, asset) for watcher in asset.watchers),
                access_control=_access_control(asset),
            )
        case AssetAlias():
            return AssetRef(kind="alias", name=asset.name, group=asset.group)
        case AssetNameRef():
            return AssetRef(kind="name_ref", name=asset.name, group="")
        case AssetUriRef():
            return AssetRef(kind="uri_ref", uri=asset.uri, group="")
        case _:
            return None


def asset_refs(assets: Sequence[object]) -> tuple[AssetRef, ...]:
    """Inlets or outlets of a task, those that are assets; a condition stands for what it combines."""
    singles = [single for item in assets for single in (single_assets(item) if isinstance(item, BaseAsset) else [item])]
    return tuple(ref for ref in map(asset_ref, singles) if ref is not None)


def asset_fields(dag: "DAG") -> dict[str, Any]:
    """What a DAG's schedule says of assets, as fields of `DagSpec`."""
    if isinstance(dag.schedule, PartitionedAtRuntime):
        return {"is_partitioned_at_runtime": True}
    timetable = asset_schedule_of(dag.schedule)
    if timetable is None:
        return {}
    return {
        "asset_condition": expression_of(timetable.asset_condition),
        "schedule_assets": asset_refs([timetable.asset_condition]),
        "partition_mappers": _mappers(timetable) if isinstance(timetable, PartitionedAssetTimetable) else None,
    }


def expression_of(condition: BaseAsset) -> dict[str, Any]:
    """A condition as Airflow's JSON has it: `{"any": […]}`, `{"all": […]}`, `{"asset": {…}}`, `{"alias": {…}}`,
    `{"asset_ref": {…}}`."""
    match condition:
        case Asset():
            return {"asset": {"uri": condition.uri, "name": condition.name, "group": condition.group}}
        case AssetAlias():
            return {"alias": {"name": condition.name, "group": condition.group}}
        case AssetNameRef():
            return {"asset_ref": {"name": condition.name}}
        case AssetUriRef():
            return {"asset_ref": {"uri": condition.uri}}
        case AssetBooleanCondition():
            word = "any" if combines_any(condition) else "all"
            return {word: [expression_of(item) for item in condition.objects]}
        case _:
            raise ValueError(f"{condition!r} is not an asset, a reference, an alias or a condition")


def _mappers(timetable: PartitionedAssetTimetable) -> dict[str, Any]:
    by_asset = [
        {"name": getattr(single, "name", ""), "uri": getattr(single, "uri", ""), "mapper": form_of(mapper)}
        for asset, mapper in timetable.partition_mapper_config.items()
        for single in single_assets(asset)
    ]
    return {"default": form_of(timetable.default_partition_mapper), "by_asset": by_asset}


def _watcher(watcher: AssetWatcher, asset: Asset) -> AssetWatcherSpec:
    classpath, kwargs = watcher.trigger.serialize()
    what = f"arguments of watcher {watcher.name!r} of asset {asset.name!r}"
    return AssetWatcherSpec(name=watcher.name, classpath=classpath, kwargs=_json(kwargs, what))


def _access_control(asset: Asset) -> dict[str, Any] | None:
    control = asset.access_control
    is_open = not control.producer_teams and control.consumer_teams is None and control.allow_global
    return None if is_open else asdict(control)


def _json(value: object, what: str) -> dict[str, Any]:
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as exc:
        raise ValueError(f"{what} cannot be stored as JSON: {exc}") from exc
