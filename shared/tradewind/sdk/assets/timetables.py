"""Schedules that wait for assets."""

from collections.abc import Collection, Mapping
from typing import Any, Final, cast

from tradewind.sdk.assets.asset import AssetAll, AssetAny, AssetBooleanCondition, BaseAsset
from tradewind.sdk.assets.mappers import DEFAULT_MAPPER, PartitionMapper

NO_ASSETS: Final = "All elements in 'schedule' should be either assets, asset references, or asset aliases"


class AssetTriggeredTimetable:
    """Runs are made when the condition is met: what a DAG has whose schedule is an asset, several, or a condition."""

    can_be_scheduled = True
    active_runs_limit: int | None = None
    partitioned = False
    summary = "Asset"
    description = "Triggered by assets"

    def __init__(self, assets: Collection[BaseAsset] | BaseAsset) -> None:
        self.asset_condition = condition_of(assets)

    def validate(self) -> None:
        """Everything that can be wrong was refused when it was made."""


class AssetOrTimeSchedule(AssetTriggeredTimetable):
    """Runs are made when the condition is met, and by time. Raises TypeError for a timetable of assets inside."""

    def __init__(self, *, timetable: Any, assets: Collection[BaseAsset] | BaseAsset) -> None:
        super().__init__(assets)
        if isinstance(timetable, AssetTriggeredTimetable):
            raise TypeError("cannot nest asset timetables")
        self.timetable = timetable
        self.active_runs_limit = getattr(timetable, "active_runs_limit", None)
        self.can_be_scheduled = getattr(timetable, "can_be_scheduled", True)


class PartitionedAssetTimetable(AssetTriggeredTimetable):
    """Runs are made per partition key: the condition is met once each asset has an event that counts for the key.
    `partition_mapper_config` names mappers of single assets or references."""

    partitioned = True
    summary = "Partitioned Asset"

    def __init__(
        self,
        *,
        assets: Collection[BaseAsset] | BaseAsset,
        partition_mapper_config: Mapping[BaseAsset, PartitionMapper] | None = None,
        default_partition_mapper: PartitionMapper = DEFAULT_MAPPER,
    ) -> None:
        super().__init__(assets)
        self.partition_mapper_config = dict(partition_mapper_config or {})
        self.default_partition_mapper = default_partition_mapper

    def get_partition_mapper(self, *, name: str = "", uri: str = "") -> PartitionMapper:
        """That of an asset: by its name, else by its URI, else the default."""
        by_name: dict[str, PartitionMapper] = {}
        by_uri: dict[str, PartitionMapper] = {}
        for asset, mapper in self.partition_mapper_config.items():
            for single in single_assets(asset):
                by_name[getattr(single, "name", "")] = mapper
                by_uri[getattr(single, "uri", "")] = mapper
        found = by_name.get(name) if name else None
        return found or (by_uri.get(uri) if uri else None) or self.default_partition_mapper


class PartitionedAtRuntime:
    """No runs are made; those that people ask for have a partition key, or their tasks say which partitions they
    wrote."""

    can_be_scheduled = False
    active_runs_limit: int | None = None
    asset_condition: BaseAsset | None = None
    partitioned = False
    partitioned_at_runtime = True
    summary = "PartitionedAtRuntime"
    description = "Never, partition key(s) set at runtime"

    def validate(self) -> None:
        """Nothing can be wrong."""


def asset_schedule_of(schedule: object) -> AssetTriggeredTimetable | None:
    """The timetable of a `schedule` that waits for assets; None for another. Raises ValueError for a list in which
    something is no asset."""
    if isinstance(schedule, AssetTriggeredTimetable):
        return schedule
    if isinstance(schedule, BaseAsset):
        return AssetTriggeredTimetable(schedule)
    if isinstance(schedule, Collection) and not isinstance(schedule, str | bytes):
        return AssetTriggeredTimetable(cast("Collection[BaseAsset]", schedule))
    return None


def condition_of(assets: Collection[BaseAsset] | BaseAsset) -> BaseAsset:
    """One condition: of several assets, all. Raises ValueError for what is no asset."""
    if isinstance(assets, BaseAsset):
        return assets
    given = list(assets)
    if not all(isinstance(item, BaseAsset) for item in given):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
        raise ValueError(f"{NO_ASSETS}, not {given!r}")
    return AssetAll(*given)


def single_assets(condition: BaseAsset) -> list[BaseAsset]:
    """The assets, aliases and references that a condition combines, in order."""
    if isinstance(condition, AssetBooleanCondition):
        return [single for item in condition.objects for single in single_assets(item)]
    return [condition]


def combines_any(condition: BaseAsset) -> bool:
    """Whether one of what is combined suffices."""
    return isinstance(condition, AssetAny)
