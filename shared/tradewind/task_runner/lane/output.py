"""Whose output it is: standard streams and logging of a lane go to the attempt in whose context they are used."""

import io
import logging
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final
from uuid import UUID

from tradewind.sdk.masking import MASK
from tradewind.task_runner.attempt.child_log import LogPipe, OutputStream, RecordHandler, log_level

if TYPE_CHECKING:
    from tradewind.task_runner.lane.outbox import Outbox

_STDOUT: Final = 1
_STDERR: Final = 2
_SMALLEST_TOKEN: Final = 5


class _FramePipe(LogPipe):
    """Writes to the attempt's part of the outbox. Its token is masked here: hundreds of them would make the process's
    own masker slow."""

    def __init__(self, attempt_id: UUID, token: str, outbox: "Outbox") -> None:
        super().__init__(_STDOUT)
        self._attempt_id = attempt_id
        self._token = token.encode()
        self._outbox = outbox
        self._dropped = 0

    def _write(self, data: bytes) -> None:
        if len(self._token) >= _SMALLEST_TOKEN and self._token in data:
            data = data.replace(self._token, MASK.encode())
        if self._dropped and self._outbox.put_output(self._attempt_id, b"%d bytes of output dropped\n" % self._dropped):
            self._dropped = 0
        if not self._outbox.put_output(self._attempt_id, data):
            self._dropped += len(data)


class AttemptLog:
    """Where one attempt's output goes."""

    def __init__(self, attempt_id: UUID, token: str, outbox: "Outbox") -> None:
        self.attempt_id = attempt_id
        pipe = _FramePipe(attempt_id, token, outbox)
        self.out, self.err = OutputStream(pipe, _STDOUT), OutputStream(pipe, _STDERR)
        self.handler = RecordHandler(pipe, (self.out, self.err))

    def flush(self) -> None:
        """Write what is there of unfinished lines."""
        self.out.flush()
        self.err.flush()


_current: ContextVar[AttemptLog | None] = ContextVar("tradewind_lane_log", default=None)


def current_log() -> AttemptLog | None:
    """That of the attempt whose code runs; None for what belongs to none."""
    return _current.get()


def write_to(log: AttemptLog) -> None:
    """In this context, from now on."""
    _current.set(log)


class _ContextStream(io.TextIOBase):
    """`sys.stdout` or `sys.stderr` of a lane."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride, reportImplicitOverride] - read-only here
        """Always UTF-8."""
        return "utf-8"

    @property
    def buffer(self) -> io.RawIOBase:
        """For bytes."""
        log = _current.get()
        return io.FileIO(self._descriptor, "w", closefd=False) if log is None else self._stream(log).buffer

    def writable(self) -> bool:
        """Always."""
        return True

    def fileno(self) -> int:
        """That of the whole process: what is written there belongs to no attempt."""
        return self._descriptor

    def write(self, text: str, /) -> int:
        """To the attempt's log; what belongs to none goes to the worker's."""
        log = _current.get()
        if log is None:
            os.write(self._descriptor, text.encode("utf-8", "backslashreplace"))
            return len(text)
        return self._stream(log).write(text)

    def flush(self) -> None:
        """Write what is there of the last line."""
        log = _current.get()
        if log is not None:
            self._stream(log).flush()

    def _stream(self, log: AttemptLog) -> OutputStream:
        return log.out if self._descriptor == _STDOUT else log.err


class _ContextHandler(logging.Handler):
    """Gives records to the log of the attempt that made them."""

    def __init__(self) -> None:
        super().__init__()
        self._others = logging.StreamHandler(_ContextStream(_STDERR))

    def emit(self, record: logging.LogRecord) -> None:
        log = _current.get()
        (self._others if log is None else log.handler).emit(record)


@contextmanager
def output_by_context() -> Generator[None]:
    """Replace the standard streams and the handlers of logging."""
    root = logging.getLogger()
    before = root.handlers, root.level, sys.stdout, sys.stderr
    root.handlers, sys.stdout, sys.stderr = [_ContextHandler()], _ContextStream(_STDOUT), _ContextStream(_STDERR)
    root.setLevel(log_level())
    try:
        yield
    finally:
        root.handlers, before_level, sys.stdout, sys.stderr = before
        root.setLevel(before_level)
