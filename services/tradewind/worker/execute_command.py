"""What a stock Celery worker runs for one of our task messages: one attempt, as a worker of its own.

The argv is read before anything runs. Whatever is not `tradewind tasks run … --attempt-id …` is refused; what is run is
the argv built anew from what was read, in a process of its own: a stock worker's pool may be made of processes, threads
or greenlets, and none of them need know of our event loop, signals or children.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tradewind.core.errors import DomainError
from tradewind.service.logging import get_logger
from tradewind.task_runner.supervising.single import NOT_RUN, SUCCEEDED
from tradewind.wire.codec import UndecodableMessage
from tradewind.wire.task_run import parse_task_run_command, task_run_command

_END_SECONDS: Final = 90.0
"""After SIGTERM: longer than a task has to clean up."""


class CommandRefused(DomainError):
    """The message asks for something else than running an attempt."""


class AttemptFailed(DomainError):
    """It ran and failed, which Tradewind knows already; Celery is told by this exception."""


class AttemptNotRun(DomainError):
    """It was not this worker's to run, or was stopped before its end."""


def execute_command(command: object) -> None:
    """Run the attempt that this argv names and wait for its end. Raises `CommandRefused`, `AttemptFailed` or
    `AttemptNotRun`; the text says which attempt and why."""
    attempt_id, argv = checked(command)
    program = [sys.executable, "-m", "tradewind.worker.attempt_process", str(os.getpid()), *argv[1:]]
    with subprocess.Popen(program, stdin=subprocess.DEVNULL) as process:  # noqa: S603 - the argv was read and built anew
        try:
            exit_code = process.wait()
        except BaseException:
            _end(process)  # a time limit of Celery's, or the pool is told to go
            raise
    match exit_code:
        case _ if exit_code == SUCCEEDED:
            get_logger().info("attempt.executed", attempt_id=str(attempt_id))
        case _ if exit_code == NOT_RUN:
            raise AttemptNotRun(f"attempt {attempt_id} did not end here: another is current, or it was stopped")
        case _:
            raise AttemptFailed(f"attempt {attempt_id} failed (exit code {exit_code}); its log says why")


def checked(command: object) -> tuple[UUID, tuple[str, ...]]:
    """The attempt, and its argv built anew. Raises `CommandRefused`."""
    try:
        run = parse_task_run_command(_words(command))
    except UndecodableMessage as exc:
        raise _refused(str(exc)) from exc
    if run.attempt_id is None:
        raise _refused("the command names no attempt (`--attempt-id`)")
    return run.attempt_id, task_run_command(run)


def _words(command: object) -> Sequence[str]:
    if not isinstance(command, (list, tuple)):
        raise _refused(f"the argument is no argv but {type(command).__name__}")
    words = [word for word in command if isinstance(word, str)]  # pyright: ignore[reportUnknownVariableType] - what a message holds
    if len(words) != len(command):  # pyright: ignore[reportUnknownArgumentType] - likewise
        raise _refused("the argv has something else than text in it")
    return words


def _refused(reason: str) -> CommandRefused:
    get_logger().error("command.refused", reason=reason)
    return CommandRefused(f"refused: {reason}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
