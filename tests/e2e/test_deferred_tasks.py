"""Deferred tasks through all services: operators of the standard provider, triggers of a DAG file, and what goes
wrong with triggers."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.e2e.client import ApiClient, wait_until
from tests.servers.stack import standalone_stack

TRIGGERS = """
import asyncio
import os
import pathlib
import time
from airflow.sdk import BaseOperator, Variable
from airflow.triggers.base import BaseTrigger, TaskFailedEvent, TaskSkippedEvent, TaskSuccessEvent, TriggerEvent

class Own(BaseTrigger):
    def __init__(self, what):
        super().__init__()
        self.what = what

    def serialize(self):
        return f"{type(self).__module__}.{type(self).__qualname__}", {"what": self.what}

    async def run(self):
        self.log.info("waiting for %s", self.what)
        await asyncio.sleep(0.01)
        if self.what == "raise":
            raise ValueError("it will not be")
        if self.what == "nothing":
            return
        blocking = pathlib.Path(__file__).with_name("blocking")
        passed = blocking.with_name("passed")
        if self.what == "block":
            blocking.touch()
            until = time.monotonic() + 120
            while not passed.exists() and time.monotonic() < until:
                time.sleep(0.05)
        if self.what == "beside":
            while not blocking.exists():
                await asyncio.sleep(0.05)
            passed.touch()  # by a process that does not wait for the other one, which waits for this
        if self.what == "exit":
            os._exit(3)
        if self.what.startswith("end as "):
            events = {"success": TaskSuccessEvent, "failed": TaskFailedEvent, "skipped": TaskSkippedEvent}
            yield events[self.what.removeprefix("end as ")](xcoms={"said": self.what})
            return
        if self.what == "end":
            yield TaskSuccessEvent(xcoms={"return_value": 7})
            return
        if self.what == "variable":
            yield TriggerEvent(await asyncio.to_thread(Variable.get, "told"))
            return
        if self.what == "for ever":
            await asyncio.sleep(3600)
        yield TriggerEvent({"what": self.what, "pid": os.getpid(), "ti": self.task_instance.task_id})

class Wait(BaseOperator):
    def __init__(self, what, wait=None, **kwargs):
        super().__init__(**kwargs)
        self.what, self.wait = what, wait

    def execute(self, context):
        self.log.info("deferring")
        self.defer(trigger=Own(self.what), method_name="go_on", kwargs={"a": 1}, timeout=self.wait)

    def go_on(self, context, event, a):
        return [event, a, context["ti"].try_number]
"""

FILE = """
from datetime import datetime, timedelta, timezone
from airflow.sdk import DAG, task
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from airflow.triggers.base import BaseTrigger, StartTriggerArgs, TriggerEvent
from own_triggers import Wait

class InTheFile(BaseTrigger):
    def serialize(self):
        return f"{__name__}.InTheFile", {}
    async def run(self):
        yield TriggerEvent("in the file")

with DAG("standard"):
    DateTimeSensorAsync(task_id="date_time", target_time=datetime.now(timezone.utc) + timedelta(seconds=1))
    TimeDeltaSensor(task_id="time_delta", delta=timedelta(seconds=0.5), deferrable=True)
    FileSensor(task_id="file", filepath="%(file)s", poke_interval=0.1, deferrable=True)
    start = TriggerDagRunOperator(
        task_id="start", trigger_dag_id="other", trigger_run_id="asked", wait_for_completion=True, poke_interval=0.1,
        deferrable=True,
    )
    @task
    def make():
        open("%(file)s", "w").close()
    make()

class Straight(Wait):
    start_from_trigger = True
    def __init__(self, **kwargs):
        super().__init__(what="straight", **kwargs)
        self.start_trigger_args = StartTriggerArgs(
            "own_triggers.Own", "go_on", {"what": self.what}, {"a": 3}, timeout=timedelta(minutes=1),
        )
    def execute(self, context):
        raise AssertionError("no worker is to run this")

with DAG("straight"):
    Straight(task_id="straight")
    DateTimeSensorAsync(
        task_id="ends", target_time=datetime.now(timezone.utc), start_from_trigger=True, end_from_trigger=True
    )
    DateTimeSensorAsync(task_id="templated", target_time="{{ dag_run.run_after }}", start_from_trigger=True)
    moments = ["{{ run_id[:0] }}2021-01-02", "2021-01-01"]
    DateTimeSensorAsync.partial(task_id="mapped", start_from_trigger=True).expand(target_time=moments)
    Straight(task_id="retried", retries=1) >> EmptyOperator(task_id="last")

