"""Events of assets as tasks see and make them: `outlet_events`, `inlet_events` and `triggering_asset_events`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Generic, Self, TypeVar, cast, overload

from tradewind.sdk import timezone as tz
from tradewind.sdk.assets.asset import (
    Asset,
    AssetAlias,
    AssetAliasUniqueKey,
    AssetNameRef,
    AssetRef,
    AssetUniqueKey,
    AssetUriRef,
)
from tradewind.sdk.exceptions import AirflowRuntimeError, AssetNotFoundError
from tradewind.sdk.runtime import Runtime, current_runtime

PARTITION_KEY_MAX_LENGTH: Final = 250

Key = AssetUniqueKey | AssetAliasUniqueKey
T = TypeVar("T", covariant=True)


def _runtime() -> Runtime:
    runtime = current_runtime()
    if runtime is None:
        raise AirflowRuntimeError("assets can be asked for only while a task runs")
    return runtime


def find_asset(*, name: str | None = None, uri: str | None = None) -> Asset:
    """The asset that is known by this name or URI; raises AssetNotFoundError if there is none."""
    found = _runtime().get_asset(name=name, uri=uri)
    if found is None:
        raise AssetNotFoundError(f"there is no asset {name or uri!r}")
    return Asset(name=found["name"], uri=found["uri"], group=found["group"], extra=found["extra"])


def _resolved(ref: AssetRef) -> Asset:
    if isinstance(ref, AssetNameRef):
        return find_asset(name=ref.name)
    return find_asset(uri=cast("AssetUriRef", ref).uri)


def _key_of(asset: object) -> Key:
    match asset:
        case Asset():
            return AssetUniqueKey.from_asset(asset)
        case AssetAlias():
            return AssetAliasUniqueKey.from_asset_alias(asset)
        case AssetRef():
            return AssetUniqueKey.from_asset(_resolved(asset))
        case _:
            raise TypeError(f"Key should be either an asset or an asset alias, not {type(asset)}")


def _named(key: Key) -> Asset | AssetAlias:
    return key.to_asset() if isinstance(key, AssetUniqueKey) else key.to_asset_alias()


class _ByAsset(Generic[T]):
    """Access by name or URI, for templates."""

    def for_asset(self, *, name: str | None = None, uri: str | None = None) -> T:
        """Those of an asset."""
        if name and uri:
            return self[Asset(name=name, uri=uri)]
        if name:
            return self[Asset.ref(name=name)]
        if uri:
            return self[Asset.ref(uri=uri)]
        raise ValueError("name and uri cannot both be None")

    def for_asset_alias(self, *, name: str) -> T:
        """Those of an alias."""
        return self[AssetAlias(name=name)]

    def __getitem__(self, key: Any) -> T:
        raise NotImplementedError


@dataclass(frozen=True)
class AssetAliasEvent:
    """An event that a task adds for an alias."""

    source_alias_name: str
    dest_asset_key: AssetUniqueKey
    dest_asset_extra: dict[str, Any]
    extra: dict[str, Any]


@dataclass
class OutletEventAccessor:
    """What a task says of one outlet: `extra`, and for an alias the assets that it stands for."""

    key: Key
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
    asset_alias_events: list[AssetAliasEvent] = field(default_factory=list[AssetAliasEvent])
    partition_keys: dict[str, None] = field(default_factory=dict[str, None])

    def add(self, asset: Asset | AssetRef, extra: dict[str, Any] | None = None) -> None:
        """Add an event of an asset, through the alias; of an outlet that is no alias, nothing happens."""
        if isinstance(self.key, AssetAliasUniqueKey):
            found = _resolved(asset) if isinstance(asset, AssetRef) else asset
            key = AssetUniqueKey.from_asset(found)
            self.asset_alias_events.append(AssetAliasEvent(self.key.name, key, found.extra, extra or {}))

    def add_partitions(self, keys: str | Sequence[str]) -> None:
        """Say which partitions were written: one event each. Raises TypeError for an alias, ValueError for a key that
        is empty or too long."""
        if isinstance(self.key, AssetAliasUniqueKey):
            raise TypeError("add_partitions() is not supported on asset aliases: events of partitions are of an asset")
        for key in [keys] if isinstance(keys, str) else keys:
            if not key.strip():
                raise ValueError(f"partition_key must not be empty or whitespace-only; got {key!r}.")
            if len(key) > PARTITION_KEY_MAX_LENGTH:
                raise ValueError(
                    f"partition_key must be at most {PARTITION_KEY_MAX_LENGTH} characters; got {len(key)}."
                )
            self.partition_keys[key] = None


class OutletEventAccessors(_ByAsset[OutletEventAccessor], Mapping[Any, OutletEventAccessor]):
    """`outlet_events[asset or alias]`."""

    def __init__(self) -> None:
        self.accessors: dict[Key, OutletEventAccessor] = {}

    def __getitem__(self, key: Any) -> OutletEventAccessor:
        named = _key_of(key)
        return self.accessors.setdefault(named, OutletEventAccessor(named))

    def __iter__(self) -> Iterator[Any]:
        return map(_named, self.accessors)

    def __len__(self) -> int:
        return len(self.accessors)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.accessors})"


class AssetOfEvent:
    """The asset of an event, or an alias through which it came."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.name: str = fields["name"]
        self.uri: str = fields.get("uri", "")
        self.group: str = fields.get("group", "asset")
        self.extra: dict[str, Any] = fields.get("extra") or {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, uri={self.uri!r})"


