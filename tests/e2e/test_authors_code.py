"""Authors' code outside of tasks, through all services: custom timetables from plugins and DAG files, DAGs' callbacks,
and what becomes of the others when one hangs or fails."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import ApiClient, wait_until
from tests.servers.stack import standalone_stack

PLUGIN = """
import json, os
from datetime import timedelta
from airflow.listeners import hookimpl
from pendulum import DateTime
from airflow.partition_mappers.base import PartitionMapper
from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.base import DagRunInfo, DataInterval, Timetable

class EverySecondDay(Timetable):
    def infer_manual_data_interval(self, *, run_after):
        return DataInterval(run_after - timedelta(days=2), run_after)
    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        assert isinstance(restriction.earliest, DateTime)
        start = restriction.earliest if last_automated_data_interval is None else last_automated_data_interval.end
        if start > restriction.latest:
            return None
        return DagRunInfo.interval(start=start, end=start.add(days=2))

class Listener:
    @hookimpl
    def on_dag_run_running(self, dag_run, msg):
        self.note("running", dag_run, msg)
    @hookimpl
    def on_dag_run_success(self, dag_run):
        self.note("success", dag_run, "")
        raise ValueError("the listener itself")
    @hookimpl
    def on_dag_run_failed(self, dag_run, msg):
        self.note("failed", dag_run, msg)
    @hookimpl
    def on_new_dag_import_error(self, filename, stacktrace):
        self.broken("new", filename, stacktrace)
    @hookimpl
    def on_existing_dag_import_error(self, filename, stacktrace):
        self.broken("existing", filename, stacktrace)
    def broken(self, event, filename, stacktrace):
        with open(os.environ["LISTENED_FILE"], "a") as file:
            file.write(json.dumps([os.path.basename(filename), event, stacktrace.strip().splitlines()[-1]]) + "\\n")
    def note(self, event, dag_run, msg):
        with open(os.environ["LISTENED_FILE"], "a") as file:
            file.write(json.dumps([dag_run.run_id, event, dag_run.state, msg]) + "\\n")

class PrefixStripMapper(PartitionMapper):
    def __init__(self, prefix, *, separator="::", max_downstream_keys=None):
        super().__init__(max_downstream_keys=max_downstream_keys)
        self.prefix, self.separator = prefix, separator
    def to_downstream(self, key):
        if key == "bad":
            raise LookupError("no such region")
        return key.removeprefix(self.prefix + self.separator)
    def serialize(self):
        return {"prefix": self.prefix, "separator": self.separator}
    @classmethod
    def deserialize(cls, data):
        return cls(**data)

class Plugin(AirflowPlugin):
    name = "days"
    timetables = [EverySecondDay]
    partition_mappers = [PrefixStripMapper]
    listeners = [Listener()]
"""

FILE = """
import json, os, time
from datetime import datetime, timedelta
from days import EverySecondDay, PrefixStripMapper
from airflow.partition_mappers.base import PartitionMapper, RollupMapper
from airflow.partition_mappers.window import Window
from airflow.sdk import (
    DAG, Asset, AsyncCallback, DeadlineAlert, DeadlineReference, PartitionedAssetTimetable, PartitionedAtRuntime, task
)
from airflow.task.priority_strategy import PriorityWeightStrategy
from airflow.timetables.base import Timetable

class Hangs(Timetable):
    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        time.sleep(3600)

class Fails(Timetable):
    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        raise KeyError("holidays")

def heard(context):
    with open(HEARD, "a") as file:
        file.write(json.dumps([
            context["dag"].dag_id, context["run_id"], context["dag_run"].state, context["reason"],
            context["ti"].task_id, context["ti"].state, context["dag_run"].conf, os.getpid(),
        ]) + "\\n")

def fails(context):
    raise ValueError("the callback itself")

def make(dag_id, schedule=None, **arguments):
    with DAG(dag_id, schedule=schedule, is_paused_upon_creation=False, **arguments):
        @task
        def work(dag_run=None):
            if dag_run.conf.get("fail"):
                raise RuntimeError("as asked")
        work()

