"""All mappers, and how they are made from their JSON form."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, cast

from tradewind.core.partitions.temporal import OUTPUT_FORMATS, temporal_mapper_of
from tradewind.core.partitions.windows import Members, window_of


class PartitionMapper(Protocol):
    """What each mapper can do."""

    @property
    def max_downstream_keys(self) -> int | None:
        """How many keys one event may count for; None = as many as the setting allows."""
        ...

    @property
    def is_temporal(self) -> bool:
        """Whether `decode` gives moments."""
        ...

    def downstream_keys(self, key: str) -> tuple[str, ...]:
        """The keys of the runs that an event of this key counts for; raises ValueError for a key it does not take."""
        ...

    def decode(self, downstream_key: str) -> Any:
        """What a window takes: the key itself, or the moment that it names."""
        ...

    def encode(self, moment: Any) -> str:
        """The key of an event, for a member of a window."""
        ...

    def partition_date(self, downstream_key: str) -> datetime | None:
        """The moment that a run's key stands for; None if it stands for none. Raises ValueError."""
        ...


@dataclass(frozen=True, slots=True)
class PlainMapper:
    """Keys as they are (`identity`), one fixed key (`fixed_key`), or some keys only (`allowed_key`)."""

    kind: str
    downstream_key: str = ""
    allowed_keys: tuple[str, ...] = ()
    max_downstream_keys: int | None = None

    @property
    def is_temporal(self) -> bool:
        """Its keys are any texts."""
        return False

    def downstream_keys(self, key: str) -> tuple[str, ...]:
        """The one key; raises ValueError for one that is not allowed."""
        if self.kind == "fixed_key":
            return (self.downstream_key,)
        if self.kind == "allowed_key" and key not in self.allowed_keys:
            raise ValueError(f"the key {key!r} is not one of the allowed keys {list(self.allowed_keys)}")
        return (key,)

    def decode(self, downstream_key: str) -> str:
        """The key itself."""
        return downstream_key

    def encode(self, moment: str) -> str:
        """The key itself."""
        return moment

    def partition_date(self, downstream_key: str) -> datetime | None:
        """None: the key stands for no moment."""
        return None


@dataclass(frozen=True, slots=True)
class ProductMapper:
    """Keys of several parts, each with a mapper of its own."""

    mappers: tuple[PartitionMapper, ...]
    delimiter: str = "|"
    max_downstream_keys: int | None = None

    @property
    def is_temporal(self) -> bool:
        """The whole key is a text."""
        return False

    def downstream_keys(self, key: str) -> tuple[str, ...]:
        """The one key; raises ValueError for a wrong number of parts, or a part that counts for several keys."""
        parts = key.split(self.delimiter)
        if len(parts) != len(self.mappers):
            raise ValueError(f"the key {key!r} has {len(parts)} parts, not {len(self.mappers)}")
        mapped: list[str] = []
        for mapper, part in zip(self.mappers, parts, strict=True):
            keys = mapper.downstream_keys(part)
            if len(keys) != 1:
                raise ValueError(f"the part {part!r} of the key {key!r} counts for {len(keys)} keys; it must be one")
            mapped.append(keys[0])
        return (self.delimiter.join(mapped),)

    def decode(self, downstream_key: str) -> str:
        """The key itself."""
        return downstream_key

    def encode(self, moment: str) -> str:
        """The key itself."""
        return moment

    def partition_date(self, downstream_key: str) -> datetime | None:
        """That of the only part that has one."""
        parts = downstream_key.split(self.delimiter)
        if len(parts) != len(self.mappers):
            return None
        dates = [mapper.partition_date(part) for mapper, part in zip(self.mappers, parts, strict=True)]
        found = [date for date in dates if date is not None]
        return found[0] if len(found) == 1 else None


@dataclass(frozen=True, slots=True)
class ChainMapper:
    """One mapper after the other."""

    mappers: tuple[PartitionMapper, ...]
    max_downstream_keys: int | None = None

    @property
    def is_temporal(self) -> bool:
        """The key is a text."""
        return False

    def downstream_keys(self, key: str) -> tuple[str, ...]:
        """What the last one gives."""
        keys = (key,)
        for mapper in self.mappers:
            keys = tuple(mapped for each in keys for mapped in mapper.downstream_keys(each))
        return keys

    def decode(self, downstream_key: str) -> str:
        """The key itself."""
        return downstream_key

    def encode(self, moment: str) -> str:
        """The key itself."""
        return moment

    def partition_date(self, downstream_key: str) -> datetime | None:
        """That of the last one."""
        return self.mappers[-1].partition_date(downstream_key)


