"""Running a command whose output goes to the task log, line by line."""

import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tradewind.sdk.hook import BaseHook


class SubprocessResult(NamedTuple):
    """How a command ended: its exit code, and the last line that it wrote."""

    exit_code: int
    output: str


class SubprocessHook(BaseHook):
    """Runs one command in a process group of its own."""

    def __init__(self) -> None:
        super().__init__()
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
        if cwd is not None:
            return self._run_in(cwd, command, env, output_encoding)
        with TemporaryDirectory(prefix="tradewind-") as folder:
            return self._run_in(folder, command, env, output_encoding)

    def _run_in(
        self, folder: str, command: Sequence[str], env: Mapping[str, str] | None, encoding: str
    ) -> SubprocessResult:
        self.log.info("Running command: %s", list(command))
        self.sub_process = process = Popen(  # noqa: S603 - running what the author wrote is the purpose
            list(command), stdout=PIPE, stderr=STDOUT, stdin=None, cwd=Path(folder), env=env, start_new_session=True
        )
        # Not `with process`: on a timeout that would wait for the command before on_kill() can end it.
        assert process.stdout is not None
        self.log.info("Output:")
        line = ""
        for raw in iter(process.stdout.readline, b""):
            line = raw.decode(encoding, errors="backslashreplace").rstrip()
            self.log.info("%s", line)
        exit_code = process.wait()
        process.stdout.close()
        self.log.info("Command exited with return code %s", exit_code)
        return SubprocessResult(exit_code, line)

    def send_sigterm(self) -> None:
        """Ask the command, and everything in its process group, to end."""
        if self.sub_process is None or self.sub_process.returncode is not None:
            return
        self.log.info("Sending SIGTERM signal to process group")
        with suppress(ProcessLookupError):
            os.killpg(self.sub_process.pid, signal.SIGTERM)
