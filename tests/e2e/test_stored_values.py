"""A DAG file that builds its tasks from a stored Variable and Connection, in each way to run Tradewind."""

import json
from pathlib import Path

import pytest

from tests.e2e.client import ApiClient, wait_until

DAG_ID = "from_stored_values"
FILE = """
from airflow.sdk import DAG, BaseHook, Variable, task

host = BaseHook.get_connection("warehouse").host

with DAG("from_stored_values", schedule=None, is_paused_upon_creation=False):

    @task
    def load(name):
        print("loading", name)
        return f"{name} at {host} for {Variable.get('nobody', default='everybody')}"

    for name in Variable.get("names", deserialize_json=True):
        load.override(task_id=f"load_{name}")(name)
"""

WAITING = """
from airflow.sdk import DAG, BaseOperator, Variable
from airflow.triggers.base import BaseTrigger, TriggerEvent

greeting = Variable.get("greeting", default="none")

class Greet(BaseTrigger):
    def serialize(self):
        return f"{type(self).__module__}.Greet", {}

    async def run(self):
        yield TriggerEvent(greeting)

class Waits(BaseOperator):
    def execute(self, context):
        self.defer(trigger=Greet(), method_name="resume")

    def resume(self, context, event):
        return [greeting, event]

with DAG("waits_with_stored_values", schedule=None, is_paused_upon_creation=False):
    Waits(task_id="wait")
"""


@pytest.fixture(scope="module", autouse=True)
def _file(dags_folder: Path) -> None:  # pyright: ignore[reportUnusedFunction] - autouse
    (dags_folder / "from_stored_values.py").write_text(FILE)
    (dags_folder / "waits_with_stored_values.py").write_text(WAITING)


def task_ids(api: ApiClient) -> list[str]:
    answer = api.get(f"/dags/{DAG_ID}/tasks")
    return sorted(each["task_id"] for each in answer.json()["tasks"]) if answer.status_code == 200 else []


def import_error(api: ApiClient) -> str:
    return "\n".join(error["stack_trace"] for error in api.get("/importErrors").json()["import_errors"])


def run_results(api: ApiClient, dag_id: str = DAG_ID) -> dict[str, object]:
    run_id = api.trigger(dag_id)
    run = api.wait_for_run(dag_id, run_id)
    assert run["state"] == "success", api.states(dag_id, run_id)
    ids = [each["task_id"] for each in api.task_instances(dag_id, run_id)]
    return {task_id: api.xcom(dag_id, run_id, task_id) for task_id in sorted(ids)}


def test_tasks_follow_the_variable_within_seconds_and_run_with_it(api: ApiClient) -> None:
    wait_until(lambda: "The conn_id `warehouse` isn't defined" in import_error(api), "an import error names it")
    assert "from_stored_values.py" in import_error(api)
    assert "line 4" in import_error(api)

    api.post("/connections", {"connection_id": "warehouse", "conn_type": "http", "host": "here"})
    wait_until(lambda: "Variable names does not exist" in import_error(api), "the next import error names the variable")

    api.post("/variables", {"key": "names", "value": json.dumps(["a", "b"])})
    wait_until(lambda: task_ids(api) == ["load_a", "load_b"], "the DAG has a task for each name")
    assert run_results(api) == {"load_a": "a at here for everybody", "load_b": "b at here for everybody"}

    api.patch("/variables/names", {"key": "names", "value": json.dumps(["c"])})
    api.patch("/connections/warehouse", {"connection_id": "warehouse", "conn_type": "http", "host": "there"})
    wait_until(lambda: task_ids(api) == ["load_c"], "the DAG has the other tasks")
    assert run_results(api) == {"load_c": "c at there for everybody"}
    assert import_error(api) == ""


def test_a_triggerer_imports_such_a_file_too(api: ApiClient) -> None:
    api.wait_for_dag("waits_with_stored_values")
    api.post("/variables", {"key": "greeting", "value": "hello"})
    assert run_results(api, "waits_with_stored_values") == {"wait": ["hello", "hello"]}
