"""From a DAG's spec to its timetable."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, cast

from tradewind.core.spec import DagSpec, TimetableSpec
from tradewind.core.timetables.cron import Cron, zone_named
from tradewind.core.timetables.deltas import delta_from_json
from tradewind.core.timetables.intervals import CronDataInterval, DeltaDataInterval
from tradewind.core.timetables.partitions import CronPartition
from tradewind.core.timetables.simple import Continuous, Events, Once
from tradewind.core.timetables.triggers import CronTrigger, DeltaTrigger, MultipleCronTrigger
from tradewind.core.timetables.values import DataInterval, NextRun, NoSuchMoment, TimeRestriction, Timetable

Data = Mapping[str, object]
CUSTOM: Final = "custom"
ASSET_OR_TIME: Final = "asset_or_time"


def timetable_of(spec: TimetableSpec | None) -> Timetable | None:
    """None for a DAG that makes no runs by time, and for one whose author's own class must be asked (`is_custom`)."""
    spec = _by_time(spec)
    make = None if spec is None else _KINDS.get(spec.kind)
    return None if spec is None or make is None else make(spec.data)


def partitions_of(spec: TimetableSpec | None) -> CronPartition | None:
    """The timetable, if its runs are about partitions."""
    timetable = timetable_of(spec)
    return timetable if isinstance(timetable, CronPartition) else None


def is_custom(spec: TimetableSpec | None) -> bool:
    """Whether the author's own class says when runs are made."""
    spec = _by_time(spec)
    return spec is not None and spec.kind == CUSTOM


def restriction_of(spec: DagSpec) -> TimeRestriction:
    """What the dates of the DAG and of its tasks allow: from the earliest start, and, where no task is without an end,
    to the latest end."""
    starts = [date for date in (spec.start_date, *(task.start_date for task in spec.tasks)) if date is not None]
    task_ends = [task.end_date for task in spec.tasks]
    ends = [date for date in (spec.end_date, *task_ends) if date is not None]
    return TimeRestriction(
        earliest=min(starts, default=None),
        latest=spec.end_date if None in task_ends else max(ends, default=None),
        catchup=spec.catchup,
    )


def next_run_of(spec: DagSpec, last: DataInterval | None, now: datetime) -> NextRun | None:
    """The DAG's next run by time; None also for a custom timetable, for a schedule that never comes, and for a DAG that
    allows no runs by time."""
    timetable = timetable_of(spec.timetable)
    if timetable is None or not spec.allows("scheduled"):
        return None
    try:
        return timetable.next_run(last, restriction_of(spec), now)
    except NoSuchMoment:
        return None


def manual_interval_of(spec: DagSpec, run_after: datetime) -> DataInterval:
    """What a run is about that a person wants for this moment; without a timetable, that moment."""
    timetable = timetable_of(spec.timetable)
    if timetable is not None:
        try:
            return timetable.manual_interval(run_after)
        except NoSuchMoment:
            pass
    return DataInterval(run_after, run_after)


def _by_time(spec: TimetableSpec | None) -> TimetableSpec | None:
    """The part of an `AssetOrTimeSchedule` that goes by time."""
    if spec is None or spec.kind != ASSET_OR_TIME:
        return spec
    inner = cast("Data", spec.data["timetable"])
    return TimetableSpec(kind=str(inner["kind"]), data=dict(cast("Data", inner["data"])))


def _cron(data: Data) -> Cron:
    return Cron(str(data["expression"]), zone_named(cast("str | int", data["timezone"])))


def _cron_trigger(data: Data, expression: object) -> CronTrigger:
    immediately = data.get("run_immediately", False)
    return CronTrigger(
        _cron({**data, "expression": expression}),
        delta_from_json(data.get("interval", 0)),
        immediately if immediately is None or isinstance(immediately, bool) else _seconds(immediately),
    )


def _seconds(value: object) -> timedelta:
    return timedelta(seconds=cast("float", value))


def _cron_partition(data: Data) -> Timetable:
    trigger = _cron_trigger(data, data["expression"])
    return CronPartition(trigger, cast("int", data.get("run_offset", 0)), str(data["key_format"]))


def _multiple(data: Data) -> Timetable:
    expressions = cast("list[str]", data["expressions"])
    return MultipleCronTrigger(tuple(_cron_trigger(data, expression) for expression in expressions))


def _events(data: Data) -> Timetable:
    dates = cast("list[str]", data["dates"])
    return Events(tuple(map(datetime.fromisoformat, dates)), bool(data.get("restrict_to_events", False)))


def _delta_trigger(data: Data) -> Timetable:
    return DeltaTrigger(delta_from_json(data["delta"]), delta_from_json(data.get("interval", 0)))


_KINDS: Final[Mapping[str, Callable[[Data], Timetable]]] = {
    "cron_trigger": lambda data: _cron_trigger(data, data["expression"]),
    "cron_data_interval": lambda data: CronDataInterval(_cron(data)),
    "cron_partition": _cron_partition,
    "multiple_cron_trigger": _multiple,
    "delta_trigger": _delta_trigger,
    "delta_data_interval": lambda data: DeltaDataInterval(delta_from_json(data["delta"])),
    "events": _events,
    "once": lambda _data: Once(),
    "continuous": lambda _data: Continuous(),
}
