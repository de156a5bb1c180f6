"""When asset events make a run: conditions over what has arrived, and partitions that wait for their keys.

A DAG's condition is met by the assets of the events that wait in its queue. A partitioned DAG sorts its events by the
partition keys of its runs; each key has a condition of its own, and there an asset with a rollup mapper counts only
once enough of the keys that it expects are there.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

from tradewind.core.partitions.asked import AskedEvent, AskedEvents, AskedMapper, MappedEvent, MappedKey, rule_of
from tradewind.core.partitions.mappers import PartitionMapper, PlainMapper, RollupMapper, reaches

MAX_DOWNSTREAM_KEYS: Final = 1000
"""Runs that one event may count for, unless the mapper says otherwise."""

ASKED_EVENTS_MAX: Final = 50
"""Events that an author's own mapper is asked about in one go."""


class AssetKey(NamedTuple):
    """What names an asset."""

    name: str
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedEvent:
    """An event that a DAG's schedule has not used yet."""

    event_id: int
    asset: AssetKey
    queued_at: datetime
    partition_key: str | None = None
    partition_date: datetime | None = None
    answer: MappedEvent | None = None
    """Of an event in the queue: what an author's own mapper said of it."""
    said: MappedKey | None = None
    """Of an event of a partition: the part of the answer that is about that partition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetRuns:
    """What became of a DAG's queue."""

    made: int = 0
    """New runs, queued."""
    refused: tuple[tuple[int, str], ...] = ()
    """(event id, why) of events that count for no partition."""
    waits_for_room: bool = False
    """The DAG has as many runs as it may: the queue is to be looked at again when one of them has ended."""
    has_more: bool = False
    """There was more in the queue than is looked at in one go."""
    asked: int = 0
    """New requests to authors' own mappers."""


AliasedAssets = Mapping[str, Collection[AssetKey]]
"""Alias → the assets that it stands for."""


def is_met(condition: Mapping[str, Any], arrived: Collection[AssetKey], aliases: AliasedAssets) -> bool:
    """Whether a condition, as `DagSpec.asset_condition` has it, is met by these assets. Raises ValueError for one that
    cannot be read."""
    match condition:
        case {"all": parts}:
            return all(is_met(part, arrived, aliases) for part in _conditions(parts))
        case {"any": parts}:
            return any(is_met(part, arrived, aliases) for part in _conditions(parts))
        case {"asset": {"name": name, "uri": uri}}:
            return (name, uri) in arrived
        case {"asset_ref": {"name": name}}:
            return any(key.name == name for key in arrived)
        case {"asset_ref": {"uri": uri}}:
            return any(key.uri == uri for key in arrived)
        case {"alias": {"name": name}}:
            return any(key in arrived for key in aliases.get(cast("str", name), ()))
        case _:
            raise ValueError(f"not an asset condition: {condition!r}")


def _conditions(parts: object) -> list[Mapping[str, Any]]:
    if not isinstance(parts, list):
        raise ValueError(f"not an asset condition: {parts!r}")
    return cast("list[Mapping[str, Any]]", parts)


@dataclass(frozen=True, slots=True)
class Partition:
    """A run to be: its key, and the events that count for it."""

    key: str
    events: tuple[QueuedEvent, ...]


