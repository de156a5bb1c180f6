"""`Asset` and what stands for one or combines several."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final, Self

from tradewind.sdk.assets.access_control import AssetAccessControl
from tradewind.sdk.assets.uris import sanitized_uri
from tradewind.sdk.triggers.base import BaseEventTrigger

IDENTIFIER_MAX_LENGTH: Final = 1500
PROHIBITED_NAMES: Final = ("self", "context")


class BaseAsset:
    """Whatever may be a DAG's schedule: `&` and `|` combine it with others."""

    def __or__(self, other: "BaseAsset") -> "BaseAsset":
        if not isinstance(other, BaseAsset):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
            return NotImplemented
        return AssetAny(self, other)

    def __and__(self, other: "BaseAsset") -> "BaseAsset":
        if not isinstance(other, BaseAsset):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
            return NotImplemented
        return AssetAll(self, other)


@dataclass
class AssetWatcher:
    """A trigger whose every event becomes an event of the asset; the name tells an asset's watchers apart. Raises
    ValueError for a trigger that does not derive from BaseEventTrigger."""

    name: str
    trigger: BaseEventTrigger

    def __post_init__(self) -> None:
        if not isinstance(self.trigger, BaseEventTrigger):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
            raise ValueError("Asset watcher trigger must inherit BaseEventTrigger")


@dataclass(frozen=True)
class AssetUniqueKey:
    """What names an asset."""

    name: str
    uri: str

    @classmethod
    def from_asset(cls, asset: "Asset") -> "AssetUniqueKey":
        """The key of an asset."""
        return cls(name=asset.name, uri=asset.uri)

    def to_asset(self) -> "Asset":
        """An asset of this key."""
        return Asset(name=self.name, uri=self.uri)


@dataclass(frozen=True)
class AssetAliasUniqueKey:
    """What names an alias."""

    name: str

    @classmethod
    def from_asset_alias(cls, asset_alias: "AssetAlias") -> "AssetAliasUniqueKey":
        """The key of an alias."""
        return cls(name=asset_alias.name)

    def to_asset_alias(self) -> "AssetAlias":
        """An alias of this key."""
        return AssetAlias(name=self.name)


class Asset(os.PathLike[str], BaseAsset):
    """A piece of data that tasks read and write, named by name and URI; each stands for the other if it is not given.
    Raises TypeError without either, ValueError for one that cannot be used."""

    asset_type: ClassVar[str] = "asset"
    __version__: ClassVar[int] = 1

    def __init__(
        self,
        name: str | None = None,
        uri: object = None,
        *,
        group: str | None = None,
        extra: dict[str, Any] | None = None,
        watchers: Sequence[AssetWatcher] | None = None,
        access_control: AssetAccessControl | None = None,
    ) -> None:
        if name is None and uri is None:
            raise TypeError("Asset() requires either 'name' or 'uri'")
        kind = type(self).__name__
        self.name = _checked_name(str(uri) if name is None else name, kind)
        self.uri = _checked_identifier(sanitized_uri(name if uri is None else uri), kind, "uri", may_be_empty=False)
        self.group = _checked_identifier(self.asset_type if group is None else group, kind, "group", may_be_empty=True)
        self.extra: dict[str, Any] = {} if extra is None else extra
        self.watchers = list(watchers or ())
        self.access_control = access_control or AssetAccessControl()

    @staticmethod
    def ref(*, name: str = "", uri: str = "") -> "AssetRef":
        """A reference to an asset that is defined elsewhere, by name or by URI."""
        if name and uri:
            raise TypeError("Asset reference must be made to either name or URI, not both")
        if name:
            return AssetNameRef(name)
        if uri:
            return AssetUriRef(uri)
        raise TypeError("Asset reference expects keyword argument 'name' or 'uri'")

    def serialize(self) -> dict[str, Any]:
        """As an XCom: name, URI, group and extra."""
        return {"name": self.name, "uri": self.uri, "group": self.group, "extra": self.extra}

    @classmethod
    def deserialize(cls, data: dict[str, Any], version: int) -> Self:
        """From an XCom. Raises ValueError for one of a later version."""
        if version > cls.__version__:
            raise ValueError(f"{cls.__name__} of version {version} is newer than this one, {cls.__version__}")
        return cls(**data)

    @property
    def normalized_uri(self) -> str | None:
        """The URI, if its scheme is one whose form is known (`file`)."""
        return self.uri if self.uri.partition(":")[0].lower() == "file" else None

    def __fspath__(self) -> str:
        return self.uri

    def _compared(self) -> tuple[object, ...]:
        watchers = [(watcher.name, watcher.trigger.serialize()) for watcher in self.watchers]
        return self.name, self.uri, self.group, self.extra, watchers, asdict(self.access_control)

    def __eq__(self, other: object) -> bool:
        # Subclasses may add what is no part of what an asset is.
        return self._compared() == other._compared() if isinstance(other, Asset) else NotImplemented

    def __hash__(self) -> int:
        return hash(json.dumps(self._compared(), sort_keys=True, default=str))

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(name={self.name!r}, uri={self.uri!r}, group={self.group!r}, extra={self.extra!r})"
        )