@dataclass(frozen=True)
class AssetEventSourceTaskInstance:
    """The task instance that an event came from."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int

    @property
    def dag_run(self) -> Any:
        """Its run."""
        return _run(self.dag_id, self.run_id)

    def xcom_pull(self, *, key: str = "return_value", default: Any = None) -> Any:
        """What it pushed."""
        from tradewind.sdk.xcom import XCom

        place = {"dag_id": self.dag_id, "run_id": self.run_id, "task_id": self.task_id, "map_index": self.map_index}
        value = XCom.get_one(key=key, **place)
        return default if value is None else value


class AssetEvent:
    """An event, as the execution API tells of it."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.id: int = fields["id"]
        self.timestamp: Any = tz.coerce_datetime(datetime.fromisoformat(fields["timestamp"]))
        self.asset = AssetOfEvent(fields["asset"])
        self.extra: dict[str, Any] = fields["extra"]
        self.partition_key: str | None = fields["partition_key"]
        self.source_dag_id: str | None = fields["source_dag_id"]
        self.source_run_id: str | None = fields["source_run_id"]
        self.source_task_id: str | None = fields["source_task_id"]
        self.source_map_index: int | None = fields["source_map_index"]
        self.source_aliases = [AssetOfEvent({"name": name}) for name in fields["source_aliases"]]
        self.created_dagruns: list[dict[str, Any]] = fields["created_dagruns"]

    @cached_property
    def source_dag_run(self) -> Any:
        """The run that it came from; None if none made it, or it is gone."""
        if self.source_dag_id is None or self.source_run_id is None:
            return None
        return _run(self.source_dag_id, self.source_run_id)

    @property
    def source_task_instance(self) -> AssetEventSourceTaskInstance | None:
        """The task instance that it came from; None if none made it."""
        source = (self.source_dag_id, self.source_run_id, self.source_task_id, self.source_map_index)
        if None in source:
            return None
        return AssetEventSourceTaskInstance(*cast("tuple[str, str, str, int]", source))

    def __repr__(self) -> str:
        return f"AssetEvent(id={self.id}, asset={self.asset}, timestamp={self.timestamp}, extra={self.extra})"


