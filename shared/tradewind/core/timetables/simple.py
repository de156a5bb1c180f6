"""Timetables without a period: once, again and again, at listed moments."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tradewind.core.timetables.values import DataInterval, NextRun, TimeRestriction

LEAST: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Once:
    """One run, as soon as possible."""

    def next_run(self, last: DataInterval | None, restriction: TimeRestriction, now: datetime) -> NextRun | None:
        """At the start date, missed or not; without one, now."""
        at = restriction.earliest or now
        return None if last is not None or _is_over(at, restriction) else NextRun.exactly(at)

    def manual_interval(self, run_after: datetime) -> DataInterval:
        """That moment."""
        return DataInterval(run_after, run_after)


@dataclass(frozen=True, slots=True)
class Continuous:
    """The next run as soon as the last one has ended: the DAG has at most one active run."""

    def next_run(self, last: DataInterval | None, restriction: TimeRestriction, now: datetime) -> NextRun | None:
        """About the time since the last run's interval; before a start date that lies ahead, from there on."""
        run = self._run(last, restriction.earliest or now, now)
        return None if _is_over(run.run_after, restriction) else run

    def _run(self, last: DataInterval | None, earliest: datetime, now: datetime) -> NextRun:
        if last is None:
            return NextRun.of_interval(earliest, max(earliest, now))
        if last.end > now and earliest > last.start:
            return NextRun.of_interval(earliest, earliest + (last.end - last.start))
        # Neither the moment when it is due nor its logical date may be those of the last run, whatever the clock says.
        end = max(now, last.end + LEAST)
        return NextRun.of_interval(last.end if last.end > last.start else end, end)

    def manual_interval(self, run_after: datetime) -> DataInterval:
        """That moment."""
        return DataInterval(run_after, run_after)


@dataclass(frozen=True, slots=True)
class Events:
    """Listed moments, in ascending order."""

    dates: tuple[datetime, ...]
    restrict_to_events: bool = False
    """A manual run is about the latest event before it."""

    def next_run(self, last: DataInterval | None, restriction: TimeRestriction, now: datetime) -> NextRun | None:
        """The first event that is allowed and later than the last run."""
        earliest = restriction.earliest
        if not restriction.catchup and (earliest is None or now > earliest):
            earliest = now
        for event in self.dates:
            is_early = earliest is not None and event < earliest
            if not is_early and (last is None or event > last.end):
                return None if _is_over(event, restriction) else NextRun.exactly(event)
        return None

    def manual_interval(self, run_after: datetime) -> DataInterval:
        """That moment, or the event that it belongs to: the latest one, or the first if none has come yet."""
        if not self.restrict_to_events or not self.dates:
            return DataInterval(run_after, run_after)
        event = self.dates[max(0, bisect_right(self.dates, run_after) - 1)]
        return DataInterval(event, event)


def _is_over(moment: datetime, restriction: TimeRestriction) -> bool:
    return restriction.latest is not None and moment > restriction.latest
