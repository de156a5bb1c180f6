"""The command line as people call it: in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import pytest

from tradewind.wire.task_run import RunFlags, TaskRun, task_run_command

DATABASE_URL = "TRADEWIND__DATABASE__URL"
BROKER_URL = "TRADEWIND__BROKER__URL"
SERVICES = ("api-server", "dag-processor", "scheduler", "dispatcher", "collector", "worker", "triggerer")
NOBODY_THERE = "postgresql://user:secret@127.0.0.1:1/nothing"


def tradewind(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tradewind.cli", *arguments],
        env={**clean_environment(), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def clean_environment() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("TRADEWIND__")}


def test_version() -> None:
    done = tradewind("version")
    assert (done.returncode, done.stdout) == (0, "0.1.0\n")


def test_help_names_every_command() -> None:
    done = tradewind("--help")
    commands = ("standalone", *SERVICES)
    assert [command for command in (*commands, "dags", "db", "tasks", "version") if command not in done.stdout] == []


@pytest.mark.parametrize("command", SERVICES)
def test_a_service_without_a_broker_names_the_setting(command: str, tmp_path: Path) -> None:
    done = tradewind(command, TRADEWIND__DATABASE__URL=NOBODY_THERE, TRADEWIND__HOME=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith(f"tradewind: {BROKER_URL} is not set")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["api-server", "dag-processor", "scheduler", "collector", "triggerer"])
def test_a_service_without_a_database_names_the_setting(command: str, tmp_path: Path) -> None:
    done = tradewind(command, TRADEWIND__BROKER__URL="amqp://127.0.0.1:1/", TRADEWIND__HOME=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith(f"tradewind: {DATABASE_URL} is not set")


def test_a_wrong_value_names_its_variable() -> None:
    done = tradewind("collector", TRADEWIND__API__PORT="eighty")
    assert done.returncode == 2
    assert done.stderr.startswith("tradewind: TRADEWIND__API__PORT: ")


def test_a_broker_address_of_another_kind_is_refused() -> None:
    done = tradewind("collector", TRADEWIND__DATABASE__URL=NOBODY_THERE, TRADEWIND__BROKER__URL="kafka://x")
    assert done.returncode == 2
    assert BROKER_URL in done.stderr


def test_a_task_is_run_by_the_api_and_without_one_it_did_not_run(tmp_path: Path) -> None:
    words = ("tasks", "run", "a_dag", "a_task", "a_run", "-A", "-m", "--api-url", "http://127.0.0.1:1")
    done = tradewind(*words, TRADEWIND__HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("The API at http://127.0.0.1:1 cannot be reached")
    assert done.stderr.count("\n") == 1
    wrong = tradewind("tasks", "run", "a_dag", "a_task", "a_run", "-d", "perhaps")
    assert (wrong.returncode, "'perhaps' is neither check nor ignore" in wrong.stderr) == (2, True)


def test_every_command_that_messages_carry_is_understood(tmp_path: Path) -> None:
    flags = RunFlags(
        mark_success=True,
        ignore_all_deps=True,
        ignore_depends_on_past=True,
        ignore_task_deps=True,
        ignore_ti_state=True,
        pool="p",
    )
    run = TaskRun(dag_id="a", task_id="b", run_id="c", map_index=3, attempt_id=UUID(int=7), flags=flags)
    done = tradewind(*task_run_command(run)[1:], TRADEWIND__HOME=str(tmp_path))
    assert (done.returncode, done.stderr.startswith(f"tradewind: {BROKER_URL} is not set")) == (2, True), done.stderr


def test_migrate_may_run_twice_at_once(empty_database_url: str) -> None:
    command = [sys.executable, "-m", "tradewind.cli", "db", "migrate"]
    environment = {**clean_environment(), DATABASE_URL: empty_database_url}
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert outputs[0][0].splitlines()[-1] == outputs[1][0].splitlines()[-1]
    assert outputs[0][0].splitlines()[-1].startswith("The schema is at migration 0")


def test_migrate_says_in_one_line_that_nobody_is_there() -> None:
    done = tradewind("db", "migrate", TRADEWIND__DATABASE__URL=NOBODY_THERE)
    assert done.returncode == 1
    assert "TRADEWIND__DATABASE__URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_check_says_whether_the_database_can_be_reached(database_url: str) -> None:
    good = tradewind("db", "check", TRADEWIND__DATABASE__URL=database_url)
    assert (good.returncode, good.stdout.splitlines()[-1]) == (0, "The database can be reached.")
    bad = tradewind("db", "check", TRADEWIND__DATABASE__URL=NOBODY_THERE)
    assert bad.returncode == 1
    assert "could not be reached" in bad.stderr
    assert "secret" not in bad.stdout + bad.stderr
