"""The DAG object."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pendulum
import pytest

from tradewind.sdk import DAG, Asset, AssetOrTimeSchedule, Param, PartitionedAtRuntime
from tradewind.sdk.exceptions import AirflowException, AirflowTimetableInvalid, DuplicateTaskIdFound, TaskNotFound
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.operators.python import PythonOperator
from tradewind.sdk.timetables.trigger import CronTriggerTimetable, MultipleCronTriggerTimetable
from tradewind.sdk.types import DagRunType

ASSET_OR_ONE: Final = "Triggered by assets or At 01:00"


def test_unknown_argument_is_named() -> None:
    with pytest.raises(TypeError, match="concurrency"):
        DAG("d", concurrency=3)  # pyright: ignore[reportCallIssue] - the point


@pytest.mark.parametrize("dag_id", ["", "a b", "ä/b", "x" * 251])
def test_bad_id_is_refused(dag_id: str) -> None:
    with pytest.raises(ValueError, match="dag_id"):
        DAG(dag_id)


def test_id_must_be_text() -> None:
    with pytest.raises(TypeError, match="dag_id"):
        DAG(5)  # pyright: ignore[reportArgumentType] - the point


def test_defaults_are_airflows() -> None:
    dag = DAG("d")
    assert (dag.max_active_tasks, dag.max_active_runs, dag.catchup) == (16, 16, False)
    assert dag.timetable.summary is None
    assert dag.timetable.description == "Never, external triggers only"
    assert dag.is_paused_upon_creation is None


@pytest.mark.parametrize(
    ("schedule", "summary"),
    [
        ("@daily", "0 0 * * *"),
        ("5 4 * * 1", "5 4 * * 1"),
        ("@once", "@once"),
        (timedelta(days=1), "1 day, 0:00:00"),
    ],
)
def test_schedule_is_summarised(schedule: object, summary: str) -> None:
    assert DAG("d", schedule=schedule).timetable.summary == summary


@pytest.mark.parametrize("schedule", ["every day", "@sometimes", 5, timedelta(0), "* * *"])
def test_unusable_schedule_is_named(schedule: object) -> None:
    with pytest.raises(AirflowTimetableInvalid):
        DAG("d", schedule=schedule)


def test_continuous_allows_one_run_at_a_time() -> None:
    assert DAG("d", schedule="@continuous", max_active_runs=1).timetable.summary == "@continuous"
    with pytest.raises(ValueError, match="max_active_runs <= 1"):
        DAG("d", schedule="@continuous")


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("@daily", "At 00:00"),
        ("30 2 * * 1-5", "At 02:30, Monday through Friday"),
        ("0 0 1 * 1", "At 00:00, on day 1 of the month (or) At 00:00, only on Monday"),
        ("0 0 * * * 30", ""),
        (MultipleCronTriggerTimetable("0 1 * * *", "0 2 * * *", timezone="UTC"), "At 01:00, At 02:00"),
        (AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 1 * * *"), assets=[Asset("a")]), ASSET_OR_ONE),
    ],
)
def test_a_cron_is_told_in_words(schedule: object, words: str) -> None:
    assert DAG("d", schedule=schedule).timetable.description == words


@pytest.mark.parametrize(
    ("schedule", "needed", "other"),
    [
        (None, "manual", "scheduled"),
        ("@daily", "scheduled", "manual"),
        ([Asset("a")], "asset_triggered", "scheduled"),
        (PartitionedAtRuntime(), "manual", "asset_triggered"),
    ],
)
def test_what_the_schedule_makes_must_be_among_the_allowed_run_types(schedule: Any, needed: str, other: str) -> None:
    allowed = DAG("d", schedule=schedule, allowed_run_types=[needed, "backfill"]).allowed_run_types
    assert allowed == {DagRunType(needed), DagRunType.BACKFILL}
    with pytest.raises(ValueError, match=f"DAG 'd': allowed_run_types must include {needed.upper()}"):
        DAG("d", schedule=schedule, allowed_run_types=[other])
    with pytest.raises(ValueError, match="'nightly' is not a valid DagRunType"):
        DAG("d", schedule=schedule, allowed_run_types=["nightly"])


@pytest.mark.parametrize(
    ("schedule", "kind", "periodic"),
    [
        (None, "NullTimetable", False),
        ("@once", "OnceTimetable", False),
        ("@daily", "CronTriggerTimetable", True),
        (timedelta(days=1), "DeltaTriggerTimetable", True),
        ([Asset("a")], "AssetTriggeredTimetable", False),
        (
            AssetOrTimeSchedule(timetable=CronTriggerTimetable("@daily"), assets=[Asset("a")]),
            "AssetOrTimeSchedule",
            True,
        ),
        (PartitionedAtRuntime(), "PartitionedAtRuntime", False),
    ],
)
def test_the_timetables_class_and_whether_it_has_a_period(schedule: Any, kind: str, periodic: bool) -> None:
    timetable = DAG("d", schedule=schedule).timetable
    assert (timetable.type_name, timetable.periodic) == (kind, periodic)


def test_dates_become_utc_and_keep_the_zone() -> None:
    dag = DAG("d", start_date=pendulum.datetime(2021, 6, 1, tz="Europe/Paris"))
    assert dag.start_date == datetime(2021, 5, 31, 22, tzinfo=UTC)
    assert isinstance(dag.start_date, pendulum.DateTime)
    assert getattr(dag.timezone, "name", "") == "Europe/Paris"


def test_naive_date_is_utc() -> None:
    assert DAG("d", start_date=datetime(2021, 1, 1)).start_date == datetime(2021, 1, 1, tzinfo=UTC)  # noqa: DTZ001


def test_start_date_comes_from_default_args_too() -> None:
    dag = DAG("d", default_args={"start_date": "2021-01-01", "retries": 1})
    assert dag.start_date == datetime(2021, 1, 1, tzinfo=UTC)
    with dag:
        task = EmptyOperator(task_id="t")
    assert (task.start_date, task.retries) == (dag.start_date, 1)


def test_task_takes_the_later_start_date() -> None:
    with DAG("d", start_date=datetime(2021, 1, 1, tzinfo=UTC)):
        early = EmptyOperator(task_id="early", start_date=datetime(2020, 1, 1, tzinfo=UTC))
        late = EmptyOperator(task_id="late", start_date=datetime(2022, 1, 1, tzinfo=UTC))
    assert early.start_date == datetime(2021, 1, 1, tzinfo=UTC)
    assert late.start_date == datetime(2022, 1, 1, tzinfo=UTC)


def test_catchup_needs_a_start_date() -> None:
    with pytest.raises(ValueError, match="start_date is required"):
        DAG("d", schedule="@daily", catchup=True)


def test_scheduled_dag_needs_valid_params() -> None:
    with pytest.raises(ValueError, match="not allowed to define a schedule"):
        DAG("d", schedule="@daily", params={"n": Param(type="integer")})
    assert DAG("d", schedule=None, params={"n": Param(type="integer")}).params.get_param("n").schema


def test_wrong_types_are_named() -> None:
    with pytest.raises(TypeError, match="max_active_tasks"):
        DAG("d", max_active_tasks="5")  # pyright: ignore[reportArgumentType] - the point
    with pytest.raises(TypeError, match="dagrun_timeout"):
        DAG("d", dagrun_timeout=5)  # pyright: ignore[reportArgumentType] - the point


def test_long_tag_is_refused() -> None:
    with pytest.raises(AirflowException, match="longer than"):
        DAG("d", tags=["x" * 101])


def test_task_id_is_used_once() -> None:
    with DAG("d"):
        EmptyOperator(task_id="a")
        with pytest.raises(DuplicateTaskIdFound, match=r"'a'.*already"):
            EmptyOperator(task_id="a")


def test_unknown_task_is_named() -> None:
    with pytest.raises(TaskNotFound, match=r"Task x not found in DAG d"):
        DAG("d").get_task("x")


def test_tasks_know_their_dag() -> None:
    dag = DAG("d")
    task = EmptyOperator(task_id="a", dag=dag)
    late = EmptyOperator(task_id="b")
    late.dag = dag
    assert task.dag is late.dag is dag
    assert dag.task_ids == ["a", "b"]
    assert dag.roots == dag.leaves == [task, late]
    with pytest.raises(ValueError, match="can not be changed"):
        late.dag = DAG("other")


def test_operator_outside_of_a_dag_says_so() -> None:
    task = EmptyOperator(task_id="a")
    with pytest.raises(RuntimeError, match="not been assigned"):
        _ = task.dag


def test_nested_with_blocks_restore_the_outer_dag() -> None:
    with DAG("outer") as outer:
        with DAG("inner") as inner:
            EmptyOperator(task_id="i")
        EmptyOperator(task_id="o")
    assert (outer.task_ids, inner.task_ids) == (["o"], ["i"])


def test_default_args_reach_arguments_of_every_class() -> None:
    class Custom(PythonOperator):
        def __init__(self, *, extra: str, **kwargs: object) -> None:
            super().__init__(retries=7, python_callable=print, **kwargs)  # pyright: ignore[reportArgumentType]
            self.extra = extra

    with DAG("d", default_args={"retries": 2, "extra": "from defaults", "owner": "me"}):
        task = Custom(task_id="t")  # pyright: ignore[reportCallIssue] - filled in
        plain = EmptyOperator(task_id="p", owner="you")
    assert (task.extra, task.retries, task.owner) == ("from defaults", 7, "me")
    assert (plain.retries, plain.owner) == (2, "you")


def test_file_of_the_dag_is_the_callers() -> None:
    assert DAG("d").fileloc == __file__


@pytest.mark.parametrize("link", ["nowhere", "https:", "mailto:", ""])
def test_owner_links_are_addresses(link: str) -> None:
    good = {"ann": "https://example.com/ann", "bob": "mailto:bob@example.com"}
    assert DAG("d", owner_links=good).owner_links == good
    with pytest.raises(ValueError, match=f"DAG 'd': owner_links: the link of 'eve' is no address: '{link}'"):
        DAG("d", owner_links={**good, "eve": link})