for number in range(10):
    make(f"hangs_{number}", Hangs(), start_date=datetime(2024, 1, 1))
make("fails", Fails(), start_date=datetime(2024, 1, 1))
make("own", EverySecondDay(), start_date=datetime(2024, 1, 1), end_date=datetime(2024, 1, 4), catchup=True)
async def late(context, **kwargs):
    with open(HEARD, "a") as file:
        run, due_at = context["dag_run"], context["deadline"]["deadline_time"]
        file.write(json.dumps(["late", run["dag_run_id"], run["state"], kwargs, due_at.isoformat()]) + "\\n")

with DAG("late", is_paused_upon_creation=False, deadline=DeadlineAlert(
    DeadlineReference.DAGRUN_QUEUED_AT, timedelta(seconds=1), AsyncCallback(late, {"who": "me"})
)):
    @task.sensor(poke_interval=0.1, timeout=120)
    def sleep(): return os.path.exists(HEARD + ".late")
    sleep()

def told(context):
    with open(HEARD, "a") as file:
        ti = context["ti"]
        file.write(json.dumps(["told", context["run_id"], ti.state, ti.try_number, str(context["exception"])]) + "\\n")

with DAG("dies", is_paused_upon_creation=False):
    @task(retries=1, retry_delay=0.1, on_retry_callback=told, on_failure_callback=[fails, told])
    def crash():
        os._exit(3)
    crash()

class HangingMapper(PartitionMapper):
    def to_downstream(self, key):
        time.sleep(3600)

class Regions(Window):
    def to_upstream(self, decoded):
        return ["eu::" + decoded, "us::" + decoded]

class AnyPrefix(PartitionMapper):
    def to_downstream(self, key):
        return key.split("::")[-1]

sales = Asset("sales")
with DAG("sells", schedule=PartitionedAtRuntime(), is_paused_upon_creation=False):
    @task(outlets=[sales])
    def sell(*, outlet_events):
        outlet_events[sales].add_partitions(["eu::daily", "bad", "us::daily"])
    sell()

def counts(dag_id, mapper):
    make(dag_id, PartitionedAssetTimetable(assets=sales, default_partition_mapper=mapper))

counts("strips", PrefixStripMapper("eu"))
counts("rolls_up", RollupMapper(upstream_mapper=AnyPrefix(), window=Regions()))
counts("hangs_over_keys", HangingMapper())

class Paying(PriorityWeightStrategy):
    def get_weight(self, ti):
        return ti.dag_run.conf["weight"] - ti.try_number

class Greedy(PriorityWeightStrategy):
    def get_weight(self, ti):
        raise ValueError(f"no weight for {ti.run_id}")

with DAG("weighs", is_paused_upon_creation=False):
    @task(weight_rule=Paying(), priority_weight=3, retries=1)
    def paid(): pass
    @task(weight_rule=Greedy(), priority_weight=4)
    def unpaid(): pass
    @task.sensor(poke_interval=0.2, timeout=60)
    def wait(): return os.path.exists(HEARD + ".weighed")
    wait() >> [paid(), unpaid()]

make("calls", on_success_callback=heard, on_failure_callback=[fails, heard])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("authors")


@pytest.fixture(scope="module")
def api(folder: Path) -> Generator[ApiClient]:
    for name in ("dags", "plugins"):
        (folder / name).mkdir()
    (folder / "plugins" / "days.py").write_text(PLUGIN)
    (folder / "dags" / "authors.py").write_text(f"HEARD = {str(folder / 'heard')!r}\n{FILE}")
    environment = {
        "TRADEWIND__DAG_PROCESSOR__REQUEST_TIMEOUT_SECONDS": "3",
        "LISTENED_FILE": str(folder / "listened"),
    }
    with (
        standalone_stack(folder, dags_folder=folder / "dags", environment=environment) as stack,
        ApiClient(stack.api_url, stack.username, stack.password) as client,
    ):
        client.wait_for_dag("calls")
        yield client


