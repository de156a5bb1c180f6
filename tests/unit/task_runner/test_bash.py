"""BashOperator, run as an attempt."""

import os
from pathlib import Path

import pytest

from tests.unit.task_runner.conftest import Ran, RunSource
from tradewind.core.states import EndCause, Outcome
from tradewind.sdk import subprocess

SHELL_HAS_BEGUN = "execution_timeout=timedelta(seconds=1.5)"
HEAD = """
import json
from datetime import timedelta
from airflow.sdk import DAG
from airflow.providers.standard.operators.bash import BashOperator
"""


def _bash(run: RunSource, arguments: str) -> Ran:
    return run(f'{HEAD}\nwith DAG("d"):\n    BashOperator(task_id="t", {arguments})\n')


def test_last_line_is_the_value_and_all_lines_are_logged(run: RunSource) -> None:
    ran = _bash(run, "bash_command='echo one; echo two >&2; echo three'")
    assert ran.xcoms == {"return_value": "three"}
    assert ran.events[-4:] == ["one", "two", "three", "Command exited with return code 0"]


def test_output_that_is_not_text_is_shown_as_escapes(run: RunSource) -> None:
    assert _bash(run, """bash_command="printf '\\\\377\\\\n'" """).xcoms == {"return_value": "\\xff"}


@pytest.mark.parametrize(
    ("arguments", "outcome", "detail"),
    [
        (
            "bash_command='exit 99'",
            Outcome.SKIPPED,
            "AirflowSkipException: Bash command returned exit code 99. Skipping.",
        ),
        (
            "bash_command='exit 7', skip_on_exit_code=[5, 7]",
            Outcome.SKIPPED,
            "AirflowSkipException: Bash command returned exit code 7. Skipping.",
        ),
        (
            "bash_command='exit 99', skip_on_exit_code=None",
            Outcome.FAILED,
            "AirflowException: Bash command failed. The command returned a non-zero exit code 99.",
        ),
        (
            "bash_command='true', cwd='/no/such/folder'",
            Outcome.FAILED,
            "AirflowException: Can not find the cwd: /no/such/folder",
        ),
        (
            "bash_command='true', cwd='/dev/null'",
            Outcome.FAILED,
            "AirflowException: The cwd /dev/null must be a directory",
        ),
    ],
)
def test_exit_codes_and_folders(run: RunSource, arguments: str, outcome: Outcome, detail: str) -> None:
    result = _bash(run, arguments).result
    assert (result.outcome, result.detail) == (outcome, detail)


def test_environment(run: RunSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTER", "outer")
    command = "bash_command='echo $OUTER-$OWN-$AIRFLOW_CTX_TASK_ID'"
    assert _bash(run, command).xcoms == {"return_value": "outer--t"}
    assert _bash(run, command + ", env={'OWN': '{{ ds }}'}").xcoms == {"return_value": "-2021-01-02-t"}
    appended = _bash(run, command + ", env={'OWN': 'own'}, append_env=True")
    assert appended.xcoms == {"return_value": "outer-own-t"}


def test_output_processor_and_multiple_outputs(run: RunSource) -> None:
    command = """echo noise; echo '{"a": 1}'"""
    ran = _bash(run, f"bash_command={command!r}, output_processor=json.loads, multiple_outputs=True")
    assert ran.xcoms == {"a": 1, "return_value": {"a": 1}}


def test_runs_in_a_folder_of_its_own_or_in_cwd(run: RunSource, tmp_path: Path) -> None:
    own = _bash(run, "bash_command='pwd'").xcoms["return_value"]
    assert own != os.getcwd()  # noqa: PTH109 - compared as text
    assert not Path(own).exists()
    assert _bash(run, f"bash_command='pwd', cwd='{tmp_path}'").xcoms == {"return_value": str(tmp_path)}


def test_script_file_is_rendered_and_run(run: RunSource, tmp_path: Path) -> None:
    (tmp_path / "script.sh").write_text("echo first\necho {{ ds }}\n")
    assert _bash(run, "bash_command='script.sh'").xcoms == {"return_value": "2021-01-02"}


def test_script_with_a_space_behind_is_run_as_it_is(run: RunSource, tmp_path: Path) -> None:
    script = tmp_path / "script.sh"
    script.write_text("#!/bin/bash\necho '{{ ds }}'\n")
    script.chmod(0o700)
    assert _bash(run, f"bash_command='{script} '").xcoms == {"return_value": "{{ ds }}"}


def test_timeout_ends_the_whole_process_group(run: RunSource, tmp_path: Path) -> None:
    marker = tmp_path / "ended"
    command = f"trap 'echo ending; echo ended > {marker}; exit 0' TERM; sleep 60 & wait"
    ran = _bash(run, f"bash_command={command!r}, {SHELL_HAS_BEGUN}")
    assert (ran.result.cause, ran.result.detail) == (
        EndCause.TIMEOUT,
        "AirflowTaskTimeout: execution_timeout of 1.5 s is over",
    )
    assert marker.read_text() == "ended\n"


def test_command_that_does_not_end_is_killed(run: RunSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "GRACE_SECONDS", 0.05)
    command = "trap '' TERM; echo $$; while true; do sleep 1; done"
    ran = _bash(run, f"bash_command={command!r}, {SHELL_HAS_BEGUN}")
    assert ran.result.cause is EndCause.TIMEOUT
    with pytest.raises(ProcessLookupError):
        os.kill(int(ran.events[-2]), 0)
