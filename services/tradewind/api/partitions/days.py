"""Days of partitions as moments: in the time zone of the DAG's timetable."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tradewind.core.spec import DagSpec


def partition_zone(spec: DagSpec) -> ZoneInfo:
    """UTC for a DAG whose timetable knows no zone."""
    known = {} if spec.timetable is None else spec.timetable.data
    return ZoneInfo(str(known.get("timezone", "UTC")))


def beginning_of(day: date, zone: ZoneInfo) -> datetime:
    """The day's first moment."""
    return datetime.combine(day, time.min, zone)


def end_of(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of the day after; raises `OverflowError` for the last day that there is."""
    return beginning_of(day + timedelta(days=1), zone)
