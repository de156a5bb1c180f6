"""The launcher port: how a supervisor gets an attempt's child process, and what it hears of it.

`ForkLauncher` (`forking/launcher.py`) is the real one; the simulation brings its own, in virtual time. All logic is in
the supervisor, so the port stays small.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from tradewind.core.errors import AdapterError
from tradewind.service.dag_roots import DagFileLocation
from tradewind.task_runner.protocol import AttemptRequest, AttemptResult
from tradewind.wire.messages import TaskInstanceKey, TaskStarted


@dataclass(frozen=True, slots=True)
class LogBytes:
    """What the child wrote to its stdout and stderr, as it came."""

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """The child is gone. Exactly one of `code` and `signal` is given, or neither if nobody could wait for it."""

    code: int | None = None
    signal: int | None = None
    out_of_memory: bool = False
    """The kernel is known, or by the child's size likely, to have killed it for want of memory."""
    detail: str = ""
    """What is known of that, with figures."""
    shared_with: int = 0
    """So many other attempts ran in it."""


ChildEvent = TaskStarted | LogBytes | AttemptResult | Exit


class RunningAttempt(Protocol):
    """One child process."""

    @property
    def pid(self) -> int | None:
        """Known soon after the launch; it leads a process group of the same number."""
        ...

    def events(self) -> AsyncIterator[ChildEvent]:
        """What the child does, in order: `TaskStarted` at most once, `LogBytes`, then `AttemptResult`, or `Exit` if
        the child ended without one; everything that it wrote before comes first. Nothing that matters follows: whoever
        has read either may stop reading; but after a result with `overtime_seconds` come `LogBytes` and `Exit`. Not
        reading holds the child's output back, once a megabyte of it waits."""
        ...

    def kill(self, grace_seconds: float) -> None:
        """SIGTERM to the child's process group at once, SIGKILL after the grace; returns at once. Harmless when
        repeated (the shortest grace counts) and after the end."""
        ...


class Launcher(Protocol):
    """Makes child processes."""

    def prepare(self, file: DagFileLocation) -> None:
        """A task of this DAG file is likely to be launched soon: whatever can be done ahead may be done now."""
        ...

    def is_for_lane(self, key: TaskInstanceKey) -> bool:
        """Whether the task, as far as is known, is a coroutine that will run beside others in one process."""
        ...

    async def launch(self, request: AttemptRequest, file: DagFileLocation) -> RunningAttempt:
        """Start the attempt in a child of its own; raises `LaunchFailed`, and then nothing of it has run."""
        ...


class LaunchFailed(AdapterError):
    """No child process could be made at the moment."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)
