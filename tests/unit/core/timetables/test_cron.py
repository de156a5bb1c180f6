"""Cron expressions around changes of the clocks."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tradewind.core.timetables.cron import Cron, InvalidCron, check_cron, zone_named
from tradewind.core.timetables.values import NoSuchMoment

BERLIN = ZoneInfo("Europe/Berlin")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def following(expression: str, start: str, count: int, zone: ZoneInfo = BERLIN) -> list[str]:
    cron, moment, found = Cron(expression, zone), at(start), list[str]()
    for _ in range(count):
        moment = cron.next(moment)
        found.append(moment.astimezone(zone).strftime("%d %H:%M %z"))
    return found


def test_a_time_that_does_not_exist_is_as_much_later() -> None:
    assert following("30 2 * * *", "2024-03-30T02:30+01:00", 2) == ["31 03:30 +0200", "01 02:30 +0200"]


def test_of_a_time_that_exists_twice_the_second_counts() -> None:
    assert following("30 2 * * *", "2024-10-26T02:30+02:00", 2) == ["27 02:30 +0100", "28 02:30 +0100"]


def test_every_hour_has_the_repeated_one_twice() -> None:
    expected = ["27 02:30 +0200", "27 02:30 +0100", "27 03:30 +0100"]
    assert following("30 * * * *", "2024-10-27T01:30+02:00", 3) == expected


def test_every_hour_has_the_skipped_one_not_at_all() -> None:
    assert following("0 * * * *", "2024-03-31T00:00+01:00", 3) == ["31 01:00 +0100", "31 03:00 +0200", "31 04:00 +0200"]


def test_every_hour_stays_on_the_hour_where_clocks_move_by_half_an_hour() -> None:
    expected = ["06 23:00 +1100", "07 00:00 +1100", "07 01:00 +1100", "07 02:00 +1030", "07 03:00 +1030"]
    assert following("0 * * * *", "2024-04-06T22:00+11:00", 5, LORD_HOWE) == expected


def test_every_hour_of_one_day_a_month_survives_a_change_in_between() -> None:
    assert following("0 * 1 * *", "2024-10-01T22:00+02:00", 2) == ["01 23:00 +0200", "01 00:00 +0100"]


def test_a_day_of_the_week_or_of_the_month_is_enough() -> None:
    assert following("0 0 13 * 5", "2024-09-06T00:00+02:00", 2) == ["13 00:00 +0200", "20 00:00 +0200"]


def test_seconds_come_last() -> None:
    assert Cron("* * * * * 30", UTC).next(at("2024-01-01T00:00:29Z")) == at("2024-01-01T00:00:30Z")


@pytest.mark.parametrize("value", ["", "every day", "61 * * * *", "* * * *", "@never"])
def test_a_wrong_expression_is_named(value: str) -> None:
    with pytest.raises(InvalidCron, match="is not a valid cron expression or preset") as caught:
        check_cron(value)
    assert repr(value) in str(caught.value)


def test_a_date_that_never_comes_says_so() -> None:
    with pytest.raises(NoSuchMoment):
        Cron("0 0 30 2 *", UTC).next(at("2024-01-01T00:00Z"))


def test_zones_by_name_and_offset() -> None:
    for name in ("+02:00", 7200):
        assert (
            at("2024-01-01T00:00Z").astimezone(zone_named(name)).utcoffset()
            == datetime.fromisoformat("2024-01-01T02:00+02:00").utcoffset()
        )
    assert zone_named("Europe/Berlin") == BERLIN
