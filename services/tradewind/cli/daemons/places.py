"""Where a service in the background leaves its pid, its log, and what it and its children print."""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from tradewind.core.errors import ConfigError

_STDOUT, _STDERR = 1, 2
_LINE_MAX: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Absolute paths; None = not wanted."""

    pid: Path | None
    log: Path | None
    """The service's own log."""
    stdout: Path | None
    """What anything else writes there."""
    stderr: Path | None

    @property
    def is_empty(self) -> bool:
        return (self.pid, self.log, self.stdout, self.stderr) == (None, None, None, None)

    def completed(self, home: Path, name: str) -> Self:
        """All of them, as Airflow names them: `tradewind-<name>.pid` and so on under the home folder."""
        pid_file = pid_file_of(home, name)
        pid_file.parent.mkdir(parents=True, exist_ok=True)
        return type(self)(
            pid=self.pid or pid_file,
            log=self.log or pid_file.with_suffix(".log"),
            stdout=self.stdout or pid_file.with_suffix(".out"),
            stderr=self.stderr or pid_file.with_suffix(".err"),
        )

    @contextmanager
    def output(self) -> Generator["Output"]:
        """The files, opened; raises `ConfigError` that names the one that cannot be."""
        descriptors = [_opened(path) for path in (self.log, self.stdout, self.stderr)]
        try:
            yield Output(*descriptors)
        finally:
            for descriptor in descriptors:
                if descriptor is not None:
                    os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Output:
    """Descriptors of files that are written to at their end, so that they may be cut off at any time."""

    log: int | None
    stdout: int | None
    stderr: int | None

    @property
    def last_error(self) -> str:
        """The last line that was written to the file of errors."""
        if self.stderr is None or (size := os.fstat(self.stderr).st_size) == 0:
            return "nothing was written to standard error"
        end = os.pread(self.stderr, _LINE_MAX, max(0, size - _LINE_MAX))
        return end.decode(errors="replace").rstrip().rpartition("\n")[2].removeprefix("tradewind: ")

    @contextmanager
    def taken(self) -> Generator[None]:
        """The descriptors 1 and 2 lead there from now on; the log, which services write to `sys.stdout`, apart."""
        sys.stdout.flush()
        sys.stderr.flush()
        for ours, standard in ((self.stdout, _STDOUT), (self.stderr, _STDERR)):
            if ours is not None:
                os.dup2(ours, standard)
        if self.log is None:
            yield
            return
        with open(self.log, "a", buffering=1, encoding="utf-8", closefd=False) as log, redirect_stdout(log):
            yield


def pid_file_of(home: Path, name: str) -> Path:
    """Where it is if nobody says otherwise."""
    return home.absolute() / f"tradewind-{name}.pid"


def _opened(path: Path | None) -> int | None:
    if path is None:
        return None
    try:
        return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise ConfigError(f"{path} cannot be written: {exc.strerror}") from exc
