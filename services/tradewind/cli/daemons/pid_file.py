"""A pid file that its process holds locked for as long as it lives.

The lock says whether the process is there; a number alone may be another program's by now. It is a POSIX record lock:
children do not inherit it, and it is gone with its process, however that ends.
"""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tradewind.core.errors import ConfigError

_OPENINGS_MAX: Final = 10
"""A file may be removed between its opening and its locking, by a process that ends."""


class AlreadyRunning(ConfigError):
    """The pid file is a living process's."""

    def __init__(self, path: Path, name: str, pid: str) -> None:
        super().__init__(
            f"the {name} is running already, or finishing what it runs, as process {pid} ({path}): end it first "
            f"(`kill {pid}`), or give this one a file of its own with --pid"
        )


class PidFile:
    """One file; `name` is what people call the process."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self._name = name

    @property
    def text(self) -> str | None:
        """The process id that it names, as it stands there; None = there is no such file."""
        try:
            return self.path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None

    @property
    def is_held(self) -> bool:
        """Whether a living process holds it. Not to be asked by that process: it would let go of it."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return not _lock(descriptor)
        finally:
            os.close(descriptor)

    def refuse_if_held(self) -> None:
        """Raise `AlreadyRunning` if it is."""
        if self.is_held:
            raise AlreadyRunning(self.path, self._name, self.text or "?")

    @contextmanager
    def held(self) -> Generator[None]:
        """Hold it, with this process's id in it; it is removed in the end. Raises `AlreadyRunning`, or `ConfigError` if
        it cannot be written."""
        try:
            descriptor = self._locked()
        except OSError as exc:
            raise ConfigError(f"the pid file {self.path} cannot be written: {exc.strerror}") from exc
        try:
            os.truncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
            yield
        finally:
            if self._is_at_path(descriptor):
                self.path.unlink()
            os.close(descriptor)

    def _locked(self) -> int:
        for _ in range(_OPENINGS_MAX):
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            if not _lock(descriptor):
                os.close(descriptor)
                raise AlreadyRunning(self.path, self._name, self.text or "?")
            if self._is_at_path(descriptor):
                return descriptor
            os.close(descriptor)
        raise ConfigError(f"the pid file {self.path} is removed again and again")

    def _is_at_path(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except FileNotFoundError:
            return False


def _lock(descriptor: int) -> bool:
    """False: another process has it."""
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
