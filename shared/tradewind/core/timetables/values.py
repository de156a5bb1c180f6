"""What goes into a timetable and what comes out."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol


class DataInterval(NamedTuple):
    """The period that a run is about, in UTC; its start is the run's logical date."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRestriction:
    """What a DAG allows; both ends are inclusive."""

    earliest: datetime | None
    latest: datetime | None
    catchup: bool
    """False = runs that were missed are left out."""


@dataclass(frozen=True, slots=True)
class RunPartition:
    """What a run is about: the key of the partition, and the moment that it stands for."""

    key: str
    date: datetime


@dataclass(frozen=True, slots=True)
class NextRun:
    """A run to be made, not before `run_after`."""

    run_after: datetime
    data_interval: DataInterval | None
    partition: RunPartition | None = None
    """Set on runs for the past of a schedule that is about partitions."""

    @property
    def logical_date(self) -> datetime | None:
        """The start of the data interval."""
        return None if self.data_interval is None else self.data_interval.start

    @classmethod
    def of_interval(cls, start: datetime, end: datetime) -> "NextRun":
        """A run due when its interval is over."""
        return cls(end, DataInterval(start, end))

    @classmethod
    def exactly(cls, at: datetime) -> "NextRun":
        """A run about a moment."""
        return cls.of_interval(at, at)


class NoSuchMoment(Exception):
    """The schedule has no moment in that direction: `0 0 30 2 *`."""


class Timetable(Protocol):
    """How runs are made by time. Both methods may raise `NoSuchMoment`."""

    def next_run(self, last: DataInterval | None, restriction: TimeRestriction, now: datetime) -> NextRun | None:
        """The run after that of `last`; None = there is none (ask again when something has changed)."""
        ...

    def manual_interval(self, run_after: datetime) -> DataInterval:
        """What a run is about that a person wants for this moment."""
        ...