def note(context):
    with open("%(file)s_called_back", "a") as file:
        print(context["ti"].task_id, file=file)

with DAG("ended"):
    callbacks = {f"on_{end}_callback": note for end in ("success", "failure", "skipped")}
    for end in ("success", "failed", "skipped"):
        Wait(task_id=end, what=f"end as {end}", retries=3)
        Wait(task_id=f"told_{end}", what=f"end as {end}", retries=3, **callbacks)

with DAG("outer"):
    ExternalTaskSensor(
        task_id="wait", external_dag_id="other", external_task_id="work", deferrable=True, poke_interval=0.1
    )

with DAG("other"):
    EmptyOperator(task_id="work")

with DAG("custom"):
    Wait(task_id="plain", what="plain")
    Wait(task_id="end", what="end")
    Wait(task_id="variable", what="variable")
    @task
    def one():
        return 1
    class Here(Wait):
        def execute(self, context):
            self.defer(trigger=InTheFile(), method_name="go_on", kwargs={"a": 2})
    Here(task_id="here", what="")

with DAG("wrong"):
    Wait(task_id="raise", what="raise")
    Wait(task_id="nothing", what="nothing")
    Wait(task_id="late", what="for ever", wait=timedelta(seconds=0.5))
    Wait(task_id="again", what="raise", retries=1, retry_delay=timedelta(seconds=0.1))

with DAG("long"):
    Wait(task_id="late", what="for ever")

with DAG("soft"):
    FileSensor(task_id="soft", filepath="/nowhere/at/all", deferrable=True, timeout=0.5, soft_fail=True)
    FileSensor(task_id="hard", filepath="/nowhere/at/all", deferrable=True, timeout=0.5)

with DAG("blocking"):
    Wait(task_id="block", what="block")
    Wait(task_id="beside", what="beside")

with DAG("ending"):
    Wait(task_id="exit", what="exit")
    Wait(task_id="plain", what="plain")
"""


DAGS = ("standard", "ended", "outer", "other", "custom", "straight", "wrong", "long", "soft", "blocking", "ending")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Home of the stack."""
    return tmp_path_factory.mktemp("deferred")


@pytest.fixture(scope="module")
def api(folder: Path) -> Generator[ApiClient]:
    (folder / "dags").mkdir()
    (folder / "dags" / "own_triggers.py").write_text(TRIGGERS)
    (folder / "dags" / "deferred.py").write_text(FILE % {"file": folder / "there"})
    with (
        standalone_stack(
            folder, dags_folder=folder / "dags", environment={"TRADEWIND__TRIGGERER__BLOCK_SECONDS": "1"}
        ) as stack,
        ApiClient(stack.api_url, stack.username, stack.password) as client,
    ):
        for dag_id in DAGS:
            client.wait_for_dag(dag_id)
            client.unpause(dag_id)
        yield client


def states(api: ApiClient, dag_id: str, run_id: str) -> dict[str, tuple[str, int]]:
    """task id → state and try number."""
    return {ti["task_id"]: (ti["state"], ti["try_number"]) for ti in api.task_instances(dag_id, run_id)}


def test_sensors_and_operators_of_the_standard_provider_wait_without_a_slot(api: ApiClient) -> None:
    run = api.wait_for_run("standard", run_id := api.trigger("standard"))
    found = states(api, "standard", run_id)
    assert found == dict.fromkeys(("date_time", "time_delta", "file", "start", "make"), ("success", 1))
    assert run["state"] == "success"
    assert api.get("/dags/other/dagRuns/asked").json()["state"] == "success"


def test_a_sensor_waits_for_another_dag(api: ApiClient) -> None:
    logical_date = "2026-01-05T00:00:00Z"
    run_id = api.trigger("outer", logical_date=logical_date)
    wait_until(lambda: api.states("outer", run_id)["deferred"] == 1, "the sensor waits")
    api.trigger("other", logical_date=logical_date, dag_run_id="waited_for")
    assert api.wait_for_run("outer", run_id)["state"] == "success"


def test_tasks_that_start_from_their_trigger(api: ApiClient) -> None:
    run = api.wait_for_run("straight", run_id := api.trigger("straight"))
    assert run["state"] == "success", states(api, "straight", run_id)
    event, a, try_number = api.xcom("straight", run_id, "straight")
    assert (event["what"], a, try_number) == ("straight", 3, 1)
    found = states(api, "straight", run_id)
    assert [found[task_id] for task_id in ("ends", "templated", "mapped")] == [("success", 1)] * 3