class _Run:
    """A run's fields as attributes."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.__dict__.update(fields)


def _run(dag_id: str, run_id: str) -> Any:
    found = _runtime().get_dag_run(dag_id, run_id)
    return None if found is None else _Run(found)


class InletEvents(Sequence[AssetEvent]):
    """The events of one inlet, read when they are looked at."""

    def __init__(self, *, name: str | None = None, uri: str | None = None, alias: str | None = None) -> None:
        self._of = {"name": name, "uri": uri, "alias": alias}
        self._filters: dict[str, Any] = {}

    def after(self, after: str | datetime) -> Self:
        """Only those from then on."""
        return self._with(after=_as_text(after))

    def before(self, before: str | datetime) -> Self:
        """Only those until then."""
        return self._with(before=_as_text(before))

    def ascending(self, ascending: bool = True) -> Self:
        """Oldest first, or newest first."""
        return self._with(ascending=ascending)

    def limit(self, limit: int) -> Self:
        """At most so many."""
        return self._with(limit=limit)

    def _with(self, **filters: Any) -> Self:
        self._filters.update(filters)
        self.__dict__.pop("_events", None)
        return self

    @cached_property
    def _events(self) -> list[AssetEvent]:
        return [AssetEvent(event) for event in _runtime().get_asset_events(**self._of, **self._filters)]

    @overload
    def __getitem__(self, index: int) -> AssetEvent: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[AssetEvent]: ...

    def __getitem__(self, index: int | slice) -> AssetEvent | Sequence[AssetEvent]:
        return self._events[index]

    def __iter__(self) -> Iterator[AssetEvent]:
        return iter(self._events)

    def __len__(self) -> int:
        return len(self._events)


def _as_text(moment: str | datetime) -> str:
    return moment if isinstance(moment, str) else moment.isoformat()


class InletEventsAccessors(_ByAsset[InletEvents], Mapping[Any, InletEvents]):
    """`inlet_events[asset, alias, reference or place]`. Raises KeyError for what is no inlet."""

    def __init__(self, inlets: Sequence[Any]) -> None:
        self._inlets = list(inlets)

    @cached_property
    def _assets(self) -> list[Asset]:
        """The inlets that are assets, and those that references name."""
        known = [inlet for inlet in self._inlets if isinstance(inlet, Asset)]
        return [*known, *(_resolved(inlet) for inlet in self._inlets if isinstance(inlet, AssetRef))]

    def __getitem__(self, key: Any) -> InletEvents:
        inlet = self._inlets[key] if isinstance(key, int) else key
        match inlet:
            case AssetAlias():
                if inlet.name not in [item.name for item in self._inlets if isinstance(item, AssetAlias)]:
                    raise KeyError(key)
                return InletEvents(alias=inlet.name)
            case Asset():
                return self._of(key, lambda asset: (asset.name, asset.uri) == (inlet.name, inlet.uri))
            case AssetNameRef():
                return self._of(key, lambda asset: asset.name == inlet.name)
            case AssetUriRef():
                return self._of(key, lambda asset: asset.uri == inlet.uri)
            case _ if isinstance(key, int):
                raise IndexError(key)
            case _:
                raise TypeError(f"`key` is of unknown type ({type(key).__name__})")

    def _of(self, key: object, is_meant: Callable[[Asset], bool]) -> InletEvents:
        for asset in self._assets:
            if is_meant(asset):
                return InletEvents(name=asset.name, uri=asset.uri)
        raise KeyError(key)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._inlets)

    def __len__(self) -> int:
        return len(self._inlets)


class TriggeringAssetEvents(_ByAsset[Sequence[AssetEvent]], Mapping[Any, Sequence[AssetEvent]]):
    """`triggering_asset_events[asset or alias]`: what the run was made by, read when it is looked at."""

    @cached_property
    def _events(self) -> dict[Key, list[AssetEvent]]:
        events: dict[Key, list[AssetEvent]] = {}
        for fields in _runtime().get_triggering_asset_events():
            event = AssetEvent(fields)
            events.setdefault(AssetUniqueKey(event.asset.name, event.asset.uri), []).append(event)
            for alias in event.source_aliases:
                events.setdefault(AssetAliasUniqueKey(alias.name), []).append(event)
        return events

    def __getitem__(self, key: Any) -> Sequence[AssetEvent]:
        """Those of an asset or alias: none for one that had no part in it."""
        return self._events.get(_key_of(key), [])

    def __iter__(self) -> Iterator[Any]:
        return map(_named, self._events)

    def __len__(self) -> int:
        return len(self._events)
