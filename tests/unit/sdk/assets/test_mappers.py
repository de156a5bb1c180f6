"""Partition mappers as authors write them."""

import pytest

from tradewind.sdk.assets.mappers import (
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
    WeekWindow,
    Window,
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
    assert fan_out.to_downstream("2024-03-13T10:00:00")[-1] == "2024-03-11"
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

    class Own(PartitionMapper):
        pass

    with pytest.raises(ValueError, match="Own: only the mappers that come with Tradewind"):
        Own()
