"""Conditions over assets: compared with their meaning, and monotone."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.core.assets import AssetKey, Partition, PartitionRules, QueuedEvent, is_met

NAMES = ("a", "b", "c", "d")
KEYS = tuple(AssetKey(name, f"s3://{name}") for name in NAMES)
START = datetime(2030, 1, 1, tzinfo=UTC)

keys = st.sets(st.sampled_from(KEYS))
aliases = st.dictionaries(st.sampled_from(["one", "two"]), st.lists(st.sampled_from(KEYS), max_size=3))


def _singles() -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.sampled_from(KEYS).map(lambda key: {"asset": {"name": key.name, "uri": key.uri, "group": "asset"}}),
        st.sampled_from(KEYS).map(lambda key: {"asset_ref": {"name": key.name}}),
        st.sampled_from(KEYS).map(lambda key: {"asset_ref": {"uri": key.uri}}),
        st.sampled_from(["one", "two"]).map(lambda name: {"alias": {"name": name, "group": "asset"}}),
    )


def _combined(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(st.sampled_from(["any", "all"]), st.lists(inner, max_size=4)).map(lambda pair: {pair[0]: pair[1]})


conditions: st.SearchStrategy[dict[str, Any]] = st.recursive(_singles(), _combined, max_leaves=10)


def _meaning(condition: Mapping[str, Any], aliases: Mapping[str, list[AssetKey]]) -> str:
    """The condition as Python's own and / or over the names of what has arrived."""
    ((word, value),) = condition.items()
    match word:
        case "any" | "all":
            joint, empty = (" or ", "False") if word == "any" else (" and ", "True")
            return f"({joint.join(_meaning(part, aliases) for part in value) or empty})"
        case "alias":
            return f"({' or '.join(f'{key.name!r} in arrived' for key in aliases.get(value['name'], [])) or 'False'})"
        case _:
            name = value.get("name") or value["uri"].removeprefix("s3://")
            return f"({name!r} in arrived)"


@given(conditions, keys, aliases)
def test_as_and_and_or_would_say(
    condition: dict[str, Any], arrived: set[AssetKey], aliases: dict[str, list[AssetKey]]
) -> None:
    expected = eval(_meaning(condition, aliases), {"arrived": {key.name for key in arrived}})
    assert is_met(condition, arrived, aliases) is expected


@given(conditions, keys, keys, aliases)
def test_more_events_never_unmeet_a_condition(
    condition: dict[str, Any], arrived: set[AssetKey], more: set[AssetKey], aliases: dict[str, list[AssetKey]]
) -> None:
    assert not is_met(condition, arrived, aliases) or is_met(condition, arrived | more, aliases)


@pytest.mark.parametrize("condition", [{}, {"none": []}, {"all": {}}, {"asset": {"name": "a"}}])
def test_what_is_no_condition_is_refused(condition: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not an asset condition"):
        is_met(condition, KEYS, {})


def _rules(default: Mapping[str, Any], **by_name: Mapping[str, Any]) -> PartitionRules:
    entries = [{"name": name, "uri": "", "mapper": mapper} for name, mapper in by_name.items()]
    return PartitionRules({"default": default, "by_asset": entries})


def _event(asset: AssetKey, key: str | None, number: int = 1, date: datetime | None = None) -> QueuedEvent:
    return QueuedEvent(event_id=number, asset=asset, queued_at=START, partition_key=key, partition_date=date)


DAILY: dict[str, Any] = {
    "kind": "rollup",
    "upstream_mapper": {"kind": "start_of_day"},
    "window": {"kind": "day"},
}


@given(st.permutations(range(24)), st.integers(0, 24))
def test_a_rollup_counts_once_all_its_hours_are_there(hours: list[int], count: int) -> None:
    rules = _rules(DAILY)
    moments = [START + timedelta(hours=hour) for hour in hours[:count]]
    events = [_event(KEYS[0], moment.strftime("%Y-%m-%dT%H:%M:%S")) for moment in moments]
    assert all(rules.keys_of(event) == ("2030-01-01",) for event in events)
    partition = Partition("2030-01-01", (*events, *events))
    assert rules.arrived(partition) == ([KEYS[0]] if count == 24 else [])


def test_each_asset_has_its_mapper() -> None:
    rules = _rules({"kind": "start_of_hour"}, a={"kind": "start_of_day"})
    assert rules.keys_of(_event(KEYS[0], "2030-01-01T05:00:00")) == ("2030-01-01",)
    assert rules.keys_of(_event(KEYS[1], "2030-01-01T05:00:00")) == ("2030-01-01T05",)
    assert rules.digest != _rules({"kind": "start_of_hour"}).digest


def test_keys_that_cannot_be_mapped_are_named() -> None:
    many = {"kind": "fan_out", "window": {"kind": "day"}, "max_downstream_keys": 3}
    fan_out = many | {"upstream_mapper": {"kind": "start_of_day"}, "downstream_mapper": {"kind": "start_of_hour"}}
    with pytest.raises(ValueError, match="counts for 24 partitions; at most 3 may"):
        _rules(fan_out).keys_of(_event(KEYS[0], "2030-01-01T00:00:00"))
    with pytest.raises(ValueError, match="no partition key"):
        _rules({"kind": "identity"}).keys_of(_event(KEYS[0], None))


def test_dates_of_partitions() -> None:
    day = {"kind": "start_of_day"}
    both = Partition("2030-01-01", (_event(KEYS[0], "x", date=START - timedelta(days=9)), _event(KEYS[1], "x")))
    assert _rules(day).date_of(both) == START
    assert _rules({"kind": "identity"}).date_of(both) == START - timedelta(days=9)
    assert _rules(day, a=day | {"timezone": "Europe/Paris"}).date_of(both) is None
    disagreeing = Partition("k", (_event(KEYS[0], "k", date=START), _event(KEYS[1], "k", date=START - timedelta(1))))
    assert _rules({"kind": "identity"}).date_of(disagreeing) is None
    assert _rules({"kind": "allowed_key", "allowed_keys": ["k"]}).date_of(disagreeing) is None
