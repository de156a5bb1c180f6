"""What tasks ask for by exceptions and policies, through all services: skipping others, running again later, a retry
delay of their own, a run of another DAG, values kept over tries, callbacks after the end."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.e2e.client import ApiClient, wait_until
from tests.servers.stack import standalone_stack

FILE = """
import os, time
from datetime import datetime, timedelta, timezone
from airflow.sdk import DAG, BaseOperator, ExceptionRetryPolicy, RetryRule, Variable, task
from airflow.exceptions import AirflowRescheduleException, DagRunTriggerException, DownstreamTasksSkipped

class Choose(BaseOperator):
    def execute(self, context):
        raise DownstreamTasksSkipped(tasks=["right"])

class Again(BaseOperator):
    def execute(self, context):
        store = context["task_state_store"]
        store.set("looks", store.get("looks", 0) + 1)
        if store.get("looks") < 3:
            raise AirflowRescheduleException(datetime.now(timezone.utc) + timedelta(seconds=0.2))
        return [store.get("looks"), context["ti"].try_number, context["task_reschedule_count"]]

class Start(BaseOperator):
    def execute(self, context):
        raise DagRunTriggerException(
            trigger_dag_id="other", dag_run_id="of_" + context["run_id"], conf={"x": 5}, reset_dag_run=False,
            skip_when_already_exists=False, wait_for_completion=True, allowed_states=["success"],
            failed_states=["failed"], poke_interval=0.1, deferrable=False,
        )

with DAG("effects"):
    choose = Choose(task_id="choose")
    @task
    def left(ti=None):
        ti.xcom_push("mine", {"a": 1})
        return ti.xcom_pull(key="mine")
    @task
    def right(): raise AssertionError
    choose >> [left(), right()]
    Again(task_id="again")
    Start(task_id="start")
    @task(retries=1, retry_policy=ExceptionRetryPolicy([RetryRule(KeyError, retry_delay=timedelta(seconds=0.1))]))
    def once_more(ti=None):
        if ti.try_number == 1: raise KeyError("first")
        return ti.get_task_states("effects", run_ids=[ti.run_id], task_ids=["once_more"])
    once_more()

def slow(context):
    print("calling back in", context["ti"].state, context["ti"].xcom_pull(task_ids="first"))
    Variable.set("called_back", Variable.get("colour", default="none"))
    until = time.monotonic() + 120
    while not os.path.exists(OVER) and time.monotonic() < until:
        time.sleep(0.05)
    print("called back")
    context["ti"].xcom_push("late", 1)

with DAG("overtime"):
    @task(on_success_callback=slow)
    def first(): return 41
    @task
    def second(): return 42
    first() >> second()

with DAG("other"):
    @task
    def work(dag_run=None):
        return [dag_run.run_type, dag_run.conf]
    work()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("effects")


@pytest.fixture(scope="module")
def api(folder: Path) -> Generator[ApiClient]:
    (folder / "dags").mkdir()
    (folder / "dags" / "effects.py").write_text(f"OVER = {str(folder / 'over')!r}\n{FILE}")
    with (
        standalone_stack(folder, dags_folder=folder / "dags") as stack,
        ApiClient(stack.api_url, stack.username, stack.password) as client,
    ):
        for dag_id in ("effects", "other", "overtime"):
            client.wait_for_dag(dag_id)
            client.unpause(dag_id)
        yield client


def test_effects_of_tasks_reach_the_run(api: ApiClient) -> None:
    run_id = api.trigger("effects", dag_run_id="r")
    run = api.wait_for_run("effects", run_id)
    instances = api.task_instances("effects", run_id)
    assert {ti["task_id"] for ti in instances if ti["state"] == "skipped"} == {"right"}
    assert {ti["task_id"]: (ti["state"], ti["try_number"]) for ti in instances if ti["state"] != "skipped"} == {
        "choose": ("success", 1),
        "left": ("success", 1),
        "again": ("success", 1),
        "start": ("success", 1),
        "once_more": ("success", 2),
    }
    assert run["state"] == "success"
    assert api.xcom("effects", run_id, "left") == {"a": 1}
    assert api.xcom("effects", run_id, "again") == [3, 1, 2]
    assert api.xcom("effects", run_id, "start", "trigger_run_id") == "of_r"
    assert api.xcom("effects", run_id, "once_more") == {"r": {"once_more": "running"}}
    assert api.xcom("other", "of_r", "work") == ["operator_triggered", {"x": 5}]


def test_a_success_callback_holds_nobody_up(api: ApiClient, folder: Path) -> None:
    run_id = api.trigger("overtime")
    run = api.wait_for_run("overtime", run_id)
    assert run["state"] == "success"
    events = api.log_events("overtime", run_id, "first")
    assert "called back" not in events, "the run is over before the callback is"
    (folder / "over").touch()

    refusal = "may read, log and write variables, but no XComs"
    wait_until(lambda: refusal in api.log_of("overtime", run_id, "first"), "the callback's last words")
    events = api.log_events("overtime", run_id, "first")
    assert events.index("calling back in success 41") < events.index("called back")
    assert api.get("/variables/called_back").json()["value"] == "none"
