"""Runs made by time, through all services: DAG files as authors write them, unpaused and left alone."""

import time
from collections.abc import Generator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import ApiClient, wait_until
from tests.servers.stack import standalone_stack

SECOND = timedelta(seconds=1)
FILE = """
from datetime import datetime, timedelta, timezone
from pathlib import Path
from airflow.sdk import DAG, CronDataIntervalTimetable, task
from airflow.timetables.trigger import CronTriggerTimetable

now = datetime.now(timezone.utc)
HOUR = now.replace(minute=0, second=0, microsecond=0)

@task
def dates(dag_run=None, data_interval_start=None, data_interval_end=None, logical_date=None):
    return [str(dag_run.run_type), *(str(each) for each in (logical_date, data_interval_start, data_interval_end))]

def make(dag_id, schedule, **arguments):
    with DAG(dag_id, schedule=schedule, is_paused_upon_creation=False, **arguments):
        dates()

make("every_second", CronTriggerTimetable("* * * * * *", timezone="UTC"), start_date=datetime(2024, 1, 1))
make("each_second", timedelta(seconds=1), start_date=datetime(2024, 1, 1))
make("once", "@once", start_date=datetime(2024, 1, 1))
make("continuous", "@continuous", start_date=datetime(2024, 1, 1), max_active_runs=1)
make("caught_up", CronDataIntervalTimetable("@hourly", "UTC"), start_date=datetime(2024, 1, 1),
     end_date=datetime(2024, 1, 1, 5), catchup=True, max_active_runs=2)
make("latest", "@yearly", start_date=datetime(2024, 1, 1))
make("ended", "@hourly", start_date=datetime(2024, 1, 1), end_date=datetime(2024, 1, 2))
with DAG("slow", dagrun_timeout=timedelta(seconds=4), is_paused_upon_creation=False):
    @task
    def sleep(file):
        import time
        for _ in range(600):
            Path(file).write_text(str(time.time()))
            time.sleep(0.1)
    @task
    def after(): pass
    sleep(FILE) >> after()
make("by_hand", None)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("schedules")


@pytest.fixture(scope="module")
def beats(folder: Path) -> Path:
    """Written by the slow task as long as it lives."""
    return folder / "beats"


@pytest.fixture(scope="module")
def api(folder: Path) -> Generator[ApiClient]:
    (folder / "dags").mkdir()
    (folder / "dags" / "schedules.py").write_text(f"FILE = {str(folder / 'beats')!r}\n{FILE}")
    with (
        standalone_stack(folder, dags_folder=folder / "dags") as stack,
        ApiClient(stack.api_url, stack.username, stack.password) as client,
    ):
        client.wait_for_dag("by_hand")
        yield client


def runs(api: ApiClient, dag_id: str) -> list[dict[str, Any]]:
    """The DAG's runs that ended well, by date."""
    found = api.get(f"/dags/{dag_id}/dagRuns", order_by="run_after", limit=100).json()["dag_runs"]
    return [run for run in found if run["state"] == "success"]


def wait_for_runs(api: ApiClient, dag_id: str, count: int) -> list[dict[str, Any]]:
    wait_until(lambda: len(runs(api, dag_id)) >= count, f"{count} runs of {dag_id}")
    return runs(api, dag_id)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def wait_for_following(api: ApiClient, dag_id: str, count: int) -> list[dict[str, Any]]:
    """So many of the DAG's runs, a second apart each from the one before.

    A machine that is busy for a second goes without the run of that second, for nothing is caught up; and of two runs
    the later one may end first.
    """
    found: list[dict[str, Any]] = []

    def is_there() -> bool:
        made = runs(api, dag_id)
        found[:] = made[:1]
        for run, after in pairwise(made):
            found[:] = [*found, after] if moment(after["run_after"]) - moment(run["run_after"]) == SECOND else [after]
            if len(found) == count:
                return True
        return False

    wait_until(is_there, f"{count} runs of {dag_id}, one each second")
    return found


def test_a_trigger_makes_a_run_at_each_moment(api: ApiClient) -> None:
    made = wait_for_following(api, "every_second", 4)
    assert all(run["run_type"] == "scheduled" and run["triggered_by"] == "timetable" for run in made)
    assert all(run["dag_run_id"] == f"scheduled__{moment(run['run_after']).isoformat()}" for run in made)
    assert all(run["logical_date"] == run["data_interval_end"] == run["run_after"] for run in made)
    lateness = [(moment(run["queued_at"]) - moment(run["run_after"])).total_seconds() for run in made]
    assert 0 <= min(lateness) < 1, "before the next one is due"


def test_a_delta_makes_a_run_each_time_it_has_passed(api: ApiClient) -> None:
    wait_for_following(api, "each_second", 2)


def test_once_is_once(api: ApiClient) -> None:
    (run,) = wait_for_runs(api, "once", 1)
    assert run["dag_run_id"] == "scheduled__2024-01-01T00:00:00+00:00"
    assert api.xcom("once", run["dag_run_id"], "dates") == ["scheduled", *["2024-01-01 00:00:00+00:00"] * 3]


def test_continuous_runs_are_one_after_the_other(api: ApiClient) -> None:
    made = wait_for_runs(api, "continuous", 3)
    for run, after in pairwise(made):
        assert moment(after["start_date"]) >= moment(run["end_date"])
        assert after["data_interval_start"] == run["data_interval_end"]


def test_data_intervals_are_caught_up_to_the_end_date(api: ApiClient) -> None:
    made = wait_for_runs(api, "caught_up", 6)
    assert [run["logical_date"] for run in made] == [f"2024-01-01T{hour:02}:00:00Z" for hour in range(6)]
    assert [run["run_after"] for run in made] == [f"2024-01-01T{hour:02}:00:00Z" for hour in range(1, 7)]
    first = made[0]["dag_run_id"]
    dates = ["2024-01-01 00:00:00+00:00", "2024-01-01 00:00:00+00:00", "2024-01-01 01:00:00+00:00"]
    assert api.xcom("caught_up", first, "dates") == ["scheduled", *dates]


def test_without_catchup_only_the_latest_run_is_made(api: ApiClient) -> None:
    (run,) = wait_for_runs(api, "latest", 1)
    assert moment(run["run_after"]).year == moment(run["queued_at"]).year
    dag = api.get("/dags/latest/details").json()
    assert moment(dag["next_dagrun_run_after"]).year == moment(run["run_after"]).year + 1


def test_no_runs_are_made_after_the_end_or_without_a_schedule(api: ApiClient) -> None:
    wait_for_runs(api, "every_second", 2)
    for dag_id in ("ended", "by_hand"):
        assert api.get(f"/dags/{dag_id}/dagRuns").json()["total_entries"] == 0


def test_a_run_that_takes_too_long_fails_and_what_runs_is_killed(api: ApiClient, beats: Path) -> None:
    run_id = api.trigger("slow")
    run = api.wait_for_run("slow", run_id)
    assert run["state"] == "failed"
    assert timedelta(seconds=4) <= moment(run["end_date"]) - moment(run["start_date"]) < timedelta(seconds=20)
    assert {ti["task_id"]: ti["state"] for ti in api.task_instances("slow", run_id)} == {
        "sleep": "skipped",
        "after": "skipped",
    }
    wait_until(lambda: time.time() - float(beats.read_text() or time.time()) > 1, "the task's process ends")
