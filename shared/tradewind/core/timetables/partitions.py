"""Timetables whose runs are about partitions: no data interval, a partition key."""

from dataclasses import dataclass
from datetime import UTC, datetime

from tradewind.core.timetables.triggers import CronTrigger
from tradewind.core.timetables.values import DataInterval, NextRun, TimeRestriction


@dataclass(frozen=True, slots=True)
class RunPartition:
    """What a run is about: the key of the partition, and the moment that it stands for."""

    key: str
    date: datetime


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
        return RunPartition(date.astimezone(self.trigger.cron.zone).strftime(self.key_format), date)

    def date_of(self, key: str) -> datetime:
        """The moment that a key stands for; raises ValueError for one in another format."""
        moment = datetime.strptime(key, self.key_format).replace(tzinfo=self.trigger.cron.zone)
        return moment.astimezone(UTC)
