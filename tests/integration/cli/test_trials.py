"""`tradewind dags test` and `tradewind tasks test`: without any service."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

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


def tradewind(dags_folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRADEWIND__")}
    return subprocess.run(
        [sys.executable, "-m", "tradewind.cli", *arguments],
        env={**environment, "TRADEWIND__CORE__DAGS_FOLDER": str(dags_folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("dags", "test", "nothing"), ("no DAG 'nothing'", "there are: tried", "ZeroDivisionError")),
        (("dags", "test", "tried", "yesterday-ish"), ("'yesterday-ish' is not a date",)),
        (("dags", "test", "tried", "--conf", "{"), ("--conf is not JSON",)),
        (("dags", "test", "tried", "--conf", "[1]"), ("--conf must be a JSON object, not [1]",)),
        (("tasks", "test", "tried", "third"), ("Task third not found in DAG tried",)),
    ],
)
def test_wrong_use_names_the_value(dags_folder: Path, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    done = tradewind(dags_folder, *arguments)
    assert done.returncode == 2
    assert [word for word in words if word not in done.stderr] == []
