"""What a forked child does: take a request, run it, report it; in a process that is reused, again and again."""

import contextvars
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from tradewind.core.states import EndCause, Outcome
from tradewind.sdk.dag_file import LoadedDagFile
from tradewind.sdk.masking import MASKER
from tradewind.task_runner.attempt.child_log import LogPipe, task_log
from tradewind.task_runner.attempt.dag_file_import import ImportTookTooLong, import_for
from tradewind.task_runner.attempt.execute import Send, run_attempt
from tradewind.task_runner.attempt.outcomes import WAITING
from tradewind.task_runner.forking.protocol import StartServer
from tradewind.task_runner.frames import FrameTooLarge, frame, read_request, write_frame
from tradewind.task_runner.protocol import AttemptRequest, AttemptResult
from tradewind.task_runner.turns.isolation import wants_process_of_its_own
from tradewind.task_runner.turns.traces import Traces, most_bytes
from tradewind.wire.messages import TaskStarted

_REASON_MAX_CHARACTERS: Final = 2000
_CLEAN_OUTCOMES: Final = (Outcome.SUCCESS, Outcome.SKIPPED, *WAITING)


def run_child(server: StartServer, loaded: LoadedDagFile | None, connection: int) -> int:
    """Await requests, run them; returns the exit code."""
    if loaded is None or server.tasks_per_child == 1:
        return _run_only(server, loaded, connection)
    turns = _Turns(server, loaded, connection)
    while not turns.are_over and (request := read_request(connection)) is not None:
        contextvars.copy_context().run(turns.take, request)
    return 0


def _run_only(server: StartServer, loaded: LoadedDagFile | None, connection: int) -> int:
    request = read_request(connection)
    if request is None:
        return 0
    send = _sender(connection)
    if loaded is None:
        try:
            loaded = _import_in_child(request, server)
        except BaseException as exc:
            send(_import_failure(exc))
            return 1
    run_attempt(request, loaded, send)
    return 0


@dataclass(slots=True, kw_only=True)
class _Verdict:
    """Whether another attempt may follow; why not, for the log."""

    reason: str | None = None
    is_reusable: bool = False


class _Turns:
    """Attempts one after another."""

    def __init__(self, server: StartServer, loaded: LoadedDagFile, connection: int) -> None:
        self._server = server
        self._loaded = loaded
        self._send = _sender(connection)
        self._traces = Traces(server.dags_folder)
        self._first_bytes = most_bytes()
        self._count = 0
        self.are_over = False

    def take(self, request: AttemptRequest) -> None:
        self.are_over = True  # unless the end says otherwise
        self._count += 1

        def send(message: TaskStarted | AttemptResult) -> None:
            if isinstance(message, AttemptResult):
                MASKER.forget(request.grant.token)
                message = self._judged(request, message)
            self._send(message)

        run_attempt(request, self._loaded, send)

    def _judged(self, request: AttemptRequest, result: AttemptResult) -> AttemptResult:
        verdict = self._verdict(request, result)
        if verdict.reason is not None:
            _note(verdict.reason)
        if not verdict.is_reusable:
            return result
        self.are_over = False
        return msgspec.structs.replace(result, is_reusable=True)

    def _verdict(self, request: AttemptRequest, result: AttemptResult) -> _Verdict:
        is_clean = result.outcome in _CLEAN_OUTCOMES and result.overtime_seconds is None
        is_last = self._count == self._server.tasks_per_child
        if not is_clean or is_last or wants_process_of_its_own(self._loaded, request.key):
            return _Verdict()
        reason = self._traces.erase() or self._too_large()
        return _Verdict(reason=reason, is_reusable=reason is None)

    def _too_large(self) -> str | None:
        now = most_bytes()
        grown, most = now - self._first_bytes, self._server.child_growth_bytes
        if 0 < most < grown:
            return f"it has grown by {grown >> 20} MiB, more than {most >> 20} MiB"
        most = self._server.child_bytes
        return f"it has taken {now >> 20} MiB, more than {most >> 20} MiB" if 0 < most < now else None


def _note(reason: str) -> None:
    record = {
        "timestamp": datetime.now(UTC).isoformat(),
        "level": "info",
        "event": MASKER.redact(f"The task's process is not used for another task: {reason}"),
        "logger": "tradewind.task",
    }
    LogPipe(1).write_record(record)


def _sender(connection: int) -> Send:
    def send(message: TaskStarted | AttemptResult) -> None:
        flush_streams()
        write_frame(connection, _frame_or_refusal(message))

    return send


def _frame_or_refusal(message: TaskStarted | AttemptResult) -> bytes:
    try:
        return frame(message)
    except FrameTooLarge as exc:
        is_reusable = isinstance(message, AttemptResult) and message.is_reusable
        failure = _failure(f"the result of the task is too large: {exc}")
        return frame(msgspec.structs.replace(failure, is_reusable=is_reusable))


def _import_in_child(request: AttemptRequest, server: StartServer) -> LoadedDagFile:
    """What it prints goes to the attempt's log, secrets masked."""
    with task_log():
        try:
            return import_for(request, server)
        except BaseException:
            traceback.print_exc()
            raise


def _import_failure(exc: BaseException) -> AttemptResult:
    detail = MASKER.redact(f"the DAG file could not be imported: {type(exc).__name__}: {exc}")
    return _failure(detail, EndCause.TIMEOUT if isinstance(exc, ImportTookTooLong) else EndCause.USER_ERROR)


def _failure(detail: str, cause: EndCause = EndCause.USER_ERROR) -> AttemptResult:
    clipped = detail[:_REASON_MAX_CHARACTERS]
    return AttemptResult(Outcome.FAILED, cause, clipped, None, datetime.now(UTC), is_silent=True)


def flush_streams() -> None:
    """Whatever they hold goes out, as far as it can."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
