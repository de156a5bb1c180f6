"""Partition mappers as authors write them."""

from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from tradewind.core.partitions.asked import AskedMapper, rule_of
from tradewind.sdk.assets.mappers import (
    ChainMapper,
    DayWindow,
    FanOutMapper,
    FixedKeyMapper,
    HourWindow,
    IdentityMapper,
    MinimumCount,
    PartitionMapper,
    ProductMapper,
    RollupMapper,
    SegmentWindow,
    StartOfDayMapper,
    StartOfWeekMapper,
    WaitPolicy,
    WeekWindow,
    Window,
    form_of,
)


def test_serialized_form() -> None:
    mapper = RollupMapper(
        upstream_mapper=FixedKeyMapper("all"),
        window=SegmentWindow(["us", "eu", "us"]),
        wait_policy=MinimumCount(-1),
        max_downstream_keys=2,
    )
    assert mapper.serialize() == {
        "kind": "rollup",
        "upstream_mapper": {"kind": "fixed_key", "downstream_key": "all"},
        "window": {"kind": "segment", "segments": ["eu", "us"]},
        "minimum_count": -1,
        "max_downstream_keys": 2,
    }


def test_authors_may_ask_a_mapper() -> None:
    product = ProductMapper(IdentityMapper(), StartOfDayMapper(timezone="Europe/Paris"))
    assert product.to_downstream("us|2024-03-13T10:00:00") == "us|2024-03-13"
    fan_out = FanOutMapper(upstream_mapper=StartOfWeekMapper(), window=WeekWindow(direction=Window.Direction.BACKWARD))
    assert list(fan_out.to_downstream("2024-03-13T10:00:00"))[-1] == "2024-03-11"
    day = RollupMapper(upstream_mapper=StartOfDayMapper(timezone="Europe/Paris"), window=DayWindow())
    assert len(day.to_upstream(str(day.to_downstream("2024-03-31T12:00:00")))) == 23
    assert StartOfDayMapper() == StartOfDayMapper() != IdentityMapper()


def test_refusals_name_the_class() -> None:
    with pytest.raises(ValueError, match="FixedKeyMapper: downstream_key"):
        FixedKeyMapper("")
    with pytest.raises(TypeError, match="DayWindow does not go with the keys of IdentityMapper"):
        RollupMapper(upstream_mapper=IdentityMapper(), window=DayWindow())
    with pytest.raises(ValueError, match="no default downstream_mapper for window type HourWindow"):
        FanOutMapper(upstream_mapper=StartOfDayMapper(), window=HourWindow())
    with pytest.raises(ValueError, match="MinimumCount"):
        MinimumCount(0)

    with pytest.raises(ValueError, match="Lazy: a wait policy is WaitForAll or MinimumCount"):
        RollupMapper(upstream_mapper=IdentityMapper(), window=SegmentWindow(["eu"]), wait_policy=Lazy())


class Lazy(WaitPolicy):
    """Which nobody can ask."""


class Strip(PartitionMapper):
    """`eu::a` → `a`; a list of several for `all::a`."""

    def __init__(self, prefix: str = "eu", **limits: Any) -> None:
        super().__init__(**limits)
        self.prefix = prefix

    def to_downstream(self, key: str) -> str | list[str]:
        """Without the prefix."""
        if key.startswith("all::"):
            return [key.removeprefix("all::"), "x"]
        return key.removeprefix(f"{self.prefix}::")

    def serialize(self) -> dict[str, Any]:
        """The prefix."""
        return {"prefix": self.prefix, **super().serialize()}


class Regions(Window):
    """Both regions of a key."""

    def to_upstream(self, decoded_downstream: str) -> list[str]:
        """The keys of both."""
        return [f"{region}::{decoded_downstream}" for region in ("eu", "us")]


class Noon(StartOfDayMapper):
    """Overrides what a mapper that comes with Tradewind does."""

    def to_downstream(self, key: str) -> str:
        """With a suffix."""
        return f"{super().to_downstream(key)}@noon"


def test_an_authors_own_is_described_by_its_class_and_arguments() -> None:
    own = {"kind": "custom", "class": f"{__name__}.Strip", "data": {"prefix": "us", "max_downstream_keys": 2}}
    mapper = Strip("us", max_downstream_keys=2)
    assert form_of(mapper) == own
    chain = ChainMapper(mapper, IdentityMapper())
    assert form_of(chain) == {"kind": "chain", "mappers": [own, {"kind": "identity"}]}
    assert form_of(Noon())["kind"] == "custom"
    for asked in (mapper, chain, Noon(), RollupMapper(upstream_mapper=IdentityMapper(), window=Regions())):
        assert isinstance(rule_of(form_of(asked)), AskedMapper)
    assert not isinstance(rule_of(form_of(StartOfDayMapper())), AskedMapper)
    with pytest.raises(ValueError, match=r"Strip.serialize\(\) must give JSON"):
        form_of(Strip(cast("str", object())))
    with pytest.raises(ValueError, match="max_downstream_keys must be a positive integer"):
        Strip(max_downstream_keys=0)


def test_own_parts_work_inside_others() -> None:
    chain = ChainMapper(Strip(), FixedKeyMapper("one"))
    assert chain.to_downstream("all::a") == ["one", "one"]
    assert ProductMapper(Strip(), Strip("us")).to_downstream("eu::a|us::b") == "a|b"
    rollup = RollupMapper(upstream_mapper=Strip(), window=Regions())
    assert (rollup.to_downstream("eu::a"), rollup.to_upstream("a")) == ("a", frozenset({"eu::a", "us::a"}))
    fan_out = FanOutMapper(upstream_mapper=Strip(), window=Regions(), downstream_mapper=IdentityMapper())
    assert fan_out.to_downstream("eu::a") == ["eu::a", "us::a"]
    assert Noon().to_downstream("2024-03-13T10:00:00") == "2024-03-13@noon"
    days = RollupMapper(upstream_mapper=Noon(output_format="%Y-%m-%d"), window=DayWindow())
    assert len(days.to_upstream("2024-03-13")) == 24
    with pytest.raises(TypeError, match=r"Regions does not go with the keys of StartOfDayMapper"):
        RollupMapper(upstream_mapper=StartOfDayMapper(), window=Regions())


class Weekend(Window):
    """Compares with moments that have no time zone."""

    expected_decoded_type = datetime

    def to_upstream(self, decoded_downstream: datetime) -> list[datetime]:
        """Two days."""
        start = max(decoded_downstream, datetime(2024, 3, 30))  # noqa: DTZ001 - as authors write
        return [start, start + timedelta(days=1)]


def test_own_windows_get_moments_without_a_zone() -> None:
    day = StartOfDayMapper(timezone="Europe/Paris", input_format="%Y-%m-%dT%H:%M:%S%z")
    expected = {"2024-03-30T00:00:00+0100", "2024-03-31T00:00:00+0100"}
    assert RollupMapper(upstream_mapper=day, window=Weekend()).to_upstream("2024-03-30") == expected
    fan_out = FanOutMapper(upstream_mapper=StartOfWeekMapper(), window=Weekend(), downstream_mapper=StartOfDayMapper())
    assert fan_out.to_downstream("2024-03-28T00:00:00") == ["2024-03-30", "2024-03-31"]


def test_one_half_of_a_pair_is_refused() -> None:
    with pytest.raises(TypeError, match="Half must override both decode_downstream and encode_upstream"):

        class Half(Strip):  # pyright: ignore[reportUnusedClass] - is refused
            def decode_downstream(self, downstream_key: str) -> int:
                return int(downstream_key)
