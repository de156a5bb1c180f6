"""Executors that tasks name: per task, by the DAG's defaults, and those that there is none of."""

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from tradewind.sdk import aliases
from tradewind.sdk.dag_bag import DagBag

FILE = """
from airflow.sdk import DAG, BaseOperator, task
with DAG("chosen", default_args={"executor": "CeleryExecutor"}):
    BaseOperator(task_id="by_default_args")
    BaseOperator(task_id="by_itself", executor="quick")

    @task(executor="airflow.executors.local_executor.LocalExecutor")
    def by_path(x): ...

    by_path.expand(x=[1, 2])
with DAG("plain"):
    BaseOperator(task_id="any")
with DAG("wrong"):
    BaseOperator(task_id="load", executor="MesosExecutor")
"""


@pytest.fixture(autouse=True)
def _aliases() -> Generator[None]:  # pyright: ignore[reportUnusedFunction] - autouse
    yield
    aliases.uninstall()


def test_a_dag_whose_task_names_an_unknown_executor_is_an_import_error_and_the_files_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEWIND__CORE__EXECUTOR", "CeleryExecutor,quick:LocalExecutor")
    (tmp_path / "file.py").write_text(FILE)
    bag = DagBag(tmp_path)
    chosen = bag.get_dag("chosen")
    assert chosen is not None
    executors = {task.task_id: task.executor for task in chosen.tasks}
    assert executors == {
        "by_default_args": "CeleryExecutor",
        "by_itself": "quick",
        "by_path": "airflow.executors.local_executor.LocalExecutor",
    }
    assert bag.dag_ids == ["chosen", "plain"]
    (text,) = bag.import_errors.values()
    assert text == (
        f"{tmp_path}/file.py: task 'load' of the DAG 'wrong' names the executor 'MesosExecutor', and "
        "TRADEWIND__CORE__EXECUTOR has only CeleryExecutor, quick: add it there, or have the task name one of these"
    )


PARSE = """
import sys
from tradewind.dag_processor.parse_child import parse_file
from tradewind.dag_processor.parse_protocol import ParseRequest
path, root = sys.argv[1:]
result = parse_file(ParseRequest(1, path, root, "", "file.py", 30.0), [])
print(len(result.specs), result.stacktrace)
"""


def test_the_dag_processor_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "file.py"
    path.write_text(FILE)
    environment = {name: value for name, value in os.environ.items() if name != "TRADEWIND__CORE__EXECUTOR"}
    done = subprocess.run(
        [sys.executable, "-c", PARSE, str(path), str(tmp_path)],
        env=environment | {"AIRFLOW__CORE__EXECUTOR": "CeleryExecutor,quick:LocalExecutor"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("2 file.py: task 'load' of the DAG 'wrong' names the executor 'MesosExecutor'")
