"""Mappers of authors' own: what they say of an event is asked in a child of the dag processor, and kept with the event.

A mapper is asked whole if anything inside is an author's own, be it a part of a chain or the window of a rollup.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from tradewind.core.partitions.mappers import PartitionMapper, mapper_of

CUSTOM: Final = "custom"
"""The `kind` of what is an author's own."""


@dataclass(frozen=True, slots=True)
class AskedMapper:
    """Knows nothing itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedKey:
    """A partition that an event counts for, as the author's mapper says."""

    key: str
    date: datetime | None = None
    """The moment that the key stands for."""
    is_readable: bool = True
    """False: asked for that moment, the mapper failed."""
    carried: datetime | None = None
    """What the mapper passes on of the moment of the producer's run."""
    expected: tuple[str, ...] | None = None
    """Keys of events that the partition waits for; None: one event suffices."""
    minimum: int | None = None
    """How many of them suffice, as `RollupMapper.minimum`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedEvent:
    """What an author's mapper says of one event."""

    digest: str
    """That of the mappers when it was asked; of others it counts for nothing."""
    keys: tuple[MappedKey, ...] = ()
    error: str | None = None
    """Why the event counts for no partition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedEvent:
    """An event that a mapper is asked about."""

    event_id: int
    name: str
    uri: str
    partition_key: str
    partition_date: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedEvents:
    """One question: the `reason` of a request."""

    digest: str
    events: tuple[AskedEvent, ...]


def rule_of(data: Mapping[str, Any]) -> PartitionMapper | AskedMapper:
    """A mapper from its JSON form; raises ValueError as `mapper_of`."""
    return AskedMapper() if _is_own(data) else mapper_of(data)


def _is_own(data: object) -> bool:
    if isinstance(data, list | tuple):
        return any(_is_own(part) for part in cast("list[object]", data))
    if not isinstance(data, Mapping):
        return False
    fields = cast("Mapping[str, object]", data)
    inside = ("upstream_mapper", "downstream_mapper", "window", "mappers")
    return fields.get("kind") == CUSTOM or any(_is_own(fields.get(name)) for name in inside)
