"""Airflow's modules of assets and partitions: module → name → the module of `tradewind.sdk` that defines it."""

from collections.abc import Mapping
from typing import Final

MAPPER_NAMES: Final = (
    "AllowedKeyMapper",
    "ChainMapper",
    "DayWindow",
    "FanOutMapper",
    "FixedKeyMapper",
    "HourWindow",
    "IdentityMapper",
    "MinimumCount",
    "MonthWindow",
    "PartitionMapper",
    "ProductMapper",
    "QuarterWindow",
    "RollupMapper",
    "SegmentWindow",
    "StartOfDayMapper",
    "StartOfHourMapper",
    "StartOfMonthMapper",
    "StartOfQuarterMapper",
    "StartOfWeekMapper",
    "StartOfYearMapper",
    "WaitForAll",
    "WeekWindow",
    "Window",
    "YearWindow",
)
_MAPPER_MODULES: Final = (
    "allowed_key",
    "base",
    "chain",
    "fixed_key",
    "identity",
    "product",
    "temporal",
    "wait_policy",
    "window",
)
_MAPPERS: Final[Mapping[str, str]] = {
    "WaitPolicy": "assets.mappers",
    **{name: "assets.mappers" for name in MAPPER_NAMES},  # noqa: C420 - the type of fromkeys is too narrow
}
_TIMETABLES: Final[Mapping[str, str]] = {
    "AssetOrTimeSchedule": "assets.timetables",
    "PartitionedAssetTimetable": "assets.timetables",
    "PartitionedAtRuntime": "assets.timetables",
}
_SINGLE: Final[Mapping[str, str]] = {
    "Asset": "assets.asset",
    "AssetAccessControl": "assets.access_control",
    "AssetAlias": "assets.asset",
    "AssetAll": "assets.asset",
    "AssetAny": "assets.asset",
    "AssetWatcher": "assets.asset",
}
_ASSETS: Final[Mapping[str, str]] = {
    **_SINGLE,
    "AssetAliasUniqueKey": "assets.asset",
    "AssetNameRef": "assets.asset",
    "AssetRef": "assets.asset",
    "AssetUniqueKey": "assets.asset",
    "AssetUriRef": "assets.asset",
    "BaseAsset": "assets.asset",
    "Dataset": "assets.asset",
    "Model": "assets.asset",
}
_METADATA: Final[Mapping[str, str]] = {"Metadata": "assets.metadata"}

ASSET_AUTHORING: Final[Mapping[str, str]] = {
    **_SINGLE,
    **_METADATA,
    "asset": "assets.decorators",
    **{name: "assets.mappers" for name in MAPPER_NAMES},  # noqa: C420 - the type of fromkeys is too narrow
    **_TIMETABLES,
}
"""What `airflow.sdk` exports of all this."""

ASSET_MODULES: Final[Mapping[str, Mapping[str, str]]] = {
    "airflow.sdk.definitions.asset": _ASSETS,
    "airflow.sdk.definitions.asset.access_control": {"AssetAccessControl": "assets.access_control"},
    "airflow.sdk.definitions.asset.decorators": {"asset": "assets.decorators"},
    "airflow.sdk.definitions.asset.metadata": _METADATA,
    "airflow.sdk.definitions.timetables.assets": {**_TIMETABLES, "AssetTriggeredTimetable": "assets.timetables"},
    "airflow.timetables.assets": {"AssetOrTimeSchedule": "assets.timetables"},
    "airflow.timetables.datasets": {"DatasetOrTimeSchedule": "assets.timetables:AssetOrTimeSchedule"},
    "airflow.partition_mappers": _MAPPERS,
    **{f"airflow.partition_mappers.{name}": _MAPPERS for name in _MAPPER_MODULES},
    **{f"airflow.sdk.definitions.partition_mappers.{name}": _MAPPERS for name in _MAPPER_MODULES},
    "airflow.assets": {**_ASSETS, **_METADATA},
    "airflow.datasets": {
        "Dataset": "assets.asset:Asset",
        "DatasetAlias": "assets.asset:AssetAlias",
        "DatasetAll": "assets.asset:AssetAll",
        "DatasetAny": "assets.asset:AssetAny",
    },
    "airflow.datasets.metadata": _METADATA,
}
