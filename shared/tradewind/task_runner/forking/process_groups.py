"""Signals to everything that a child started: its process group, and what left the group when the child was killed.

A fork server is a subreaper: a process that lost its parent becomes the server's own child. Which task it came from
is read from its environment, where every child puts a mark that its subprocesses inherit.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

CHILD_MARK: Final = "TRADEWIND_CHILD"
"""Environment variable of a child and its subprocesses: `<pid of the server>.<number of the child>`."""

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_ROUNDS_MAX: Final = 8


def become_subreaper() -> None:
    """Orphaned descendants become this process's own children (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def prctl_death_signal() -> Callable[[int], object]:
    """A function that has the kernel send this signal to the calling process when its parent dies; 0 = none (Linux).
    Looked up once, since every child calls it."""
    if sys.platform != "linux":
        return lambda _signum: None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    return lambda signum: prctl(_PR_SET_PDEATHSIG, signum)


def signal_group(pid: int, signum: int) -> None:
    """To the group that the process leads, or to it alone if it had no time yet to make one."""
    try:
        os.killpg(pid, signum)
    except ProcessLookupError:
        with suppress(ProcessLookupError):
            os.kill(pid, signum)
    except PermissionError:
        pass  # only processes of another user are left in it


def kill_orphans(mark: str, spared: Container[int]) -> None:
    """SIGKILL to the children of this process that carry the mark, to their groups, and to whatever is orphaned by
    that; dead ones are waited for."""
    for _ in range(_ROUNDS_MAX):
        found = [pid for pid in child_pids() if pid not in spared and _has_mark(pid, mark)]
        if not found:
            return
        for pid in found:
            signal_group(pid, signal.SIGKILL)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in found:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def child_pids() -> Iterator[int]:
    """The processes that this one, if it has one thread, is the parent of; none where the kernel does not say."""
    try:
        text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    except OSError:
        return
    yield from map(int, text.split())


def _has_mark(pid: int, mark: str) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"{CHILD_MARK}={mark}".encode() in environment.split(b"\0")
