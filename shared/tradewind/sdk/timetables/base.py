"""What an author's own timetable is made of."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, Self


class DataInterval(NamedTuple):
    """The period that a run is about; aware datetimes."""

    start: datetime
    end: datetime

    @classmethod
    def exact(cls, at: datetime) -> Self:
        """A moment."""
        return cls(start=at, end=at)


class TimeRestriction(NamedTuple):
    """What the DAG's dates allow, both ends inclusive; without catchup runs that were missed are left out."""

    earliest: datetime | None
    latest: datetime | None
    catchup: bool


class DagRunInfo(NamedTuple):
    """A run to be made."""

    run_after: datetime
    data_interval: DataInterval | None
    partition_date: datetime | None = None
    partition_key: str | None = None

    @classmethod
    def exact(cls, at: datetime) -> Self:
        """A run about a moment, due then."""
        return cls(run_after=at, data_interval=DataInterval.exact(at))

    @classmethod
    def interval(cls, start: datetime, end: datetime) -> Self:
        """A run about a period, due when that is over."""
        return cls(run_after=end, data_interval=DataInterval(start, end))

    @property
    def logical_date(self) -> datetime | None:
        """The start of the data interval."""
        return self.data_interval.start if self.data_interval else None


class Timetable:
    """Base class of all timetables. An own one overrides `next_dagrun_info` and `infer_manual_data_interval`; both are
    called in a child process, with pendulum's datetimes."""

    description: str = ""
    periodic: bool = True
    can_be_scheduled: bool = True
    """Whether runs are made without anybody asking."""
    run_ordering: Sequence[str] = ("data_interval_end", "logical_date")
    active_runs_limit: int | None = None
    """The most that a DAG's max_active_runs may be; None = no limit."""
    asset_condition: Any = None
    partitioned: bool = False
    partitioned_at_runtime: bool = False
    built_in: ClassVar[bool] = False
    """Whether the scheduler can compute with it: set on our own classes, and not inherited from them."""

    def __init_subclass__(cls, *, built_in: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.built_in = built_in

    @property
    def summary(self) -> str | None:
        """A few words for people."""
        return type(self).__name__

    @property
    def type_name(self) -> str:
        """The class's name; of an author's own, with its module."""
        kind = type(self)
        return kind.__name__ if kind.built_in else f"{kind.__module__}.{kind.__qualname__}"

    @classmethod
    def deserialize(cls, data: Mapping[str, Any]) -> "Timetable":
        """The inverse of `serialize`."""
        return cls()

    def serialize(self) -> dict[str, Any]:
        """What tells two timetables of this class apart, as JSON: when it changes, the DAG has changed."""
        return {}

    def validate(self) -> None:
        """Raise AirflowTimetableInvalid for a wrong one."""

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The next run, given what the last automated one was about; None = there is none."""
        raise NotImplementedError(f"{type(self).__name__} does not say when runs are made (next_dagrun_info)")

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """As `next_dagrun_info`, given the last automated run."""
        return self.next_dagrun_info(
            last_automated_data_interval=last_dagrun_info and last_dagrun_info.data_interval, restriction=restriction
        )

    def infer_manual_data_interval(self, *, run_after: datetime) -> DataInterval:
        """What a run is about that a person wants for this moment."""
        raise NotImplementedError(
            f"{type(self).__name__} does not say what manual runs are about (infer_manual_data_interval)"
        )

    def generate_run_id(
        self, *, run_type: Any, run_after: datetime, data_interval: DataInterval | None, **extra: Any
    ) -> str:
        """The id of a run: its type and when it is due."""
        return f"{getattr(run_type, 'value', run_type)}__{run_after.isoformat()}"

    def following_interval_end(self, start: datetime, end: datetime) -> datetime | None:
        """When the data interval ends that follows this one; None = none does."""
        restriction = TimeRestriction(earliest=None, latest=None, catchup=True)
        info = self.next_dagrun_info(last_automated_data_interval=DataInterval(start, end), restriction=restriction)
        return info.data_interval.end if info is not None and info.data_interval is not None else None
