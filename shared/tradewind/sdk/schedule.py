"""From a DAG's `schedule` argument to its timetable."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from tradewind.core.spec import TimetableSpec
from tradewind.sdk.configuration import conf
from tradewind.sdk.exceptions import AirflowTimetableInvalid
from tradewind.sdk.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
from tradewind.sdk.timetables.built_in import is_delta
from tradewind.sdk.timetables.interval import CronDataIntervalTimetable, DeltaDataIntervalTimetable
from tradewind.sdk.timetables.simple import ContinuousTimetable, NullTimetable, OnceTimetable
from tradewind.sdk.timetables.specs import timetable_spec
from tradewind.sdk.timetables.trigger import CronTriggerTimetable, DeltaTriggerTimetable

if TYPE_CHECKING:
    from tradewind.sdk.assets.timetables import AssetTriggeredTimetable, PartitionedAtRuntime


class AssetSchedule(Timetable):
    """What a DAG waits for in words; when runs are made by time as well, that is asked of `by_time`."""

    def __init__(
        self, schedule: "AssetTriggeredTimetable | PartitionedAtRuntime", by_time: Timetable | None = None
    ) -> None:
        self.schedule, self.by_time = schedule, by_time
        self.description = schedule.description
        if by_time is not None:
            self.description = f"Triggered by assets or {by_time.description}"
        self.active_runs_limit = None if by_time is None else by_time.active_runs_limit
        self.can_be_scheduled = schedule.can_be_scheduled
        self.partitioned = schedule.partitioned
        self.periodic = by_time is not None and by_time.periodic

    @property
    def type_name(self) -> str:
        """The class that the author wrote, or that stands for assets alone."""
        return type(self.schedule).__name__

    @property
    def waits_for_assets(self) -> bool:
        """Whether assets make runs."""
        return self.schedule.asset_condition is not None

    @property
    def summary(self) -> str | None:
        """`Asset`, and the summary of the other."""
        return self.schedule.summary if self.by_time is None else f"Asset or {self.by_time.summary}"

    def spec(self) -> TimetableSpec | None:
        """`asset_or_time`; None without a part that goes by time."""
        inner = None if self.by_time is None else timetable_spec(self.by_time)
        if inner is None:
            return None
        return TimetableSpec(kind="asset_or_time", data={"timetable": {"kind": inner.kind, "data": inner.data}})

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The next run by time."""
        if self.by_time is None:
            return None
        return self.by_time.next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=restriction
        )

    def infer_manual_data_interval(self, *, run_after: datetime) -> DataInterval:
        """As by time, or the moment itself."""
        if self.by_time is None:
            return DataInterval.exact(run_after)
        return self.by_time.infer_manual_data_interval(run_after=run_after)


def timetable_of(schedule: Any, timezone: tzinfo = UTC) -> Timetable:
    """The timetable of a `schedule` argument, checked; `timezone` is that of cron expressions. Raises
    AirflowTimetableInvalid naming the value."""
    timetable = schedule if isinstance(schedule, Timetable) else _made_of(schedule, timezone)
    timetable.validate()
    return timetable


def schedule_spec(timetable: Timetable) -> TimetableSpec | None:
    """The scheduler's form of a DAG's timetable; None = no runs are made by time. Raises ValueError for an author's
    own that cannot be stored."""
    return timetable.spec() if isinstance(timetable, AssetSchedule) else timetable_spec(timetable)


def _made_of(schedule: Any, timezone: tzinfo) -> Timetable:
    simple: dict[str, Callable[[], Timetable]] = {"@once": OnceTimetable, "@continuous": ContinuousTimetable}
    if schedule is None:
        return NullTimetable()
    if isinstance(schedule, str):
        return simple[schedule]() if schedule in simple else _cron(schedule, timezone)
    return _delta(schedule) if is_delta(schedule) else _of_assets(schedule)


def _cron(expression: str, timezone: tzinfo) -> Timetable:
    kind = CronDataIntervalTimetable if _makes_intervals("create_cron_data_intervals") else CronTriggerTimetable
    return kind(expression, timezone)


def _delta(delta: timedelta) -> Timetable:
    makes_intervals = _makes_intervals("create_cron_data_intervals") or _makes_intervals("create_delta_data_intervals")
    return DeltaDataIntervalTimetable(delta) if makes_intervals else DeltaTriggerTimetable(delta)


def _makes_intervals(setting: str) -> bool:
    return conf.getboolean("scheduler", setting, fallback=False)


def _of_assets(schedule: Any) -> Timetable:
    # Imported here: most DAGs do not wait for assets.
    from tradewind.sdk.assets.timetables import AssetOrTimeSchedule, PartitionedAtRuntime, asset_schedule_of

    if isinstance(schedule, PartitionedAtRuntime):
        return AssetSchedule(schedule)
    by_assets = asset_schedule_of(schedule)
    if by_assets is None:
        raise AirflowTimetableInvalid(
            f"{schedule!r} is not a valid schedule: expected None, a cron expression or preset, a timedelta or"
            " relativedelta, a timetable, or assets"
        )
    is_or_time = isinstance(by_assets, AssetOrTimeSchedule)
    return AssetSchedule(by_assets, timetable_of(by_assets.timetable) if is_or_time else None)
