"""What hooks say about the data that they read and wrote, for plugins that want to know.

Nothing is collected unless a plugin names `hook_lineage_readers`.
"""

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from tradewind.sdk.log import LoggingMixin
from tradewind.sdk.plugins import loaded_plugins

MAX_ASSETS: Final = 100
MAX_EXTRAS: Final = 200

LineageContext = Any
"""A hook, or an ObjectStoragePath."""


@dataclass
class AssetLineageInfo:
    """An asset, how often it was named, and by whom."""

    asset: Any
    count: int
    context: LineageContext


@dataclass
class ExtraLineageInfo:
    """Something else that was said, how often, and by whom."""

    key: str
    value: Any
    count: int
    context: LineageContext


@dataclass
class HookLineage:
    """Everything that was said."""

    inputs: list[AssetLineageInfo] = field(default_factory=list[AssetLineageInfo])
    outputs: list[AssetLineageInfo] = field(default_factory=list[AssetLineageInfo])
    extra: list[ExtraLineageInfo] = field(default_factory=list[ExtraLineageInfo])


class HookLineageCollector(LoggingMixin):
    """Collects in one process; what is said again by the same hook is counted. Bounded: more than that is dropped."""

    def __init__(self, **_kwargs: Any) -> None:
        self._inputs: dict[str, AssetLineageInfo] = {}
        self._outputs: dict[str, AssetLineageInfo] = {}
        self._extra: dict[str, ExtraLineageInfo] = {}

    def create_asset(
        self,
        *,
        scheme: str | None = None,
        uri: str | None = None,
        name: str | None = None,
        group: str | None = None,
        asset_kwargs: dict[str, Any] | None = None,
        asset_extra: dict[str, Any] | None = None,
    ) -> Any:
        """The asset of a URI or name, or made by what a provider package registers for the scheme; None without any."""
        from tradewind.sdk.assets.asset import Asset

        if uri or name:
            given = {"uri": uri, "name": name, "group": group, "extra": asset_extra}
            make: Any = Asset
            return make(**{key: value for key, value in given.items() if value})
        factory = _asset_factory(scheme)
        if factory is None:
            return None
        try:
            return factory(**(asset_kwargs or {}), extra=asset_extra)
        except Exception as exc:
            self.log.debug("Failed to create asset. Skipping. Error: %s", exc)
            return None

    def add_input_asset(self, context: LineageContext, **described: Any) -> None:
        """Say that an asset was read; described as for `create_asset`."""
        self._add(self._inputs, context, described)

    def add_output_asset(self, context: LineageContext, **described: Any) -> None:
        """Say that an asset was written; described as for `create_asset`."""
        self._add(self._outputs, context, described)

    def _add(self, known: dict[str, AssetLineageInfo], context: LineageContext, described: dict[str, Any]) -> None:
        asset = self.create_asset(**described) if len(known) < MAX_ASSETS else None
        if asset is not None:
            entry = known.setdefault(_key(asset.uri, asset.extra, context), AssetLineageInfo(asset, 0, context))
            entry.count += 1

    def add_extra(self, context: LineageContext, key: str, value: Any) -> None:
        """Say something else."""
        if key and value and len(self._extra) < MAX_EXTRAS:
            entry = self._extra.setdefault(_key(key, value, context), ExtraLineageInfo(key, value, 0, context))
            entry.count += 1

    @property
    def collected_assets(self) -> HookLineage:
        """Everything so far."""
        return HookLineage(list(self._inputs.values()), list(self._outputs.values()), list(self._extra.values()))

    @property
    def has_collected(self) -> bool:
        """Whether anything was said."""
        return bool(self._inputs or self._outputs or self._extra)


def _key(name: str, value: Any, context: LineageContext) -> str:
    return f"{name} {json.dumps(value, sort_keys=True, default=str)} {id(context)}"


def _asset_factory(scheme: str | None) -> Any:
    from tradewind.sdk.module_loading import import_string
    from tradewind.sdk.providers import ProvidersManager

    path = ProvidersManager().asset_factories.get(scheme or "")
    return None if path is None else import_string(path)


class NoOpCollector(HookLineageCollector):
    """Collects nothing."""

    def add_input_asset(self, context: LineageContext, **described: Any) -> None:
        """Nothing: nobody reads it."""

    def add_output_asset(self, context: LineageContext, **described: Any) -> None:
        """Nothing: nobody reads it."""

    def add_extra(self, context: LineageContext, key: str, value: Any) -> None:
        """Nothing: nobody reads it."""


class HookLineageReader(LoggingMixin):
    """What a plugin names, or derives from, to read what was collected."""

    def __init__(self, **_kwargs: Any) -> None:
        self.lineage_collector = get_hook_lineage_collector()

    def retrieve_hook_lineage(self) -> HookLineage:
        """Everything so far."""
        return self.lineage_collector.collected_assets


@cache
def get_hook_lineage_collector() -> HookLineageCollector:
    """The process's own: one that collects if a plugin reads."""
    reads = any(plugin.hook_lineage_readers for plugin in loaded_plugins())
    return HookLineageCollector() if reads else NoOpCollector()