def heard(folder: Path, name: str = "heard") -> list[list[Any]]:
    """What callbacks (or, by another name, listeners) wrote."""
    file = folder / name
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def ended(api: ApiClient, dag_id: str) -> list[dict[str, Any]]:
    found = api.get(f"/dags/{dag_id}/dagRuns", order_by="run_after").json()["dag_runs"]
    return [run for run in found if run["state"] == "success"]


def test_a_custom_timetable_makes_the_runs_that_it_says_while_others_hang_and_fail(api: ApiClient) -> None:
    wait_until(lambda: len(ended(api, "own")) >= 2, "two runs of own")
    runs = ended(api, "own")
    assert [run["data_interval_start"] for run in runs] == ["2024-01-01T00:00:00Z", "2024-01-03T00:00:00Z"]
    assert [run["run_after"] for run in runs] == ["2024-01-03T00:00:00Z", "2024-01-05T00:00:00Z"]
    assert runs[0]["dag_run_id"] == "scheduled__2024-01-03T00:00:00+00:00"
    for dag_id in ("hangs_0", "hangs_9", "fails"):
        assert api.get(f"/dags/{dag_id}/dagRuns").json()["total_entries"] == 0
        assert api.get(f"/dags/{dag_id}").json()["next_dagrun_run_after"] is None


@pytest.mark.parametrize(
    ("conf", "state", "reason"), [({}, "success", "success"), ({"fail": True}, "failed", "task_failure")]
)
def test_callbacks_of_a_dag_hear_how_a_run_ended(
    api: ApiClient, folder: Path, conf: dict[str, Any], state: str, reason: str
) -> None:
    run_id = api.trigger("calls", conf=conf)
    assert api.wait_for_run("calls", run_id)["state"] == state
    wait_until(lambda: any(entry[1] == run_id for entry in heard(folder)), "the callback")
    (entry,) = [entry for entry in heard(folder) if entry[1] == run_id]
    assert entry[:7] == ["calls", run_id, state, reason, "work", state, conf]
    wait_until(lambda: len([each for each in heard(folder, "listened") if each[0] == run_id]) == 2, "listeners")
    listened = sorted(entry[1:] for entry in heard(folder, "listened") if entry[0] == run_id)
    assert listened == sorted([["running", "running", ""], [state, state, "" if state == "success" else reason]])


def test_callbacks_of_a_task_whose_process_died_are_called_elsewhere(api: ApiClient, folder: Path) -> None:
    run_id = api.trigger("dies")
    assert api.wait_for_run("dies", run_id)["state"] == "failed"

    def told() -> list[list[Any]]:
        return [entry[2:] for entry in heard(folder) if entry[:2] == ["told", run_id]]

    wait_until(lambda: len(told()) == 2, "both callbacks")
    why = "the task's process exited with code 3 without a result"
    assert sorted(told()) == [["failed", 2, why], ["up_for_retry", 1, why]]


def test_listeners_hear_of_files_that_cannot_be_imported(api: ApiClient, folder: Path) -> None:
    file = folder / "dags" / "broken.py"

    def told() -> list[list[Any]]:
        return [entry[1:] for entry in heard(folder, "listened") if entry[0] == "broken.py"]

    for number, event in enumerate(("new", "existing", "existing")):
        draft = file.with_suffix(".draft")
        draft.write_text(f"import airflow\nraise ValueError('DAG {number}')\n")
        draft.rename(file)  # whole at any moment: an empty file would end the error
        shown = f"DAG {number}"
        expected = [event, f"ValueError: {shown}"]
        wait_until(lambda: expected in told(), f"{expected} in what was told")  # noqa: B023 - asked within the round
        wait_until(lambda: shown in api.get("/importErrors").text, "the error is stored")  # noqa: B023 - as above
    file.unlink()


def test_none_ends_the_schedule(api: ApiClient) -> None:
    wait_until(lambda: len(ended(api, "own")) >= 2, "two runs of own")
    wait_until(lambda: api.get("/dags/own").json()["next_dagrun_run_after"] is None, "the timetable has said so")
    assert len(ended(api, "own")) == 2


