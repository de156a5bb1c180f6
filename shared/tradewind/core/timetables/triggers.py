"""Timetables that make runs at moments; what a run is about is said apart from them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tradewind.core.timetables.cron import Cron
from tradewind.core.timetables.deltas import Delta, earlier, later
from tradewind.core.timetables.values import DataInterval, NextRun, TimeRestriction

NO_INTERVAL: Final = timedelta(0)
LEAST_BUFFER: Final = timedelta(minutes=5)
BUFFER_PART: Final = 10


@dataclass(frozen=True, slots=True)
class CronTrigger:
    """A run at each moment of the cron."""

    cron: Cron
    interval: Delta = NO_INTERVAL
    """How far back from its moment a run's data interval begins."""
    run_immediately: bool | timedelta | None = False
    """Whether the first run of a DAG without a start date is that of the moment just gone: True = always, a timedelta =
    if it is no longer ago; otherwise if it is no longer ago than a tenth of the gap, or 5 minutes."""

    def next_run(self, last: DataInterval | None, restriction: TimeRestriction, now: datetime) -> NextRun | None:
        """The moment after the last run's; without catchup not before the one just gone."""
        at = self._catching_up(last, restriction, now) if restriction.catchup else self._recent(last, restriction, now)
        if restriction.latest is not None and at > restriction.latest:
            return None
        return NextRun.of_interval(earlier(at, self.interval), at)

    def _catching_up(self, last: DataInterval | None, restriction: TimeRestriction, now: datetime) -> datetime:
        if last is not None:
            return self.cron.next(last.end)
        return self._first(now) if restriction.earliest is None else self.cron.at_or_after(restriction.earliest)

    def _recent(self, last: DataInterval | None, restriction: TimeRestriction, now: datetime) -> datetime:
        moments = [self.cron.at_or_before(now)]
        if last is not None:
            moments.append(self.cron.next(last.end))
        elif restriction.earliest is None:
            moments.append(self._first(now))
        if restriction.earliest is not None:
            moments.append(self.cron.at_or_after(restriction.earliest))
        return max(moments)

    def _first(self, now: datetime) -> datetime:
        gone = self.cron.at_or_before(now)
        if self.run_immediately is True:
            return gone
        coming = self.cron.at_or_after(now)
        buffer = max((coming - gone) / BUFFER_PART, LEAST_BUFFER)
        if isinstance(self.run_immediately, timedelta):
            buffer = self.run_immediately
        return gone if now - gone <= buffer else coming

    def manual_interval(self, run_after: datetime) -> DataInterval:
        """As long as that of any run, up to that moment."""
        return DataInterval(earlier(run_after, self.interval), run_after)


@dataclass(frozen=True, slots=True)
class DeltaTrigger:
    """A run each time that this much has passed."""

    delta: Delta
    interval: Delta = NO_INTERVAL

    def next_run(self, last: DataInterval | None, restriction: TimeRestriction, now: datetime) -> NextRun | None:
        """That much after the last run, from the start date on; without catchup not before now."""
        moments = [] if restriction.catchup else [now]
        if last is not None:
            moments.append(later(last.end, self.delta))
        if restriction.earliest is not None and (last is None or not restriction.catchup):
            moments.append(restriction.earliest)
        at = max(moments, default=now)
        if restriction.latest is not None and at > restriction.latest:
            return None
        return NextRun.of_interval(earlier(at, self.interval), at)

    def manual_interval(self, run_after: datetime) -> DataInterval:
        """As long as that of any run, up to that moment."""
        return DataInterval(earlier(run_after, self.interval), run_after)


@dataclass(frozen=True, slots=True)
class MultipleCronTrigger:
    """A run at each moment of any of the crons: one, where several coincide."""

    triggers: tuple[CronTrigger, ...]

    def next_run(self, last: DataInterval | None, restriction: TimeRestriction, now: datetime) -> NextRun | None:
        """With catchup the earliest of their next runs. Without, the latest of those that are due (the earlier ones
        were missed), else the earliest."""
        runs = [run for each in self.triggers if (run := each.next_run(last, restriction, now)) is not None]
        if not restriction.catchup:
            due = [run for run in runs if _date(run) <= now]
            if due:
                return max(due, key=_date)
        return min(runs, key=_date, default=None)

    def manual_interval(self, run_after: datetime) -> DataInterval:
        """As long as that of any run, up to that moment."""
        return self.triggers[0].manual_interval(run_after)


def _date(run: NextRun) -> datetime:
    return run.run_after if run.logical_date is None else run.logical_date
