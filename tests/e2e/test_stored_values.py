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


@pytest.fixture(scope="module", autouse=True)
def _file(dags_folder: Path) -> None:  # pyright: ignore[reportUnusedFunction] - autouse
    (dags_folder / "from_stored_values.py").write_text(FILE)


def task_ids(api: ApiClient) -> list[str]:
    answer = api.get(f"/dags/{DAG_ID}/tasks")
    return sorted(each["task_id"] for each in answer.json()["tasks"]) if answer.status_code == 200 else []


def import_error(api: ApiClient) -> str:
    return "\n".join(error["stack_trace"] for error in api.get("/importErrors").json()["import_errors"])


def run_results(api: ApiClient) -> dict[str, object]:
    run_id = api.trigger(DAG_ID)
    run = api.wait_for_run(DAG_ID, run_id, timeout_seconds=60)
    assert run["state"] == "success", api.states(DAG_ID, run_id)
    ids = [each["task_id"] for each in api.task_instances(DAG_ID, run_id)]
    return {task_id: api.xcom(DAG_ID, run_id, task_id) for task_id in sorted(ids)}


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
