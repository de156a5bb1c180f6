"""Running a command whose output goes to the task log, line by line."""

import os
import signal
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen, TimeoutExpired
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from tradewind.sdk.hook import BaseHook

GRACE_SECONDS: Final = 5.0
"""How long a command that was told to end may take for it before it is killed."""


class SubprocessResult(NamedTuple):
    """How a command ended: its exit code, and the last line that it wrote."""

    exit_code: int
    output: str


@contextmanager
def working_directory(cwd: str | None = None) -> Generator[str]:
    """The folder given, or else one that is removed afterwards."""
    if cwd is not None:
        yield cwd
        return
    with TemporaryDirectory(prefix="tradewind-") as folder:
        yield folder


class SubprocessHook(BaseHook):
    """Runs one command in a process group of its own."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sub_process: Popen[bytes] | None = None

    def run_command(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        output_encoding: str = "utf-8",
        cwd: str | None = None,
    ) -> SubprocessResult:
        """Run to the end. Without `cwd` the command gets a folder that is removed afterwards; without `env` it
        inherits the process's."""
        with working_directory(cwd) as folder:
            return self._run_in(folder, command, env, output_encoding)

    def _run_in(
        self, folder: str, command: Sequence[str], env: Mapping[str, str] | None, encoding: str
    ) -> SubprocessResult:
        self.log.info("Running command: %s", list(command))
        self.sub_process = process = Popen(  # noqa: S603 - running what the author wrote is the purpose
            list(command), stdout=PIPE, stderr=STDOUT, stdin=None, cwd=Path(folder), env=env, start_new_session=True
        )
        try:
            output = self._follow(process, encoding)
        except BaseException:
            _end(process)
            raise
        self.log.info("Command exited with return code %s", process.returncode)
        return SubprocessResult(process.returncode, output)

    def _follow(self, process: Popen[bytes], encoding: str) -> str:
        """Log the lines as they come, until the command has ended; gives the last one."""
        assert process.stdout is not None
        self.log.info("Output:")
        line = ""
        for raw in iter(process.stdout.readline, b""):
            line = raw.decode(encoding, errors="backslashreplace").rstrip()
            self.log.info("%s", line)
        process.wait()
        process.stdout.close()
        return line

    def send_sigterm(self) -> None:
        """Ask the command, and everything in its process group, to end."""
        if self.sub_process is None or self.sub_process.returncode is not None:
            return
        self.log.info("Sending SIGTERM signal to process group")
        _signal_group(self.sub_process, signal.SIGTERM)


def _end(process: Popen[bytes]) -> None:
    """End the command and its group after an interruption: nothing of it may outlive the attempt."""
    _signal_group(process, signal.SIGTERM)
    try:
        process.wait(GRACE_SECONDS)
    except TimeoutExpired:
        _signal_group(process, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        # Not sooner: what it writes while it ends must not hit a closed pipe.
        process.stdout.close()


def _signal_group(process: Popen[bytes], signum: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signum)
