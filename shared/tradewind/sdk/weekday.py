"""Days of the week, Monday first, counted from 1 as ISO does."""

from collections.abc import Iterable
from enum import IntEnum
from typing import Self


class WeekDay(IntEnum):
    """A day of the week."""

    MONDAY = 1
    TUESDAY = 2
    WEDNESDAY = 3
    THURSDAY = 4
    FRIDAY = 5
    SATURDAY = 6
    SUNDAY = 7

    @classmethod
    def get_weekday_number(cls, week_day_str: str) -> Self:
        """The day of this name, whatever its case; raises AttributeError."""
        found = cls.__members__.get(week_day_str.upper())
        if found is None:
            raise AttributeError(f"Invalid week day passed: {week_day_str!r}; expected one of {[*cls.__members__]}")
        return found

    @classmethod
    def convert(cls, day: "str | WeekDay") -> int:
        """Its number; raises AttributeError for anything but a day and its name."""
        if isinstance(day, WeekDay):
            return day
        if not isinstance(day, str):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
            raise AttributeError(f"Invalid week day passed: {day!r}; expected a name or a WeekDay")
        return cls.get_weekday_number(day)

    @classmethod
    def validate_week_day(cls, week_day: "str | WeekDay | Iterable[str | WeekDay]") -> set[int]:
        """The numbers of one or many days; raises TypeError or AttributeError."""
        if isinstance(week_day, str | WeekDay):
            return {cls.convert(week_day)}
        if not isinstance(week_day, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance] - authors err
            raise TypeError(f"Unsupported type for week_day: {type(week_day).__name__}; use a name, WeekDay or a set")
        return {cls.convert(day) for day in week_day}
