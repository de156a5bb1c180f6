"""One server process that tests can stop, kill and start again, and that cannot outlive its tests."""

import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

_GUARD: Final = 'exec 3<&0; (read -r _ <&3; kill -KILL 0) & exec "$@" </dev/null 3<&-'
"""Runs a command as leader of its own process group; when our end of its standard input closes, because we closed it
or because we died, the whole group dies."""


class ServerUnavailable(Exception):
    """A server that the tests need cannot be had; the text says what to do about it."""


_FIRST_PORT: Final = 10_240
_PORT_COUNT: Final = 32_768 - _FIRST_PORT
"""Below those that Linux gives to whoever wants any, for a listener or for its own end of a connection."""
_PORT_NUMBERS: Final = itertools.count(random.randrange(_PORT_COUNT))
"""So that no two servers of this process are told the same, however late they begin to listen."""


def free_ports(count: int) -> list[int]:
    """Ports on loopback that nobody listens on now, and that nobody else will be given meanwhile."""
    numbers = (_FIRST_PORT + number % _PORT_COUNT for number in _PORT_NUMBERS)
    return list(itertools.islice((number for number in numbers if _is_free(number)), count))


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def find_program(name: str, *folders: str) -> str | None:
    """Full path of a program in these folders or on PATH or where Debian keeps servers."""
    return shutil.which(name, path=os.pathsep.join((*folders, os.environ.get("PATH", ""), "/usr/sbin", "/sbin")))


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def wait_until(predicate: Callable[[], bool], timeout_seconds: float, what: str) -> None:
    """Return once the predicate holds; raises `TimeoutError` that says what was awaited."""
    deadline = time.monotonic() + timeout_seconds
    while not predicate():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout_seconds:g} s")
        time.sleep(0.02)


class ServerProcess:
    """A command with its environment and log file; started and ended any number of times."""

    def __init__(self, command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None) -> None:
        self._command = tuple(command)
        self._log = log
        self._environment = {**os.environ, **(environment or {})}
        self._leader: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended, by itself or otherwise."""
        return self._leader is not None and self._leader.poll() is None

    @property
    def pid(self) -> int:
        """Of the command itself, which leads a process group."""
        assert self._leader is not None, "not started"
        return self._leader.pid

    def start(self) -> None:
        """Start it unless it runs; returns before it is ready."""
        if self._leader is not None:
            return
        with self._log.open("ab") as log:
            self._leader = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, "guard", *self._command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )

    def wait_for_port(self, port: int, timeout_seconds: float) -> None:
        """Return once it accepts connections there; raises `ServerUnavailable` with the end of its log."""
        leader = self._leader
        assert leader is not None, "not started"
        try:
            wait_until(lambda: listens(port) or leader.poll() is not None, timeout_seconds, self._command[0])
        except TimeoutError as exc:
            raise ServerUnavailable(f"{exc}\n{self._log_tail()}") from None
        if leader.poll() is not None:
            raise ServerUnavailable(f"{self._command[0]} ended with status {leader.returncode}:\n{self._log_tail()}")

    def stop(self, timeout_seconds: float = 20.0) -> None:
        """End it in good order (SIGTERM), by force after the timeout."""
        if self._leader is None:
            return
        self._leader.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._leader.wait(timeout_seconds)
        self.kill()

    def kill(self) -> None:
        """SIGKILL, as a crash would; returns once every process of it is gone."""
        if self._leader is None:
            return
        members = self._members()
        os.killpg(self._leader.pid, signal.SIGKILL)
        self._leader.wait()
        assert self._leader.stdin is not None
        self._leader.stdin.close()
        self._leader = None
        wait_until(lambda: not any(map(is_alive, members)), 60.0, "kill")

    def _members(self) -> list[psutil.Process]:
        leader = self._leader
        if leader is None or leader.poll() is not None:
            return []
        return psutil.Process(leader.pid).children(recursive=True)

    def _log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-3000:]


def is_alive(process: psutil.Process | int) -> bool:
    """Whether the process, or the one of this pid, still runs (a zombie does not)."""
    try:
        if isinstance(process, int):
            process = psutil.Process(process)
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def has_word(process: psutil.Process, word: str) -> bool:
    """Whether its command line has this word; that of a process which has just ended has none."""
    try:
        return word in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False
