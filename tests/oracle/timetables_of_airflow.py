"""Run by Airflow's own Python: `python timetables_of_airflow.py QUESTIONS ANSWERS`. Asks Airflow's timetables, with the
clock held, for a few runs in a row and for the data interval of a manual run."""

import json
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

RUNS: Final = 4
MODULES: Final = ("simple", "events", "interval", "trigger")

pendulum: Any = import_module("pendulum")
base: Any = import_module("airflow.timetables.base")
timezone: Any = import_module("airflow._shared.timezones.timezone")
classes: dict[str, Any] = {name: import_module(f"airflow.timetables.{name}") for name in MODULES}
relative: Any = import_module("dateutil.relativedelta")


class Clock:
    """What Airflow takes for now."""

    def __init__(self) -> None:
        self.now: Any = None
        timezone.utcnow = classes["interval"].utcnow = classes["trigger"].utcnow = lambda: self.now
        classes["trigger"].time = SimpleNamespace(time=lambda: self.now.timestamp())


def main() -> None:
    """Answer all questions."""
    clock = Clock()
    questions = json.loads(Path(sys.argv[1]).read_text())
    Path(sys.argv[2]).write_text(json.dumps([answer(question, clock) for question in questions]))


def answer(question: Mapping[str, Any], clock: Clock) -> dict[str, object]:
    """`manual`: start and end; `runs`: run_after, start, end and partition key of each, null once there is none. The
    name of what is raised stands for what cannot be said."""
    clock.now = moment(question["now"])
    timetable = timetable_of(question["kind"], question["data"])
    try:
        manual: Any = [as_text(end) for end in timetable.infer_manual_data_interval(run_after=clock.now)]
    except Exception as exc:  # whatever Airflow raises is the answer
        manual = type(exc).__name__
    return {"manual": manual, "runs": runs_of(timetable, question, clock)}


def runs_of(timetable: Any, question: Mapping[str, Any], clock: Clock) -> list[object]:
    """Each asked for `step` seconds after the one before it."""
    restriction = base.TimeRestriction(moment(question["earliest"]), moment(question["latest"]), question["catchup"])
    last: Any = None
    if question["last"] is not None:
        interval = base.DataInterval(*map(moment, question["last"]))
        last = base.DagRunInfo(run_after=interval.end, data_interval=interval)
    runs: list[object] = []
    while len(runs) < RUNS:
        try:
            last = timetable.next_dagrun_info_v2(last_dagrun_info=last, restriction=restriction)
        except Exception as exc:  # whatever Airflow raises is the answer
            return [*runs, type(exc).__name__]
        if last is None:
            return [*runs, None]
        ends = [None, None] if last.data_interval is None else [as_text(end) for end in last.data_interval]
        runs.append([as_text(last.run_after), *ends, last.partition_key])
        clock.now += timedelta(seconds=question["step"])
    return runs


def timetable_of(kind: str, data: Mapping[str, Any]) -> Any:
    """Airflow's class for one of our kinds."""
    match kind:
        case "once":
            return classes["simple"].OnceTimetable()
        case "continuous":
            return classes["simple"].ContinuousTimetable()
        case "events":
            dates = [moment(date) for date in data["dates"]]
            return classes["events"].EventsTimetable(dates, restrict_to_events=data["restrict_to_events"])
        case "delta_data_interval":
            return classes["interval"].DeltaDataIntervalTimetable(delta_of(data["delta"]))
        case "delta_trigger":
            made = classes["trigger"].DeltaTriggerTimetable
            return made(delta_of(data["delta"]), interval=delta_of(data["interval"]))
        case _:
            return cron_of(kind, data)


def cron_of(kind: str, data: Mapping[str, Any]) -> Any:
    """The kinds that have cron expressions."""
    zone = zone_of(data["timezone"])
    if kind == "cron_data_interval":
        return classes["interval"].CronDataIntervalTimetable(data["expression"], zone)
    immediately = data["run_immediately"]
    immediately = timedelta(seconds=immediately) if isinstance(immediately, float) else immediately
    options: dict[str, Any] = {"timezone": zone, "run_immediately": immediately}
    if kind == "cron_partition":
        options |= {"run_offset": data["run_offset"], "key_format": data["key_format"]}
        return classes["trigger"].CronPartitionTimetable(data["expression"], **options)
    options["interval"] = delta_of(data["interval"])
    if kind == "cron_trigger":
        return classes["trigger"].CronTriggerTimetable(data["expression"], **options)
    return classes["trigger"].MultipleCronTriggerTimetable(*data["expressions"], **options)


def moment(text: str | None) -> Any:
    """Pendulum's, as Airflow has them."""
    return None if text is None else pendulum.instance(datetime.fromisoformat(text))


def as_text(at: Any) -> str:
    """In UTC."""
    return at.astimezone(pendulum.UTC).isoformat()


def zone_of(name: str) -> Any:
    """By name, or as `+05:30`."""
    if name[0] not in "+-":
        return timezone.parse_timezone(name)
    offset = datetime.fromisoformat(f"2000-01-01T00:00{name}").utcoffset()
    assert offset is not None
    return pendulum.fixed_timezone(int(offset.total_seconds()))


def delta_of(data: Any) -> Any:
    """Seconds, or the fields of a relativedelta."""
    if isinstance(data, float):
        return timedelta(seconds=data)
    day = data.get("weekday")
    fields = {name: value for name, value in data.items() if name != "weekday"}
    return relative.relativedelta(**fields, weekday=None if day is None else relative.weekday(*day))


if __name__ == "__main__":
    main()
