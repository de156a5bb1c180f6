"""What our own timetables share: they are a spec, and `core.timetables` answers for them."""

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from tradewind.core.spec import TimetableSpec
from tradewind.sdk import timezone as tz
from tradewind.sdk.exceptions import AirflowTimetableInvalid
from tradewind.sdk.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

if TYPE_CHECKING:
    from dateutil.relativedelta import relativedelta

    from tradewind.core.timetables.values import Timetable as CoreTimetable


class BuiltInTimetable(Timetable):
    """A timetable that the scheduler computes with."""

    def spec(self) -> TimetableSpec | None:
        """The scheduler's form; None = no runs are made by time."""
        raise NotImplementedError

    def serialize(self) -> dict[str, Any]:
        """The spec's data."""
        spec = self.spec()
        return {} if spec is None else dict(spec.data)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """As the scheduler computes it, for now."""
        from tradewind.core.timetables import values

        timetable = self._core()
        if timetable is None:
            return None
        last = last_automated_data_interval
        allowed = values.TimeRestriction(
            earliest=None if restriction.earliest is None else tz.as_utc(restriction.earliest),
            latest=None if restriction.latest is None else tz.as_utc(restriction.latest),
            catchup=restriction.catchup,
        )
        interval = None if last is None else values.DataInterval(tz.as_utc(last[0]), tz.as_utc(last[1]))
        try:
            run = timetable.next_run(interval, allowed, tz.utcnow())
        except values.NoSuchMoment:
            return None
        if run is None or run.data_interval is None:
            return None
        return DagRunInfo(_pendulum(run.run_after), DataInterval(*map(_pendulum, run.data_interval)))

    def infer_manual_data_interval(self, *, run_after: datetime) -> DataInterval:
        """As the scheduler computes it; without a timetable, the moment itself."""
        timetable = self._core()
        if timetable is None:
            return DataInterval.exact(run_after)
        return DataInterval(*map(_pendulum, timetable.manual_interval(tz.as_utc(run_after))))

    def _core(self) -> "CoreTimetable | None":
        from tradewind.core.timetables.from_spec import timetable_of

        return timetable_of(self.spec())

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, BuiltInTimetable) and self.spec() == other.spec()

    def __hash__(self) -> int:
        return hash((type(self), str(self.spec())))


def zone_as_json(zone: str | tzinfo) -> str | int:
    """The zone's name, or its offset in seconds; raises AirflowTimetableInvalid naming the value."""
    name = zone if isinstance(zone, str) else getattr(zone, "key", None) or getattr(zone, "name", None)
    if name is None and isinstance(zone, tzinfo):
        offset = zone.utcoffset(None)
        name = None if offset is None else int(offset.total_seconds())
    return "UTC" if name in (0, "utc", "+00:00") else _checked_zone(name, zone)


def _checked_zone(name: str | int | None, zone: object) -> str | int:
    from tradewind.core.timetables.cron import zone_named

    try:
        if name is None:
            raise ValueError("it has no name")
        zone_named(name)
    except (ValueError, LookupError, OSError) as exc:
        raise AirflowTimetableInvalid(f"{zone!r} is not a time zone: {exc}") from exc
    return name


def delta_as_json(delta: "timedelta | relativedelta") -> float | dict[str, object]:
    """Seconds, or a relativedelta's fields."""
    if isinstance(delta, timedelta):
        return delta.total_seconds()
    from tradewind.core.timetables import deltas

    return deltas.delta_as_json(delta)


def is_delta(value: object) -> bool:
    """Whether the value is a timedelta or a relativedelta."""
    return isinstance(value, timedelta) or type(value).__name__ == "relativedelta"


def check_positive(delta: "timedelta | relativedelta") -> None:
    """Raises AirflowTimetableInvalid for a delta that does not lead forward."""
    now = tz.utcnow()
    if now + delta <= now:
        raise AirflowTimetableInvalid(f"schedule interval must be positive, not {delta!r}")


def check_cron(expression: str, presets: Mapping[str, str]) -> None:
    """Raises AirflowTimetableInvalid naming the value."""
    if expression in presets.values():
        return
    # Imported here: presets and DAGs without a schedule do without it.
    from tradewind.core.timetables import cron

    try:
        cron.check_cron(expression)
    except cron.InvalidCron as exc:
        raise AirflowTimetableInvalid(str(exc)) from exc


def _pendulum(moment: datetime) -> datetime:
    converted = tz.coerce_datetime(moment)
    assert converted is not None
    return converted
