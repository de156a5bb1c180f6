"""Mapped tasks through all services: lengths from XComs, arguments by index, values collected downstream."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.e2e.client import ApiClient
from tests.servers.stack import standalone_stack

FILE = """
from airflow.sdk import DAG, get_current_context, task

with DAG("mapped"):
    @task
    def numbers(): return [1, 2, 3]
    @task
    def nothing(): return []
    @task(map_index_template="{{ label }}")
    def times(a, b):
        get_current_context()["label"] = f"{a} x {b}"
        return a * b
    @task
    def total(values): return [len(values), sum(values), list(values)]
    found = numbers()
    products = times.partial(b=10).expand(a=found)
    total(products)
    times.override(task_id="pairs").expand(a=found, b=[1, 10])
    times.override(task_id="none").partial(b=1).expand(a=nothing())
"""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Generator[ApiClient]:
    folder: Path = tmp_path_factory.mktemp("mapped")
    (folder / "dags").mkdir()
    (folder / "dags" / "mapped.py").write_text(FILE)
    with (
        standalone_stack(folder, dags_folder=folder / "dags") as stack,
        ApiClient(stack.api_url, stack.username, stack.password) as client,
    ):
        client.wait_for_dag("mapped")
        client.unpause("mapped")
        yield client


def test_mapped_tasks_run_by_index(api: ApiClient) -> None:
    run_id = api.trigger("mapped", dag_run_id="r")
    run = api.wait_for_run("mapped", run_id)
    states = {(ti["task_id"], ti["map_index"]): ti["state"] for ti in api.task_instances("mapped", run_id)}
    assert states == {
        ("numbers", -1): "success",
        ("nothing", -1): "success",
        ("total", -1): "success",
        ("none", -1): "skipped",
        **{("times", index): "success" for index in range(3)},
        **{("pairs", index): "success" for index in range(6)},
    }
    assert run["state"] == "success"
    assert api.xcom("mapped", run_id, "total") == [3, 60, [10, 20, 30]]