class Dataset(Asset):
    """An asset of the group `dataset`: the name that Airflow 2 had."""

    asset_type: ClassVar[str] = "dataset"


class Model(Asset):
    """An asset of the group `model`."""

    asset_type: ClassVar[str] = "model"


class AssetRef(BaseAsset):
    """An asset that is defined elsewhere. Made by `Asset.ref`."""


@dataclass(frozen=True)
class AssetNameRef(AssetRef):
    """By its name."""

    name: str


@dataclass(frozen=True)
class AssetUriRef(AssetRef):
    """By its URI."""

    uri: str


@dataclass(frozen=True)
class AssetAlias(BaseAsset):
    """Stands for assets that tasks name while they run: what they add events to is the alias's from then on."""

    name: str
    group: str = "asset"

    def __post_init__(self) -> None:
        _checked_identifier(self.name, "AssetAlias", "name", may_be_empty=False)
        _checked_identifier(self.group, "AssetAlias", "group", may_be_empty=True)


class AssetBooleanCondition(BaseAsset):
    """Several, combined. Raises TypeError for what is no asset."""

    def __init__(self, *objects: BaseAsset) -> None:
        if not all(isinstance(item, BaseAsset) for item in objects):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
            raise TypeError("expect asset expressions in condition")
        self.objects: Sequence[BaseAsset] = objects

    def __eq__(self, other: object) -> bool:
        return list(self.objects) == list(other.objects) if isinstance(other, type(self)) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self.objects))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(str, self.objects))})"


class AssetAny(AssetBooleanCondition):
    """At least one of them has a new event."""

    def __or__(self, other: BaseAsset) -> BaseAsset:
        if not isinstance(other, BaseAsset):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
            return NotImplemented
        return AssetAny(*self.objects, other)


class AssetAll(AssetBooleanCondition):
    """Each of them has a new event."""

    def __and__(self, other: BaseAsset) -> BaseAsset:
        if not isinstance(other, BaseAsset):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
            return NotImplemented
        return AssetAll(*self.objects, other)


def _checked_name(name: str, kind: str) -> str:
    _checked_identifier(name, kind, "name", may_be_empty=False)
    if name in PROHIBITED_NAMES:
        raise ValueError(f"prohibited name for asset: {name}")
    return name


def _checked_identifier(value: object, kind: str, field: str, *, may_be_empty: bool) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{kind} {field} must be a string")
    if len(value) > IDENTIFIER_MAX_LENGTH:
        raise ValueError(f"{kind} {field} cannot exceed {IDENTIFIER_MAX_LENGTH} characters")
    if value.isspace():
        raise ValueError(f"{kind} {field} cannot be just whitespace")
    if not value and not may_be_empty:
        raise ValueError(f"{kind} {field} cannot be empty")
    return value
