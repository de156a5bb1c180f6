"""Timetables as authors write them, and what the scheduler gets."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pendulum
import pytest
from dateutil.relativedelta import relativedelta

from tradewind.core.spec import TimetableSpec
from tradewind.sdk import (
    DAG,
    Asset,
    AssetOrTimeSchedule,
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    DeltaDataIntervalTimetable,
    DeltaTriggerTimetable,
    EventsTimetable,
    MultipleCronTriggerTimetable,
    aliases,
)
from tradewind.sdk.dag_file import DagFileError, load_dag_file
from tradewind.sdk.exceptions import AirflowTimetableInvalid
from tradewind.sdk.serialize import DagSpecError, serialize_dag
from tradewind.sdk.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

DAY = timedelta(days=1)


def spec_of(schedule: object, **arguments: Any) -> TimetableSpec | None:
    return serialize_dag(DAG("d", schedule=schedule, **arguments), "d.py").timetable


class EveryOtherDay(Timetable):
    """An author's own."""

    def __init__(self, offset: int = 0) -> None:
        self.offset = offset

    def serialize(self) -> dict[str, Any]:
        return {"offset": self.offset}

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        assert last_automated_data_interval is not None
        return DagRunInfo.interval(last_automated_data_interval.end, last_automated_data_interval.end + 2 * DAY)


class Nightly(CronTriggerTimetable):
    """Made from one of ours."""

    def __init__(self) -> None:
        super().__init__("0 3 * * *", "Europe/Berlin")


@pytest.mark.parametrize(
    ("schedule", "kind", "data"),
    [
        ("@once", "once", {}),
        (
            "@daily",
            "cron_trigger",
            {"expression": "0 0 * * *", "timezone": "UTC", "interval": 0, "run_immediately": False},
        ),
        (DAY, "delta_trigger", {"delta": 86_400.0, "interval": 0}),
        (relativedelta(months=1), "delta_trigger", {"delta": {"months": 1}, "interval": 0}),
        (
            CronDataIntervalTimetable("@hourly", "UTC"),
            "cron_data_interval",
            {"expression": "0 * * * *", "timezone": "UTC"},
        ),
        (DeltaDataIntervalTimetable(DAY), "delta_data_interval", {"delta": 86_400.0}),
        (DeltaTriggerTimetable(DAY, interval=DAY), "delta_trigger", {"delta": 86_400.0, "interval": 86_400.0}),
        (
            CronTriggerTimetable("0 9 * * 1", timezone="Asia/Tokyo", interval=DAY, run_immediately=timedelta(hours=1)),
            "cron_trigger",
            {"expression": "0 9 * * 1", "timezone": "Asia/Tokyo", "interval": 86_400.0, "run_immediately": 3600.0},
        ),
        (
            MultipleCronTriggerTimetable("0 9 * * *", "@weekly", timezone=pendulum.timezone("Europe/Paris")),
            "multiple_cron_trigger",
            {
                "expressions": ["0 9 * * *", "0 0 * * 0"],
                "timezone": "Europe/Paris",
                "interval": 0,
                "run_immediately": False,
            },
        ),
        (
            EventsTimetable([pendulum.datetime(2024, 2, 2, tz="Europe/Paris"), datetime(2024, 1, 1, tzinfo=UTC)]),
            "events",
            {"dates": ["2024-01-01T00:00:00+00:00", "2024-02-01T23:00:00+00:00"], "restrict_to_events": False},
        ),
    ],
)
def test_schedules_become_specs(schedule: object, kind: str, data: dict[str, object]) -> None:
    assert spec_of(schedule) == TimetableSpec(kind=kind, data=data)


def test_no_schedule_is_no_spec() -> None:
    assert spec_of(None) is None
    assert spec_of([Asset("a")]) is None


def test_a_cron_expression_is_of_the_start_dates_zone() -> None:
    spec = spec_of("0 3 * * *", start_date=pendulum.datetime(2024, 1, 1, tz="America/New_York"))
    assert spec is not None
    assert spec.data["timezone"] == "America/New_York"


def test_settings_bring_data_intervals_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWIND__SCHEDULER__CREATE_CRON_DATA_INTERVALS", "true")
    for schedule, kind in (("@daily", "cron_data_interval"), (DAY, "delta_data_interval")):
        spec = spec_of(schedule)
        assert spec is not None
        assert spec.kind == kind


def test_assets_or_time() -> None:
    spec = spec_of(AssetOrTimeSchedule(timetable=CronTriggerTimetable("@daily", timezone="UTC"), assets=[Asset("a")]))
    inner = spec_of("@daily")
    assert inner is not None
    assert spec == TimetableSpec(kind="asset_or_time", data={"timetable": {"kind": inner.kind, "data": inner.data}})


