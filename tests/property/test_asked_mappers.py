"""A mapper that is asked elsewhere makes of the same events what it would have made here, however the answers come."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.core.assets import (
    ASKED_EVENTS_MAX,
    AssetKey,
    Partition,
    PartitionRules,
    QueuedEvent,
    allowed_keys,
    sorted_events,
)
from tradewind.core.partitions.asked import AskedEvent, MappedEvent, MappedKey
from tradewind.core.partitions.mappers import PartitionMapper, RollupMapper, mapper_of

START = datetime(2030, 1, 1, tzinfo=UTC)
DAY: dict[str, Any] = {"kind": "start_of_day"}
MAPPERS: dict[str, dict[str, Any]] = {
    "identity": {"kind": "identity"},
    "day": DAY,
    "rollup": {"kind": "rollup", "upstream_mapper": DAY, "window": {"kind": "day"}, "minimum_count": 2},
    "fan_out": {
        "kind": "fan_out",
        "upstream_mapper": DAY,
        "window": {"kind": "day"},
        "downstream_mapper": {"kind": "start_of_hour"},
    },
}
OWN: dict[str, Any] = {"default": {"kind": "custom", "class": "own.Mapper", "data": {}}, "by_asset": []}

keys = st.builds("2030-01-0{}T{:02}:00:00".format, st.integers(1, 2), st.integers(0, 23)) | st.just("no moment")
events = st.lists(
    st.builds(
        QueuedEvent,
        event_id=st.integers(1, 1000),
        asset=st.sampled_from([AssetKey("a", "s3://a"), AssetKey("b", "s3://b")]),
        queued_at=st.just(START),
        partition_key=keys,
        partition_date=st.none() | st.just(START),
    ),
    max_size=ASKED_EVENTS_MAX,
    unique_by=lambda event: event.event_id,
)


def answer_of(mapper: PartitionMapper, event: AskedEvent, digest: str, *, is_identity: bool) -> MappedEvent:
    """As a child gives it."""
    try:
        keys = allowed_keys(event.partition_key, mapper.downstream_keys(event.partition_key), None)
        mapped = tuple(
            MappedKey(
                key=key,
                date=mapper.partition_date(key),
                carried=event.partition_date if is_identity else None,
                expected=mapper.expected_keys(key) if isinstance(mapper, RollupMapper) else None,
                minimum=mapper.minimum if isinstance(mapper, RollupMapper) else None,
            )
            for key in keys
        )
        return MappedEvent(digest=digest, keys=mapped)
    except ValueError as exc:
        return MappedEvent(digest=digest, error=str(exc))


def made_of(rules: PartitionRules, queue: Sequence[QueuedEvent]) -> tuple[dict[str, Any], list[int]]:
    """Per partition what has arrived and its moment; and which events were refused."""
    found = sorted_events(rules, queue)
    by_id = {event.event_id: event for event in queue}
    partitions: dict[str, list[QueuedEvent]] = {}
    for key, event_id, said in zip(found.keys, found.event_ids, found.said, strict=True):
        partitions.setdefault(key, []).append(replace(by_id[event_id], said=said))
    whole = {key: Partition(key, tuple(each)) for key, each in partitions.items()}
    made = {key: (rules.arrived(each), rules.date_of(each)) for key, each in whole.items()}
    assert list(found.used) == [event.event_id for event in queue]
    return made, [event_id for event_id, _ in found.refused]


@pytest.mark.parametrize("name", MAPPERS)
@given(queue=events, answered_first=st.integers(0, ASKED_EVENTS_MAX))
def test_asked_or_not_the_same_is_made(name: str, queue: list[QueuedEvent], answered_first: int) -> None:
    mapper, own = mapper_of(MAPPERS[name]), PartitionRules(OWN)
    plain = PartitionRules({"default": MAPPERS[name], "by_asset": []})
    given_answers: dict[int, MappedEvent] = {}
    waiting = list(queue)
    for part in (answered_first, len(queue)):
        asked = sorted_events(own, waiting).asked
        for event in () if asked is None else asked.events[:part]:
            given_answers[event.event_id] = answer_of(mapper, event, own.digest, is_identity=name == "identity")
        waiting = [replace(event, answer=given_answers.get(event.event_id)) for event in waiting]
    assert sorted_events(own, waiting).asked is None
    assert made_of(own, waiting) == made_of(plain, queue)


@given(queue=events)
def test_answers_of_other_mappers_are_asked_for_again(queue: list[QueuedEvent]) -> None:
    own = PartitionRules(OWN)
    old = [replace(event, answer=MappedEvent(digest="other")) for event in queue]
    found = sorted_events(own, old)
    assert (found.used, found.keys, found.refused) == ((), (), ())
    assert ([] if found.asked is None else [each.event_id for each in found.asked.events]) == [
        event.event_id for event in queue
    ]
