"""Timetables whose runs are about partitions: no data interval, a partition key."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from tradewind.core.timetables.triggers import CronTrigger
from tradewind.core.timetables.values import DataInterval, NextRun, NoSuchMoment, RunPartition, TimeRestriction


@dataclass(frozen=True, slots=True)
class CronPartition:
    """A run at each moment of the cron, about the moment so many steps after it (before it, if negative)."""

    trigger: CronTrigger
    run_offset: int = 0
    key_format: str = "%Y-%m-%dT%H:%M:%S"

    def next_run(self, last: DataInterval | None, restriction: TimeRestriction, now: datetime) -> NextRun | None:
        """The moment after the last run's; without catchup not before the one just gone."""
        run = self.trigger.next_run(last, restriction, now)
        return None if run is None else NextRun(run.run_after, None)

    def manual_interval(self, run_after: datetime) -> DataInterval:
        """That moment."""
        return DataInterval(run_after, run_after)

    def partition_of(self, run_after: datetime) -> RunPartition:
        """The partition of the run that is due then; its key is in the cron's zone."""
        date = run_after
        step = self.trigger.cron.next if self.run_offset > 0 else self.trigger.cron.previous
        for _ in range(abs(self.run_offset)):
            date = step(date)
        return self._partition(date)

    def past_runs(self, first: datetime, last: datetime) -> Iterator[NextRun]:
        """For each partition whose moment lies between these, both inclusive, read on the cron's own clock. The
        offset of scheduled runs does not matter."""
        zone = self.trigger.cron.zone
        since, until = (at.replace(tzinfo=zone, fold=1).astimezone(UTC) for at in (first, last))
        with suppress(NoSuchMoment):
            date = self.trigger.cron.at_or_after(since)
            while date <= until:
                yield NextRun(date, None, self._partition(date))
                date = self.trigger.cron.next(date)

    def _partition(self, date: datetime) -> RunPartition:
        return RunPartition(date.astimezone(self.trigger.cron.zone).strftime(self.key_format), date)

    def date_of(self, key: str) -> datetime:
        """The moment that a key stands for; raises ValueError for one in another format."""
        moment = datetime.strptime(key, self.key_format).replace(tzinfo=self.trigger.cron.zone)
        return moment.astimezone(UTC)
