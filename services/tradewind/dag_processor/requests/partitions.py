"""What a child asks an author's own partition mapper about events."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from tradewind.core.assets import allowed_keys
from tradewind.core.partitions.asked import AskedEvent, AskedEvents, MappedEvent, MappedKey
from tradewind.sdk import timezone as tz
from tradewind.sdk.assets.mappers import PartitionMapper
from tradewind.sdk.assets.own_mappers import texts
from tradewind.sdk.assets.timetables import PartitionedAssetTimetable, asset_schedule_of
from tradewind.sdk.dag_file import user_traceback
from tradewind.sdk.dags import DAG


def mapped_events(dag: DAG, question: str) -> dict[int, MappedEvent]:
    """The answers to an `AskedEvents`; what one event makes a mapper raise is the answer to that one. There
    are none of a DAG that waits for no partitions any more."""
    asked = asked_events(question)
    timetable = asset_schedule_of(dag.schedule)
    if not isinstance(timetable, PartitionedAssetTimetable):
        return {}
    return {event.event_id: _mapped(timetable, event, asked.digest) for event in asked.events}


def asked_events(question: str) -> AskedEvents:
    """A question, from the `reason` of its request."""
    return msgspec.json.decode(question, type=AskedEvents)


def _mapped(timetable: PartitionedAssetTimetable, event: AskedEvent, digest: str) -> MappedEvent:
    mapper = timetable.get_partition_mapper(name=event.name, uri=event.uri)
    try:
        return MappedEvent(digest=digest, keys=tuple(_keys(mapper, event)))
    except Exception as exc:
        where = f"{type(mapper).__qualname__}: key {event.partition_key!r} of asset {event.name!r}"
        return MappedEvent(digest=digest, error=f"{where} cannot be mapped: {user_traceback(exc)}")


def _keys(mapper: PartitionMapper, event: AskedEvent) -> Iterator[MappedKey]:
    mapped = texts(mapper.to_downstream(event.partition_key), f"{type(mapper).__qualname__}.to_downstream")
    carried = _carried(mapper, event.partition_date)
    for key in allowed_keys(event.partition_key, mapped, mapper.max_downstream_keys):
        yield replace(_expected(mapper, key), carried=carried)


def _expected(mapper: Any, key: str) -> MappedKey:
    try:
        date, is_readable = _utc(mapper.to_partition_date(key)), True
    except Exception:
        date, is_readable = None, False
    if not mapper.is_rollup:
        return MappedKey(key=key, date=date, is_readable=is_readable)
    expected = texts(sorted(mapper.to_upstream(key)), f"{type(mapper).__qualname__}.to_upstream")
    minimum = mapper.wait_policy.serialize().get("minimum_count")
    return MappedKey(key=key, date=date, is_readable=is_readable, expected=expected, minimum=minimum)


def _carried(mapper: PartitionMapper, date: datetime | None) -> datetime | None:
    """As in `core.assets`, a moment that cannot be told is none."""
    try:
        return _utc(mapper.carry_partition_date(tz.coerce_datetime(date)))
    except Exception:
        return None


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    if tz.is_naive(moment):
        raise ValueError(f"the moment {moment!r} of a partition has no time zone")
    return tz.as_utc(moment)