class PartitionRules:
    """How a DAG sorts events by partition, from `DagSpec.partition_mappers`. Raises ValueError for mappers that cannot
    be read."""

    def __init__(self, mappers: Mapping[str, Any]) -> None:
        self._default = rule_of(mappers["default"])
        self._by_name: dict[str, PartitionMapper | AskedMapper] = {}
        self._by_uri: dict[str, PartitionMapper | AskedMapper] = {}
        for entry in mappers["by_asset"]:
            mapper = rule_of(entry["mapper"])
            if entry["name"]:
                self._by_name[entry["name"]] = mapper
            if entry["uri"]:
                self._by_uri[entry["uri"]] = mapper
        text = json.dumps(mappers, sort_keys=True)
        self.digest = hashlib.sha256(text.encode()).hexdigest()
        """Changes with the mappers."""

    def mapper(self, asset: AssetKey) -> PartitionMapper | AskedMapper:
        """That of an asset: by its name, else by its URI, else the default."""
        return self._by_name.get(asset.name) or self._by_uri.get(asset.uri) or self._default

    def is_unanswered(self, event: QueuedEvent) -> bool:
        """Whether an author's own mapper is to be asked about the event, and has not answered."""
        is_asked = isinstance(self.mapper(event.asset), AskedMapper) and event.partition_key is not None
        return is_asked and (event.answer is None or event.answer.digest != self.digest)

    def keys_of(self, event: QueuedEvent) -> tuple[str, ...]:
        """The partitions that an event counts for; raises ValueError for a key that the mapper does not take, or that
        counts for too many."""
        if event.partition_key is None:
            raise ValueError(f"the event of asset {event.asset.name!r} has no partition key")
        mapper = self.mapper(event.asset)
        if isinstance(mapper, AskedMapper):
            return _answered_keys(event.answer)
        return allowed_keys(
            event.partition_key, mapper.downstream_keys(event.partition_key), mapper.max_downstream_keys
        )

    def arrived(self, partition: Partition) -> list[AssetKey]:
        """The assets of which enough has arrived."""
        events: dict[AssetKey, list[QueuedEvent]] = {}
        for event in partition.events:
            events.setdefault(event.asset, []).append(event)
        return [asset for asset, found in events.items() if self._suffice(asset, partition.key, found)]

    def _suffice(self, asset: AssetKey, partition_key: str, events: Sequence[QueuedEvent]) -> bool:
        mapper, found = self.mapper(asset), dict.fromkeys(event.partition_key or "" for event in events)
        if isinstance(mapper, AskedMapper):
            said = events[-1].said
            if said is None or said.expected is None:
                return said is not None
            return reaches(said.minimum, sum(key in found for key in said.expected), len(said.expected))
        if not isinstance(mapper, RollupMapper):
            return True
        try:
            expected = mapper.expected_keys(partition_key)
        except ValueError:  # a key that only another asset's mapper makes
            return False
        return mapper.is_satisfied(sum(key in found for key in expected), len(expected))

    def date_of(self, partition: Partition) -> datetime | None:
        """The moment that the partition is about: as all mappers of its assets say that say one; if none does, as the
        producers' runs say whose keys were taken as they are. None if they disagree."""
        events = [event for event in partition.events if event.said is not None]
        said = self._said_of(partition.key, [event.asset for event in partition.events])
        if said is None or any(event.said is not None and not event.said.is_readable for event in events):
            return None
        said += [event.said.date for event in events if event.said is not None and event.said.date is not None]
        return _agreed(said or self._carried(partition.events))

    def date_of_key(self, partition_key: str, assets: Sequence[AssetKey]) -> datetime | None:
        """The moment that a key stands for, by the mappers of these assets; None if they say none, or disagree.
        Authors' own are not asked."""
        return _agreed(self._said_of(partition_key, assets) or ())

    def _said_of(self, partition_key: str, assets: Sequence[AssetKey]) -> list[datetime] | None:
        """None: one of the mappers cannot read the key."""
        mappers = [self.mapper(asset) for asset in dict.fromkeys(assets)]
        try:
            said = [each.partition_date(partition_key) for each in mappers if not isinstance(each, AskedMapper)]
        except ValueError:
            return None
        return [date for date in said if date is not None]

    def _carried(self, events: Sequence[QueuedEvent]) -> list[datetime]:
        carried = [
            event.said.carried
            if event.said is not None
            else event.partition_date
            if _keeps_keys(self.mapper(event.asset))
            else None
            for event in events
        ]
        return [date for date in carried if date is not None]


def allowed_keys(key: str, mapped: Sequence[str], limit: int | None) -> tuple[str, ...]:
    """What a key was mapped to, each once; raises ValueError for too many."""
    keys, most = tuple(dict.fromkeys(mapped)), limit or MAX_DOWNSTREAM_KEYS
    if len(keys) > most:
        raise ValueError(f"the key {key!r} counts for {len(keys)} partitions; at most {most} may")
    return keys


def _answered_keys(answer: MappedEvent | None) -> tuple[str, ...]:
    if answer is None or answer.error is not None:
        raise ValueError("not answered" if answer is None else answer.error)
    return tuple(mapped.key for mapped in answer.keys)


def _agreed(dates: Sequence[datetime]) -> datetime | None:
    return dates[0] if len(dict.fromkeys(dates)) == 1 else None


def asset_run_id(run_after: datetime, entropy: str) -> str:
    """The id of a run that assets make; `entropy` tells runs of the same moment apart."""
    return f"asset_triggered__{run_after.isoformat()}_{entropy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedEvents:
    """Events of a queue, by the partitions that they count for."""

    keys: tuple[str, ...]
    event_ids: tuple[int, ...]
    """The event that counts for the key at the same place."""
    said: tuple[MappedKey | None, ...]
    """What an author's own mapper said of that."""
    refused: tuple[tuple[int, str], ...]
    used: tuple[int, ...]
    """Events that are done with; the others wait for answers."""
    asked: AskedEvents | None
    """What an author's own mapper is to be asked next, unless it is being asked."""


def sorted_events(rules: PartitionRules, events: Sequence[QueuedEvent]) -> SortedEvents:
    """Each event with each of its partitions; those that count for none, with why."""
    pairs: list[tuple[str, int, MappedKey | None]] = []
    refused: list[tuple[int, str]] = []
    waiting = [event for event in events if rules.is_unanswered(event)]
    ready = [event for event in events if not rules.is_unanswered(event)] if waiting else events
    for event in ready:
        said = {} if event.answer is None else {mapped.key: mapped for mapped in event.answer.keys}
        try:
            pairs.extend((key, event.event_id, said.get(key)) for key in rules.keys_of(event))
        except ValueError as exc:
            refused.append((event.event_id, str(exc)))
    return SortedEvents(
        keys=tuple(key for key, _, _ in pairs),
        event_ids=tuple(id_ for _, id_, _ in pairs),
        said=tuple(mapped for _, _, mapped in pairs),
        refused=tuple(refused),
        used=tuple(event.event_id for event in ready),
        asked=_question(rules, waiting[:ASKED_EVENTS_MAX]) if waiting else None,
    )


def _question(rules: PartitionRules, events: Sequence[QueuedEvent]) -> AskedEvents:
    asked = tuple(
        AskedEvent(
            event_id=event.event_id,
            name=event.asset.name,
            uri=event.asset.uri,
            partition_key=event.partition_key or "",
            partition_date=event.partition_date,
        )
        for event in events
    )
    return AskedEvents(digest=rules.digest, events=asked)


def _keeps_keys(mapper: PartitionMapper | AskedMapper) -> bool:
    return isinstance(mapper, PlainMapper) and mapper.kind == "identity"
