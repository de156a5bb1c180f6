"""Airflow's `timetables.events`: runs at listed moments."""

from collections.abc import Iterable
from datetime import datetime

from tradewind.core.spec import TimetableSpec
from tradewind.sdk import timezone as tz
from tradewind.sdk.timetables.built_in import BuiltInTimetable


class EventsTimetable(BuiltInTimetable, built_in=True):
    """A run at each of the dates. With `restrict_to_events` manual runs are about the latest of them."""

    def __init__(
        self,
        event_dates: Iterable[datetime],
        restrict_to_events: bool = False,
        presorted: bool = False,
        description: str | None = None,
    ) -> None:
        dates = [tz.as_utc(date) for date in event_dates]
        self.event_dates = dates if presorted else sorted(dates)
        self.restrict_to_events = restrict_to_events
        self._summary = description if description is not None else f"{len(dates)} events"
        self.description = description if description is not None else self._words()

    def _words(self) -> str:
        if not self.event_dates:
            return "No events"
        first, last = self.event_dates[0].isoformat(), self.event_dates[-1].isoformat()
        return f"{len(self.event_dates)} events between {first} and {last}"

    @property
    def summary(self) -> str | None:
        """The description, or how many there are."""
        return self._summary

    def spec(self) -> TimetableSpec | None:
        """The dates in ascending order."""
        dates = [date.isoformat() for date in self.event_dates]
        return TimetableSpec(kind="events", data={"dates": dates, "restrict_to_events": self.restrict_to_events})
