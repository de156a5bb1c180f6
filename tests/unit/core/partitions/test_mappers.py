"""Partition keys: from those of events to those of runs, and back."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tradewind.core.partitions.mappers import RollupMapper, mapper_of
from tradewind.core.partitions.windows import window_of

DAY: dict[str, Any] = {"kind": "start_of_day"}


def _keys(data: dict[str, Any], key: str) -> tuple[str, ...]:
    return mapper_of(data).downstream_keys(key)


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("start_of_hour", "2024-03-13T10"),
        ("start_of_day", "2024-03-13"),
        ("start_of_week", "2024-03-11 (W11)"),
        ("start_of_month", "2024-03"),
        ("start_of_quarter", "2024-Q1"),
        ("start_of_year", "2024"),
    ],
)
def test_moments_go_to_the_start_of_their_period(kind: str, key: str) -> None:
    mapper = mapper_of({"kind": kind})
    assert mapper.downstream_keys("2024-03-13T10:42:15") == (key,)
    date = mapper.partition_date(key)
    assert date is not None
    assert mapper.downstream_keys(date.strftime("%Y-%m-%dT%H:%M:%S")) == (key,)


def test_periods_are_those_of_the_zone() -> None:
    with_offset = {"kind": "start_of_day", "timezone": "America/New_York", "input_format": "%Y-%m-%dT%H:%M:%S%z"}
    assert _keys(with_offset, "2024-03-13T02:00:00+0000") == ("2024-03-12",)
    assert mapper_of(with_offset).partition_date("2024-03-12") == datetime(2024, 3, 12, 4, tzinfo=UTC)
    assert _keys({"kind": "start_of_day", "timezone": "+02:00"}, "2024-03-13T02:00:00") == ("2024-03-13",)


def test_time_that_the_clocks_jumped_over_is_the_one_that_they_showed() -> None:
    paris = {"kind": "start_of_hour", "timezone": "Europe/Paris"}
    assert _keys(paris, "2024-03-31T02:30:00") == ("2024-03-31T03",)
    assert _keys(paris, "2024-10-27T02:30:00") == ("2024-10-27T02",)


def test_day_without_an_hour_waits_for_the_others() -> None:
    day = {"kind": "start_of_day", "timezone": "Europe/Paris"}
    rollup = mapper_of({"kind": "rollup", "upstream_mapper": day, "window": {"kind": "day"}})
    assert isinstance(rollup, RollupMapper)
    hours = rollup.expected_keys("2024-03-31")
    assert (len(hours), "2024-03-31T02:00:00" in hours) == (23, False)
    assert len(rollup.expected_keys("2024-04-01")) == 24


def test_plain_mappers() -> None:
    assert _keys({"kind": "identity"}, "x") == ("x",)
    assert _keys({"kind": "fixed_key", "downstream_key": "all"}, "x") == ("all",)
    assert _keys({"kind": "allowed_key", "allowed_keys": ["us"]}, "us") == ("us",)
    with pytest.raises(ValueError, match="'eu' is not one of"):
        _keys({"kind": "allowed_key", "allowed_keys": ["us"]}, "eu")


def test_product_maps_each_part() -> None:
    product = {"kind": "product", "mappers": [{"kind": "identity"}, DAY]}
    assert _keys(product, "us|2024-03-13T10:00:00") == ("us|2024-03-13",)
    assert mapper_of(product).partition_date("us|2024-03-13") == datetime(2024, 3, 13, tzinfo=UTC)
    with pytest.raises(ValueError, match="1 parts, not 2"):
        _keys(product, "us")


def test_chain_maps_one_after_the_other() -> None:
    month = {"kind": "start_of_month", "input_format": "%Y-%m-%d"}
    assert _keys({"kind": "chain", "mappers": [DAY, month]}, "2024-03-13T10:00:00") == ("2024-03",)


@pytest.mark.parametrize(
    ("direction", "first", "last"), [("forward", "2024-03-11", "2024-03-17"), ("backward", "2024-03-05", "2024-03-11")]
)
def test_fan_out_over_a_week(direction: str, first: str, last: str) -> None:
    data: dict[str, Any] = {
        "kind": "fan_out",
        "upstream_mapper": {"kind": "start_of_week"},
        "window": {"kind": "week", "direction": direction},
        "downstream_mapper": DAY,
    }
    keys = _keys(data, "2024-03-13T10:42:15")
    assert (keys[0], keys[-1], len(keys)) == (first, last, 7)


@pytest.mark.parametrize(
    ("kind", "count"), [("hour", 60), ("day", 24), ("week", 7), ("month", 29), ("quarter", 3), ("year", 12)]
)
def test_sizes_of_windows(kind: str, count: int) -> None:
    start = datetime(2024, 2, 1, tzinfo=UTC)
    forward = window_of({"kind": kind}).moments(start)
    assert (forward[0], len(set(forward))) == (start, count)
    assert window_of({"kind": kind, "direction": "backward"}).moments(start)[-1] == start


def test_rollup_expects_the_keys_that_map_to_it() -> None:
    day = {"kind": "rollup", "upstream_mapper": DAY, "window": {"kind": "day"}}
    rollup = mapper_of(day)
    assert isinstance(rollup, RollupMapper)
    expected = rollup.expected_keys("2024-03-13")
    assert (expected[0], expected[-1]) == ("2024-03-13T00:00:00", "2024-03-13T23:00:00")
    assert {key for each in expected for key in rollup.downstream_keys(each)} == {"2024-03-13"}
    assert not rollup.is_satisfied(23, 24)
    assert rollup.is_satisfied(24, 24)


@pytest.mark.parametrize(("minimum", "enough"), [(2, 2), (-1, 2), (-9, 0), (3, 3)])
def test_minimum_counts(minimum: int, enough: int) -> None:
    rollup = mapper_of(
        {
            "kind": "rollup",
            "upstream_mapper": {"kind": "fixed_key", "downstream_key": "all"},
            "window": {"kind": "segment", "segments": ["us", "eu", "apac"]},
            "minimum_count": minimum,
        }
    )
    assert isinstance(rollup, RollupMapper)
    assert rollup.expected_keys("all") == ("apac", "eu", "us")
    assert [rollup.is_satisfied(count, 3) for count in range(4)] == [count >= enough for count in range(4)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"kind": "none"}, "unknown partition mapper 'none'"),
        ({"kind": "fixed_key", "downstream_key": ""}, "non-empty"),
        ({"kind": "identity", "max_downstream_keys": 0}, "positive integer"),
        ({"kind": "rollup", "upstream_mapper": {"kind": "identity"}, "window": {"kind": "day"}}, "does not go with"),
        ({"kind": "start_of_day", "timezone": "Nowhere/Land"}, "unknown time zone 'Nowhere/Land'"),
        ({"kind": "start_of_week", "output_format": "%Y-%Y"}, "twice"),
        ({"kind": "start_of_week", "output_format": "{a}{b}"}, "told apart"),
        ({"kind": "start_of_week", "output_format": "{}"}, "invalid placeholder"),
    ],
)
def test_forms_that_are_refused(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mapper_of(data)


@pytest.mark.parametrize("segments", [[], ["us", ""], ["us", 1], "us"])
def test_segments_that_are_refused(segments: Any) -> None:
    with pytest.raises(ValueError, match="segment"):
        window_of({"kind": "segment", "segments": segments})


def test_month_arithmetic_wants_a_first_of_a_month() -> None:
    with pytest.raises(ValueError, match="day 1"):
        window_of({"kind": "year"}).moments(datetime(2024, 1, 31, tzinfo=UTC))
