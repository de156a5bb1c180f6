"""What a stock Celery worker does with the argument of a task message."""

import os
from typing import Any
from uuid import UUID

import pytest

from tradewind.worker.execute_command import AttemptFailed, CommandRefused, checked, execute_command

ATTEMPT = "01a1fe21-12fb-734c-ae5b-8e5ebe12ac59"
COMMAND = ["tradewind", "tasks", "run", "dag", "task", "manual__1", "--map-index", "3", "--attempt-id", ATTEMPT]


def test_argv_is_built_anew_with_the_names_behind_all_options() -> None:
    attempt_id, argv = checked(["tradewind", "tasks", "run", "-dag", "task", "run", f"--attempt-id={ATTEMPT}"])
    assert attempt_id == UUID(ATTEMPT)
    assert argv == (
        *("tradewind", "tasks", "run", "--map-index", "-1", "--attempt-id", ATTEMPT),
        *("--", "-dag", "task", "run"),
    )


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("tradewind tasks run dag task run", "no argv but str"),
        (None, "no argv but NoneType"),
        ([], "not `tradewind tasks run`"),
        (["/bin/sh", "-c", "true"], "not `tradewind tasks run`"),
        (["tradewind", "db", "reset", "--yes"], "not `tradewind tasks run`"),
        (COMMAND[:6], "names no attempt"),
        (COMMAND[:-1], "no value"),
        ([*COMMAND, "--cfg-path", "/etc/passwd"], "does not know"),
        ([*COMMAND[:-1], "not-a-uuid"], "not a UUID"),
        ([*COMMAND, 7], "something else than text"),
    ],
)
def test_anything_else_is_refused_and_the_reason_logged(
    command: Any, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandRefused, match=reason):
        execute_command(command)
    assert "command.refused" in capsys.readouterr().out


def test_a_process_of_its_own_is_run_and_its_failure_is_raised(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith(("TRADEWIND__", "AIRFLOW__"))]:
        monkeypatch.delenv(name)
    with pytest.raises(AttemptFailed, match=f"attempt {ATTEMPT} failed \\(exit code 2\\)"):
        execute_command(COMMAND)
    assert "TRADEWIND__BROKER__URL" in capfd.readouterr().err
