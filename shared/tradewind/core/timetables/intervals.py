"""Timetables whose runs are about contiguous periods, each run due when its period is over."""

from dataclasses import dataclass
from datetime import UTC, datetime

from tradewind.core.timetables.cron import Cron
from tradewind.core.timetables.deltas import Delta, approximate_seconds, earlier, has_calendar_parts, later
from tradewind.core.timetables.values import DataInterval, NextRun, TimeRestriction


@dataclass(frozen=True, slots=True)
class CronDataInterval:
    """From one moment of the cron to the next."""

    cron: Cron

    def next_run(self, last: DataInterval | None, restriction: TimeRestriction, now: datetime) -> NextRun | None:
        """The period after the last one; without catchup not before the latest complete one."""
        start = self._start(last, restriction, now)
        if start is not None and last is not None and start <= last.start:
            start = self.cron.next(last.start)  # the expression has changed, and the last run lies ahead of it
        return _run(start, None if start is None else self.cron.next(start), restriction)

    def _start(self, last: DataInterval | None, restriction: TimeRestriction, now: datetime) -> datetime | None:
        starts: list[datetime] = []
        if restriction.earliest is not None:
            starts.append(self.cron.at_or_after(restriction.earliest))
        if not restriction.catchup:
            starts.append(self._latest_complete(now))
        if last is not None:
            starts.append(self.cron.at_or_before(last.end))
        return max(starts, default=None)

    def _latest_complete(self, now: datetime) -> datetime:
        """The start of the last period that is over; at a boundary, the one that ends just then."""
        return self.cron.previous(self.cron.at_or_before(now))

    def manual_interval(self, run_after: datetime) -> DataInterval:
        """The latest complete period."""
        end = self.cron.at_or_before(run_after)
        return DataInterval(self.cron.previous(end), end)


@dataclass(frozen=True, slots=True)
class DeltaDataInterval:
    """Periods of one length, from the start date on."""

    delta: Delta

    def next_run(self, last: DataInterval | None, restriction: TimeRestriction, now: datetime) -> NextRun | None:
        """The period after the last one; without catchup not before the latest complete one."""
        starts = [] if restriction.earliest is None else [restriction.earliest]
        if not restriction.catchup:
            starts.append(earlier(self._boundary(now, restriction.earliest or now), self.delta))
        if last is not None:
            starts.append(last.end)
        start = max(starts, default=None)
        if start is not None and last is not None and start <= last.start:
            start = later(last.start, self.delta)
        return _run(start, None if start is None else later(start, self.delta), restriction)

    def _boundary(self, moment: datetime, anchor: datetime) -> datetime:
        """The last boundary not after the moment: of the epoch's grid, or, as months and years differ in length, of the
        grid that steps from the anchor (stepping, as 31 January, 28 February, 28 March)."""
        if not has_calendar_parts(self.delta):
            seconds = moment.timestamp()
            return datetime.fromtimestamp(seconds - seconds % approximate_seconds(self.delta), tz=UTC)
        boundary = anchor
        while (following := later(boundary, self.delta)) <= moment:
            boundary = following
        return boundary

    def manual_interval(self, run_after: datetime) -> DataInterval:
        """The period that ends then."""
        return DataInterval(earlier(run_after, self.delta), run_after)


def _run(start: datetime | None, end: datetime | None, restriction: TimeRestriction) -> NextRun | None:
    is_over = start is not None and restriction.latest is not None and start > restriction.latest
    return None if start is None or end is None or is_over else NextRun.of_interval(start, end)