def test_a_run_that_misses_its_deadline_is_heard_of_while_it_goes_on(api: ApiClient, folder: Path) -> None:
    run_id = api.trigger("late")
    wait_until(lambda: any(entry[:2] == ["late", run_id] for entry in heard(folder)), "the alert's callback")
    (entry,) = [entry for entry in heard(folder) if entry[:2] == ["late", run_id]]
    assert entry[2:4] == ["running", {"who": "me"}]
    (folder / "heard.late").touch()
    assert api.wait_for_run("late", run_id)["state"] == "success"


def test_strategies_that_want_the_run_weigh_its_tasks(api: ApiClient, folder: Path) -> None:
    run_id = api.trigger("weighs", conf={"weight": 70})

    def weights() -> dict[str, int]:
        return {each["task_id"]: each["priority_weight"] for each in api.task_instances("weighs", run_id)}

    wait_until(lambda: weights().get("paid") == 69, "the strategy's weight")
    (folder / "heard.weighed").touch()
    assert api.wait_for_run("weighs", run_id)["state"] == "success"
    assert (weights()["paid"], weights()["unpaid"]) == (69, 4)


def test_own_partition_mappers_say_which_runs_events_count_for(api: ApiClient, folder: Path) -> None:
    assert api.wait_for_run("sells", api.trigger("sells"))["state"] == "success"
    wait_until(lambda: len(ended(api, "strips")) >= 2 and bool(ended(api, "rolls_up")), "the runs of partitions")
    assert sorted(run["partition_key"] for run in ended(api, "strips")) == ["daily", "us::daily"]
    (rolled_up,) = ended(api, "rolls_up")
    assert (rolled_up["partition_key"], rolled_up["run_type"]) == ("daily", "asset_triggered")
    wait_until(
        lambda: len(logged(folder, "hangs_over_keys", "dag_request.failed", "eu::daily", "no answer")) > 0, "why"
    )
    assert api.get("/dags/hangs_over_keys/dagRuns").json()["total_entries"] == 0
    refused = ("strips", "asset_event.refused", "key 'bad' of asset 'sales'", "no such region")
    wait_until(lambda: bool(logged(folder, *refused)), "the event that was refused is named")


def logged(folder: Path, *words: str) -> list[str]:
    """Lines of the services' logs that have all of these words."""
    lines = [line for file in sorted(folder.glob("*.log")) for line in file.read_text(errors="replace").splitlines()]
    return [line for line in lines if all(word in line for word in words)]


def test_an_own_timetable_is_asked_about_runs_that_people_want(api: ApiClient) -> None:
    run_id = api.trigger("own", logical_date="2024-06-05T12:00:00Z", dag_run_id="by_hand")
    run = api.get(f"/dags/own/dagRuns/{run_id}").json()
    interval = (run["data_interval_start"], run["data_interval_end"])
    assert interval == ("2024-06-03T12:00:00Z", "2024-06-05T12:00:00Z")
    asked = {"dag_id": "own", "from_date": "2024-07-01T00:00:00Z", "to_date": "2024-07-05T00:00:00Z"}
    dry = api.post("/backfills/dry_run", {**asked, "run_backwards": True}).json()
    dates = ["2024-07-05T00:00:00Z", "2024-07-03T00:00:00Z", "2024-07-01T00:00:00Z"]
    assert [entry["logical_date"] for entry in dry["backfills"]] == dates
    backfill = api.post("/backfills", asked).json()
    wait_until(lambda: api.get(f"/backfills/{backfill['id']}").json()["completed_at"] is not None, "the backfill's end")
    made = api.get("/dags/own/dagRuns", run_type="backfill", order_by="logical_date").json()["dag_runs"]
    assert [run["logical_date"] for run in made] == dates[::-1]
    assert made[0]["data_interval_end"] == "2024-07-03T00:00:00Z"
    for dag_id, why in (("fails", "infer_manual_data_interval"), ("hangs_1", "infer_manual_data_interval")):
        answer = api.post(f"/dags/{dag_id}/dagRuns", {"logical_date": "2024-06-05T12:00:00Z"})
        assert (answer.status_code, why in answer.text) == (400, True), answer.text
    answer = api.post("/backfills", {**asked, "dag_id": "fails"})
    assert (answer.status_code, "holidays" in answer.text) == (400, True), answer.text