@dataclass(frozen=True, slots=True)
class FanOutMapper:
    """One key of an event counts for each member of the period that it names."""

    upstream: PartitionMapper
    window: Members
    downstream: PartitionMapper
    max_downstream_keys: int | None = None

    @property
    def is_temporal(self) -> bool:
        """The key is a text."""
        return False

    def downstream_keys(self, key: str) -> tuple[str, ...]:
        """One per member; raises ValueError."""
        coarse = self.upstream.downstream_keys(key)
        if len(coarse) != 1:
            raise ValueError(f"the key {key!r} counts for {len(coarse)} periods; it must be one")
        members = self.window.members(self.upstream.decode(coarse[0]))
        return tuple(formatted(self.downstream, member) for member in members)

    def decode(self, downstream_key: str) -> str:
        """The key itself."""
        return downstream_key

    def encode(self, moment: str) -> str:
        """The key itself."""
        return moment

    def partition_date(self, downstream_key: str) -> datetime | None:
        """As the downstream mapper has it."""
        return self.downstream.partition_date(downstream_key)


@dataclass(frozen=True, slots=True)
class RollupMapper:
    """Many keys of events count for one run, which waits for a window of them."""

    upstream: PartitionMapper
    window: Members
    minimum: int | None = None
    """None: all; positive: so many; negative: all but so many."""
    max_downstream_keys: int | None = None

    @property
    def is_temporal(self) -> bool:
        """The key is a text."""
        return False

    def downstream_keys(self, key: str) -> tuple[str, ...]:
        """As the upstream mapper has it."""
        return self.upstream.downstream_keys(key)

    def decode(self, downstream_key: str) -> str:
        """The key itself."""
        return downstream_key

    def encode(self, moment: str) -> str:
        """The key itself."""
        return moment

    def partition_date(self, downstream_key: str) -> datetime | None:
        """As the upstream mapper has it."""
        return self.upstream.partition_date(downstream_key)

    def expected_keys(self, downstream_key: str) -> tuple[str, ...]:
        """The keys of events that a run of this key is about; raises ValueError."""
        members = self.window.members(self.upstream.decode(downstream_key))
        return tuple(dict.fromkeys(self.upstream.encode(member) for member in members))

    def is_satisfied(self, matched: int, expected: int) -> bool:
        """Whether so many of the expected keys suffice."""
        return reaches(self.minimum, matched, expected)


def reaches(minimum: int | None, matched: int, expected: int) -> bool:
    """Whether so many of the expected keys suffice, by a `RollupMapper.minimum`."""
    if minimum is None:
        return matched == expected
    return matched >= (minimum if minimum > 0 else max(0, expected + minimum))


def mapper_of(data: Mapping[str, Any]) -> PartitionMapper:
    """From its JSON form, `{"kind": …}` with the kind's arguments, of which mappers and windows may be made already;
    raises ValueError naming what is wrong."""
    limit = checked_limit(data.get("max_downstream_keys"))
    match kind := data.get("kind"):
        case "identity":
            return PlainMapper("identity", max_downstream_keys=limit)
        case "fixed_key":
            if not isinstance(key := data.get("downstream_key"), str) or not key:
                raise ValueError(f"downstream_key must be a non-empty text, not {key!r}")
            return PlainMapper("fixed_key", downstream_key=key, max_downstream_keys=limit)
        case "allowed_key":
            return PlainMapper("allowed_key", allowed_keys=tuple(data["allowed_keys"]), max_downstream_keys=limit)
        case "product":
            return ProductMapper(_mappers(data), data.get("delimiter", "|"), limit)
        case "chain":
            return ChainMapper(_mappers(data), limit)
        case "rollup":
            return _rollup(data, limit)
        case "fan_out":
            upstream, downstream = _nested(data["upstream_mapper"]), _nested(data["downstream_mapper"])
            return FanOutMapper(upstream, _window(data["window"]), downstream, limit)
        case _ if kind in OUTPUT_FORMATS:
            return temporal_mapper_of(data, limit)
        case _:
            raise ValueError(f"unknown partition mapper {kind!r}")


def _rollup(data: Mapping[str, Any], limit: int | None) -> RollupMapper:
    upstream, window = _nested(data["upstream_mapper"]), _window(data["window"])
    if upstream.is_temporal is not window.is_temporal:
        raise ValueError(f"the window {data['window']!r} does not go with the upstream mapper {upstream!r}")
    minimum = data.get("minimum_count")
    if minimum == 0:
        raise ValueError("a minimum count of 0 would always be reached")
    return RollupMapper(upstream, window, minimum, limit)


def _mappers(data: Mapping[str, Any]) -> tuple[PartitionMapper, ...]:
    return tuple(_nested(each) for each in data["mappers"])


def _nested(mapper: Mapping[str, Any] | PartitionMapper) -> PartitionMapper:
    return mapper_of(mapper) if isinstance(mapper, Mapping) else mapper


def _window(window: Mapping[str, Any] | Members) -> Members:
    return window_of(window) if isinstance(window, Mapping) else window


def formatted(mapper: object, member: Any) -> str:
    """A member of a window as a key: as the mapper writes moments, if it does."""
    if callable(form := getattr(mapper, "format", None)):
        return cast("str", form(member))
    return member.replace(tzinfo=None).isoformat() if isinstance(member, datetime) else str(member)


def checked_limit(limit: object) -> int | None:
    """A `max_downstream_keys`; raises ValueError."""
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise ValueError(f"max_downstream_keys must be a positive integer or None, not {limit!r}")
    return limit
