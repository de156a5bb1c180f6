"""`tradewind celery stop`: SIGTERM to the worker that holds a pid file."""

import os
import signal
from pathlib import Path

import typer

from tradewind.cli.daemons.pid_file import PidFile
from tradewind.core.errors import ConfigError


def stop(path: Path, name: str) -> None:
    """Tell it to finish and leave. A file that nobody holds is removed: its process is gone. Raises `ConfigError` if
    there is none."""
    pid_file = PidFile(path, name)
    text = pid_file.text
    if text is None:
        raise ConfigError(
            f"there is no pid file {path}: the {name} does not run in the background, or --pid named another file"
        )
    if not pid_file.is_held:
        path.unlink(missing_ok=True)
        typer.echo(
            f"The {name} that left {path} (process {text or 'unknown'}) is gone; the file was removed.", err=True
        )
        return
    os.kill(_number(text, path), signal.SIGTERM)
    typer.echo(f"The {name} (process {text}) takes nothing any more, finishes what it runs, and leaves.")


def _number(text: str, path: Path) -> int:
    if not text.isdecimal():
        raise ConfigError(f"{path} holds {text[:40]!r} and no process id: try again, it may be written just now")
    return int(text)