@pytest.mark.parametrize(
    ("schedule", "class_name", "data"),
    [(EveryOtherDay(3), "EveryOtherDay", {"offset": 3}), (Nightly(), "Nightly", None)],
)
def test_an_authors_own_is_custom(schedule: Timetable, class_name: str, data: object) -> None:
    spec = spec_of(schedule)
    assert spec is not None
    assert spec.kind == "custom"
    assert str(spec.data["class"]).endswith(f".{class_name}")
    assert data is None or spec.data["data"] == data


def test_an_authors_own_must_be_storable() -> None:
    with pytest.raises(DagSpecError, match=r"d\.py: DAG 'd': schedule: timetable .*EveryOtherDay: .*no JSON"):
        spec_of(EveryOtherDay(object()))  # pyright: ignore[reportArgumentType] - the point


@pytest.mark.parametrize(
    ("schedule", "named"),
    [
        ("61 * * * *", "'61 \\* \\* \\* \\*' is not a valid cron expression"),
        (CronTriggerTimetable("every day", timezone="UTC"), "'every day'"),
        (MultipleCronTriggerTimetable("@daily", "bad", timezone="UTC"), "'bad'"),
        (CronTriggerTimetable("@daily", timezone="Mars/Olympus"), "'Mars/Olympus' is not a time zone"),
        (timedelta(seconds=-1), "schedule interval must be positive"),
        (relativedelta(months=-1), "schedule interval must be positive"),
        (5, "5 is not a valid schedule"),
    ],
)
def test_a_wrong_schedule_names_dag_and_value(schedule: object, named: str) -> None:
    with pytest.raises(AirflowTimetableInvalid, match=f"DAG 'd': schedule: .*{named}"):
        DAG("d", schedule=schedule)


def test_ours_answer_authors_who_build_on_them() -> None:
    timetable = CronDataIntervalTimetable("@daily", "UTC")
    last = DataInterval(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC))
    info = timetable.next_dagrun_info(
        last_automated_data_interval=last, restriction=TimeRestriction(earliest=None, latest=None, catchup=True)
    )
    assert info == DagRunInfo.interval(pendulum.datetime(2024, 1, 2), pendulum.datetime(2024, 1, 3))
    assert info is not None
    assert isinstance(info.run_after, pendulum.DateTime)
    manual = timetable.infer_manual_data_interval(run_after=datetime(2024, 1, 2, 5, tzinfo=UTC))
    assert manual == last
    assert info.logical_date == last.end


def test_the_interval_after_one() -> None:
    start, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)
    assert DAG("d", schedule="@daily").timetable.following_interval_end(start, end) == datetime(2024, 1, 3, tzinfo=UTC)
    assert DAG("d", schedule=EveryOtherDay()).timetable.following_interval_end(start, end) == end + 2 * DAY
    assert DAG("d").timetable.following_interval_end(start, end) is None


def test_words_for_people() -> None:
    dates = [datetime(2024, 1, day, tzinfo=UTC) for day in (2, 1)]
    assert EventsTimetable(dates).summary == "2 events"
    expected = "2 events between 2024-01-01T00:00:00+00:00 and 2024-01-02T00:00:00+00:00"
    assert EventsTimetable(dates).description == expected
    assert EventsTimetable([], description="Matches").summary == "Matches"
    assert MultipleCronTriggerTimetable("@daily", "1 * * * *", timezone="UTC").summary == "0 0 * * *, 1 * * * *"
    assert EveryOtherDay().summary == "EveryOtherDay"
    with pytest.raises(ValueError, match="at least one"):
        MultipleCronTriggerTimetable(timezone="UTC")


def test_what_an_author_has_not_written_is_said() -> None:
    with pytest.raises(NotImplementedError, match="EveryOtherDay"):
        EveryOtherDay().infer_manual_data_interval(run_after=datetime(2024, 1, 1, tzinfo=UTC))


def test_a_wrong_cron_is_an_import_error_with_file_dag_and_value(tmp_path: Path) -> None:
    file = tmp_path / "nightly.py"
    file.write_text("from airflow.sdk import DAG\nwith DAG('nightly', schedule='61 * * * *'):\n    pass\n")
    try:
        with pytest.raises(DagFileError) as caught:
            load_dag_file(file, tmp_path)
    finally:
        aliases.uninstall()
    for part in (str(file), "DAG 'nightly': schedule: '61 * * * *' is not a valid cron expression"):
        assert part in str(caught.value)


def test_a_timetable_of_a_dag_file_is_named_without_the_place_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(
        "from airflow.sdk import DAG\n"
        "from airflow.timetables.base import Timetable\n"
        "class Own(Timetable):\n    pass\n"
        "with DAG('own', schedule=Own()):\n    pass\n"
    )
    try:
        dag = load_dag_file(file, tmp_path).dags["own"]
        assert serialize_dag(dag, "own.py").timetable == TimetableSpec(
            kind="custom", data={"class": "own.Own", "data": {}}
        )
    finally:
        aliases.uninstall()
