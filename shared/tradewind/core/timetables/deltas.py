"""Lengths of time: seconds, or months and years by the calendar."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from dateutil.relativedelta import relativedelta, weekday

Delta = timedelta | relativedelta
RELATIVE_FIELDS: Final = ("years", "months", "days", "leapdays", "hours", "minutes", "seconds", "microseconds")
ABSOLUTE_FIELDS: Final = ("year", "month", "day", "hour", "minute", "second", "microsecond")
WEEKDAY: Final = "weekday"


def later(moment: datetime, delta: Delta) -> datetime:
    """The moment plus the delta, in UTC."""
    return moment.astimezone(UTC) + delta


def earlier(moment: datetime, delta: Delta) -> datetime:
    """The moment minus the delta, in UTC."""
    return moment.astimezone(UTC) - delta


def approximate_seconds(delta: Delta) -> float:
    """Its length in seconds, with months of 30 and years of 365 days."""
    if isinstance(delta, timedelta):
        return delta.total_seconds()
    days = delta.years * 365 + delta.months * 30 + delta.days
    return float(days * 86_400 + delta.hours * 3_600 + delta.minutes * 60 + delta.seconds)


def has_calendar_parts(delta: Delta) -> bool:
    """Whether its length depends on where in the calendar it is added."""
    return isinstance(delta, relativedelta) and bool(delta.months or delta.years)


def delta_as_json(delta: Delta) -> float | dict[str, object]:
    """Seconds, or the fields of a relativedelta that are set."""
    if isinstance(delta, timedelta):
        return delta.total_seconds()
    data: dict[str, object] = {name: getattr(delta, name) for name in RELATIVE_FIELDS if getattr(delta, name)}
    data.update({name: getattr(delta, name) for name in ABSOLUTE_FIELDS if getattr(delta, name) is not None})
    if delta.weekday is not None:
        data[WEEKDAY] = [delta.weekday.weekday, delta.weekday.n]
    return data


def delta_from_json(data: object) -> Delta:
    """The inverse of `delta_as_json`."""
    if isinstance(data, int | float):
        return timedelta(seconds=data)
    fields = dict(cast("Mapping[str, Any]", data))
    day = fields.pop(WEEKDAY, None)
    return relativedelta(**fields, weekday=None if day is None else weekday(*day))
