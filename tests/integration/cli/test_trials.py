"""`tradewind dags test` and `tradewind tasks test`: without any service."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.command_line import run_commands

FILE = """
from airflow.sdk import DAG, task
with DAG("tried", params={"n": 2}):
    @task
    def first(params=None): return params["n"]
    @task
    def second(n):
        if n > 2: raise ValueError(f"{n} is too much")
    second(first())
"""


@pytest.fixture
def dags_folder(tmp_path: Path) -> Path:
    (tmp_path / "tried.py").write_text(FILE)
    (tmp_path / "broken.py").write_text("import airflow  # dag\n1 / 0\n")
    return tmp_path


def tradewind(dags_folder: Path, *arguments: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRADEWIND__")}
    return subprocess.run(
        [sys.executable, "-m", "tradewind.cli", *arguments],
        env={**environment, "TRADEWIND__CORE__DAGS_FOLDER": str(dags_folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        input=typed,
    )


def test_a_dag_runs_to_its_end(dags_folder: Path) -> None:
    done = tradewind(dags_folder, "dags", "test", "tried", "2024-01-01")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-3:-1] == ["first: success", "second: success"]
    assert lines[-1].endswith(": success")
    assert any("Returned value was: 2" in line for line in lines)


def test_a_failed_run_is_an_exit_code(dags_folder: Path) -> None:
    done = tradewind(dags_folder, "dags", "test", "tried", "--conf", '{"n": 3}')
    assert done.returncode == 1
    assert "ValueError: 3 is too much" in done.stdout
    assert "second: failed" in done.stdout


def test_one_task(dags_folder: Path) -> None:
    done = tradewind(dags_folder, "tasks", "test", "tried", "first", "-t", '{"n": 7}')
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "first: success"), done.stderr
    assert "Returned value was: 7" in done.stdout


MAPPED = """
import os
from airflow.sdk import DAG, Connection, Variable, task
GREETING = os.environ.get("GREETING", "nothing")
with DAG("more"):
    @task
    def each(n):
        assert os.environ["AIRFLOW_TEST_MODE"] == "True"
        return f"{GREETING} {n} {Variable.get('place')} {Connection.get('db').host}"
    each.expand(n=["a", "b"])
    @task
    def fails():
        secret = 6 * 7
        raise ValueError("no")
    fails()
"""


def test_a_mapped_task_with_environment_variables_connections_and_variables(dags_folder: Path) -> None:
    (dags_folder / "more.py").write_text(MAPPED)
    values = {"GREETING": "hello", "AIRFLOW_VAR_PLACE": "here", "AIRFLOW_CONN_DB": "postgres://host.example/x"}
    words = ("tasks", "test", "more", "each", "--map-index", "1", "--env-vars", json.dumps(values))
    done = tradewind(dags_folder, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Returned value was: hello b here host.example" in done.stdout


def test_the_debugger_opens_where_the_task_failed(dags_folder: Path) -> None:
    (dags_folder / "more.py").write_text(MAPPED)
    done = tradewind(dags_folder, "tasks", "test", "more", "fails", "--post-mortem", typed="p secret\nq\n")
    assert (done.returncode, "(Pdb) 42" in done.stdout) == (1, True), done.stdout + done.stderr


def test_a_dag_runs_with_each_attempt_in_a_process_of_its_own(dags_folder: Path) -> None:
    done = tradewind(dags_folder, "dags", "test", "tried", "--use-executor", "--conf", '{"n": 1}')
    assert (done.returncode, "second: success" in done.stdout) == (0, True), done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("dags", "test", "nothing"), ("no DAG 'nothing'", "there are: tried", "ZeroDivisionError")),
        (("dags", "test", "tried", "yesterday-ish"), ("'yesterday-ish' is not a date",)),
        (("dags", "test", "tried", "--conf", "{"), ("--conf is not JSON",)),
        (("dags", "test", "tried", "--conf", "[1]"), ("--conf must be a JSON object, not [1]",)),
        (("tasks", "test", "tried", "first", "--env-vars", "A=b"), ("--env-vars is not JSON",)),
        (("tasks", "test", "tried", "third"), ("Task third not found in DAG tried",)),
    ],
)
def test_wrong_use_names_the_value(dags_folder: Path, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    done = tradewind(dags_folder, *arguments)
    assert done.returncode == 2
    assert [word for word in words if word not in done.stderr] == []


def test_what_the_files_here_hold_is_listed_without_any_service(dags_folder: Path) -> None:
    listed, errors, drawn = run_commands(
        [
            ["dags", "list", "--local", "-o", "json", "--columns", "dag_id,fileloc,owners,is_paused"],
            ["dags", "list-import-errors", "--local", "-o", "plain"],
            ["dags", "test", "tried", "--show-dagrun"],
        ],
        {"TRADEWIND__CORE__DAGS_FOLDER": str(dags_folder)},
    )
    file = str(dags_folder / "tried.py")
    assert json.loads(listed.out) == [{"dag_id": "tried", "fileloc": file, "owners": ["airflow"], "is_paused": None}]
    assert "`tradewind dags list-import-errors` says which" in listed.err
    assert (errors.code, "broken.py" in errors.out, "ZeroDivisionError" in errors.out) == (1, True, True)
    assert '"first" [label="first" shape=box fillcolor="palegreen"' in drawn.out
    assert '"first" -> "second"' in drawn.out


TEMPLATED = """
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG
with DAG("templated", params={"n": 2}):
    BashOperator(task_id="says", bash_command="echo {{ ds }} {{ params.n }} {{ dag_run.conf['who'] }}")
    BashOperator.partial(task_id="each").expand(bash_command=["a {{ ds }}", "b {{ ds }}"])
"""
RENDER = """
import sys
from datetime import UTC, datetime
from tradewind.cli.trials import rendered_here
task_id, map_index = sys.argv[1], int(sys.argv[2])
print(rendered_here("templated", task_id, datetime(2024, 2, 3, tzinfo=UTC), {"n": 7, "who": "me"}, map_index))
"""


@pytest.mark.parametrize(
    ("task_id", "map_index", "command"), [("says", "-1", "echo 2024-02-03 7 me"), ("each", "1", "b 2024-02-03")]
)
def test_a_task_is_rendered_as_it_would_be_run(dags_folder: Path, task_id: str, map_index: str, command: str) -> None:
    (dags_folder / "templated.py").write_text(TEMPLATED)
    done = subprocess.run(
        [sys.executable, "-c", RENDER, task_id, map_index],
        env={**os.environ, "TRADEWIND__CORE__DAGS_FOLDER": str(dags_folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert f"'bash_command': '{command}'" in done.stdout, done.stdout + done.stderr
