"""Services in the background: their options, their pid files, and what becomes of their output."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tradewind.cli.command_table import WORDS as COMMANDS
from tradewind.cli.command_table import loaded
from tradewind.cli.daemons.detaching import detach
from tradewind.cli.daemons.pid_file import AlreadyRunning, PidFile
from tradewind.cli.daemons.places import Places
from tradewind.cli.daemons.stopping import stop
from tradewind.core.errors import ConfigError

HOLD = """
import os, sys
from pathlib import Path
from tradewind.cli.daemons.pid_file import PidFile
with PidFile(Path(sys.argv[1]), "scheduler").held():
    if child := os.fork():
        print(child, flush=True)
    sys.stdin.read()  # in both
"""
PROGRAM = """
import os, sys
from pathlib import Path
import typer
from tradewind.cli.daemons.words import may_run_in_background
app = typer.Typer()
@app.command()
@may_run_in_background("speaker")
def speak(word: str) -> None:
    print(word, Path("here").read_text(), os.environ["TRADEWIND__LOGGING__LEVEL"])
    os.write(1, b"to descriptor 1")
    raise SystemExit("and an error")
app()
"""
WORDS = ("daemon", "pid", "log_file", "stdout", "stderr", "verbose")


@contextmanager
def holder(path: Path) -> Generator["tuple[subprocess.Popen[str], int]"]:
    """A process that holds the file, and its child's id."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert child > 1
        yield process, child


def test_every_service_has_the_same_options() -> None:
    commands = {**{name: loaded(name) for name in COMMANDS}, **loaded("celery").commands}
    services = ("api-server", "scheduler", "dispatcher", "collector", "dag-processor", "triggerer", "worker", "flower")
    for name in services:
        options = {each.name: each.opts for each in commands[name].params}
        assert set(WORDS) <= options.keys(), name
        assert (options["daemon"], options["log_file"]) == (["-D", "--daemon"], ["-l", "--log-file"]), name
        shown = [text for each in commands[name].params for text in each.opts]
        assert len(shown) == len(set(shown)), name


def test_a_pid_file_is_held_by_its_process_only_and_stale_when_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "scheduler.pid"
    with holder(path) as (process, child):
        pid_file = PidFile(path, "scheduler")
        assert (pid_file.text, pid_file.is_held) == (str(process.pid), True)
        with pytest.raises(
            AlreadyRunning, match=rf"the scheduler is running already.* process {process.pid} \(.*--pid"
        ):
            pid_file.refuse_if_held()
        with pytest.raises(AlreadyRunning), pid_file.held():
            pass
        process.kill()
        process.wait()
        os.kill(child, 0)  # its child goes on
        assert (path.exists(), pid_file.is_held) == (True, False)
        with pid_file.held():
            assert path.read_text() == f"{os.getpid()}\n"
        assert not path.exists()


def test_a_pid_file_that_another_has_put_in_its_place_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "scheduler.pid"
    with PidFile(path, "scheduler").held():
        path.unlink()
        path.write_text("77\n")
    assert path.read_text() == "77\n"


def test_stop_signals_only_who_holds_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "worker.pid"
    with pytest.raises(ConfigError, match=r"there is no pid file .*worker\.pid"):
        stop(path, "worker")
    path.write_text(f"{os.getpid()}\n")  # as if this number had been given away anew
    stop(path, "worker")
    assert not path.exists()
    assert "is gone; the file was removed" in capsys.readouterr().err
    with holder(path) as (process, child):
        stop(path, "worker")
        assert process.wait() == -signal.SIGTERM
        os.kill(child, signal.SIGKILL)


def test_output_goes_where_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "here").write_text("in the same folder")
    command = [sys.executable, "-c", PROGRAM, "hello", "-v", "--log-file", "log", "--stdout", "out", "--stderr", "err"]
    inside = {**os.environ, "TRADEWIND__HOME": str(tmp_path / "home")}
    done = subprocess.run(command, cwd=tmp_path, env=inside, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    assert (tmp_path / "log").read_text() == "hello in the same folder DEBUG\n"
    assert (tmp_path / "out").read_text() == "to descriptor 1"
    assert (tmp_path / "err").read_text() == "and an error\n"


def places(folder: Path, *, stderr: Path) -> Places:
    return Places(pid=folder / "pid", log=folder / "log", stdout=folder / "out", stderr=stderr)


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    wrong = r"the pid file .*nowhere/x\.pid cannot be written: No such file"
    with pytest.raises(ConfigError, match=wrong), PidFile(missing / "x.pid", "worker").held():
        pass
    with pytest.raises(ConfigError, match=r"nowhere/err cannot be written: No such file or directory"):
        detach("worker", places(tmp_path, stderr=missing / "err"), lambda: None)


def test_who_ends_at_once_is_not_said_to_run(tmp_path: Path) -> None:
    """In a process of its own: tests have threads."""
    command = [sys.executable, "-c", PROGRAM, "hello", "--daemon", "-v"]
    (tmp_path / "here").touch()
    inside = {**os.environ, "TRADEWIND__HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=inside, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "ConfigError: the speaker ended at once: and an error" in " ".join(done.stderr.split())
    assert not (tmp_path / "tradewind-speaker.pid").exists()
