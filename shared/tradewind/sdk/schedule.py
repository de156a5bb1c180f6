"""What the author wrote as `schedule`, as far as it can be shown: summary, description, whether it can be used."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from tradewind.sdk.exceptions import AirflowTimetableInvalid

CRON_PRESETS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}
BY_HAND: Final = "Never, external triggers only"


@dataclass(frozen=True, slots=True)
class Timetable:
    """A schedule in words."""

    summary: str | None
    """Cron expression, `@once`, `@continuous` or an interval; None = only by hand."""
    description: str
    active_runs_limit: int | None = None
    interval: timedelta | None = None

    def following_interval_end(self, start: datetime, end: datetime) -> datetime | None:
        """When the run after that of this data interval is due; None = there is none."""
        if self.interval is not None:
            return end + (end - start)
        if self.summary is None or self.summary.startswith(("@", "Asset", "Partitioned Asset")):
            return None
        from croniter import croniter

        return croniter(self.summary, end).get_next(datetime)


def timetable_of(schedule: Any) -> Timetable:
    """The timetable of a `schedule` argument; raises AirflowTimetableInvalid naming the value."""
    match schedule:
        case None:
            return Timetable(None, BY_HAND)
        case "@once":
            return Timetable("@once", "Once, as soon as possible")
        case "@continuous":
            return Timetable("@continuous", "As frequently as possible, but only one run at a time", 1)
        case timedelta():
            return _interval(schedule)
        case str():
            return _cron(schedule)
        case _:
            return _of_assets(schedule)


def _of_assets(schedule: Any) -> Timetable:
    # Imported here: most DAGs do not wait for assets.
    from tradewind.sdk.assets.timetables import AssetOrTimeSchedule, PartitionedAtRuntime, asset_schedule_of

    if isinstance(schedule, PartitionedAtRuntime):
        return Timetable(None, schedule.description)
    by_assets = asset_schedule_of(schedule)
    if by_assets is None:
        raise AirflowTimetableInvalid(
            f"{schedule!r} is not a valid schedule: expected None, a cron expression or preset, a timedelta, or assets"
        )
    if not isinstance(by_assets, AssetOrTimeSchedule):
        return Timetable(by_assets.summary, by_assets.description)
    by_time = timetable_of(by_assets.timetable)
    words = f"Triggered by assets or {by_time.description}"
    return replace(by_time, summary=f"Asset or {by_time.summary}", description=words)


def _interval(interval: timedelta) -> Timetable:
    if interval <= timedelta(0):
        raise AirflowTimetableInvalid(f"schedule interval must be positive, not {interval!r}")
    return Timetable(str(interval), "", interval=interval)


def _cron(expression: str) -> Timetable:
    resolved = CRON_PRESETS.get(expression, expression)
    if resolved is expression:
        # Imported here: presets and DAGs without a schedule do without it.
        from croniter import croniter

        if not croniter.is_valid(expression):
            raise AirflowTimetableInvalid(f"{expression!r} is not a valid cron expression or preset")
    return Timetable(resolved, "")