def test_triggers_end_tasks_by_themselves_or_by_a_worker_that_calls_back(api: ApiClient, folder: Path) -> None:
    run = api.wait_for_run("ended", run_id := api.trigger("ended"))
    assert run["state"] == "failed"
    ends = {end: (end, 1) for end in ("success", "failed", "skipped")}
    assert states(api, "ended", run_id) == {**ends, **{f"told_{end}": state for end, state in ends.items()}}
    assert api.xcom("ended", run_id, "success", "said") == "end as success"
    assert api.xcom("ended", run_id, "told_success", "said") == "end as success"
    told = (folder / "there_called_back").read_text().splitlines()
    assert sorted(told) == ["told_failed", "told_skipped", "told_success"]


def test_a_deferred_task_that_is_cleared_or_marked_waits_no_more(api: ApiClient) -> None:
    run_id = api.trigger("long", dag_run_id="cleared")
    wait_until(lambda: states(api, "long", run_id).get("late") == ("deferred", 1), "it waits")
    shown = api.get(f"/dags/long/dagRuns/{run_id}/taskInstances/late").json()
    assert (shown["trigger"]["classpath"], shown["trigger"]["kwargs"]) == ("own_triggers.Own", "{}")
    marked = api.patch(f"/dags/long/dagRuns/{run_id}/taskInstances/late", {"new_state": "success"})
    assert marked.status_code == 200, marked.text
    api.wait_for_run("long", run_id)
    assert states(api, "long", run_id)["late"] == ("success", 1)
    assert api.get(f"/dags/long/dagRuns/{run_id}/taskInstances/late").json()["trigger"] is None
    body = {"dry_run": False, "task_ids": ["late"], "dag_run_id": run_id, "only_failed": False}
    assert api.post("/dags/long/clearTaskInstances", body).status_code == 200
    wait_until(lambda: states(api, "long", run_id)["late"] == ("deferred", 2), "it waits again")


def test_triggers_of_ones_own(api: ApiClient) -> None:
    assert api.post("/variables", {"key": "told", "value": "by a variable"}).status_code == 201
    run = api.wait_for_run("custom", run_id := api.trigger("custom"))
    assert run["state"] == "success", states(api, "custom", run_id)
    event, a, try_number = api.xcom("custom", run_id, "plain")
    assert (event["what"], event["ti"], a, try_number) == ("plain", "plain", 1, 1)
    assert api.xcom("custom", run_id, "end") == 7
    assert api.xcom("custom", run_id, "variable") == ["by a variable", 1, 1]
    assert api.xcom("custom", run_id, "here") == ["in the file", 2, 1]
    log = api.log_events("custom", run_id, "plain")
    assert [line for line in log if line in ("deferring", "waiting for plain")] == ["deferring", "waiting for plain"]


def test_triggers_that_fail_fail_their_tasks(api: ApiClient) -> None:
    run = api.wait_for_run("wrong", run_id := api.trigger("wrong"))
    assert run["state"] == "failed"
    assert states(api, "wrong", run_id) == {
        "raise": ("failed", 1),
        "nothing": ("failed", 1),
        "late": ("failed", 1),
        "again": ("failed", 2),
    }
    assert "it will not be" in api.log_of("wrong", run_id, "raise")
    assert "Trigger timeout" in api.log_of("wrong", run_id, "late")


def test_a_sensor_whose_trigger_takes_too_long_times_out(api: ApiClient) -> None:
    run = api.wait_for_run("soft", run_id := api.trigger("soft"))
    assert run["state"] == "failed"
    assert states(api, "soft", run_id) == {"soft": ("skipped", 1), "hard": ("failed", 1)}
    assert "AirflowSensorTimeout" in api.log_of("soft", run_id, "hard")


def test_a_trigger_that_blocks_goes_on_alone(api: ApiClient, folder: Path) -> None:
    run = api.wait_for_run("blocking", run_id := api.trigger("blocking"))
    assert run["state"] == "success"
    beside, block = (api.xcom("blocking", run_id, task_id)[0]["pid"] for task_id in ("beside", "block"))
    assert beside != block
    assert (folder / "dags" / "passed").exists()


def test_a_trigger_that_ends_its_process_fails_its_task_only(api: ApiClient) -> None:
    run = api.wait_for_run("ending", run_id := api.trigger("ending"))
    assert run["state"] == "failed"
    assert states(api, "ending", run_id) == {"exit": ("failed", 1), "plain": ("success", 1)}
    assert "ended its process: exit code 3" in api.log_of("ending", run_id, "exit")
