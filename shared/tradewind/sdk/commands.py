"""Commands run from task code, their output in the task's log; and environment variables set for a while."""

import logging
import os
import shlex
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

log = logging.getLogger("tradewind.task")


def execute_in_subprocess(cmd: list[str], cwd: str | None = None, env: dict[str, str] | None = None) -> None:
    """Run a command and log what it prints; raises CalledProcessError if it fails."""
    execute_in_subprocess_with_kwargs(cmd, cwd=cwd, env=env)


def execute_in_subprocess_with_kwargs(cmd: list[str], **kwargs: Any) -> None:
    """As `execute_in_subprocess`, with any arguments of Popen."""
    log.info("Executing cmd: %s", shlex.join(cmd))
    with subprocess.Popen(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kwargs) as process:  # noqa: S603 - the author's command
        assert process.stdout is not None
        for line in iter(process.stdout.readline, b""):
            log.info("%s", line.decode(errors="replace").rstrip())
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, cmd)


@contextmanager
def patch_environ(new_env_variables: Mapping[str, str]) -> Generator[None]:
    """Set environment variables for a block of code."""
    before = {name: os.environ.get(name) for name in new_env_variables}
    os.environ.update(new_env_variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
