"""The log of an attempt as its child process writes it: records of logging, and plain lines of everything else.

Both go to one file descriptor in the order in which they were written. Secrets that the process has seen are masked
in both; output that a subprocess writes to the descriptor by itself is beyond reach.
"""

import codecs
import io
import json
import logging
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from tradewind.sdk.configuration import conf
from tradewind.sdk.dag_file import user_traceback
from tradewind.sdk.log import FIELDS_ATTRIBUTE
from tradewind.sdk.masking import MASKER, redact
from tradewind.task_runner.protocol import RECORD_SEPARATOR

_ENCODER: Final = msgspec.json.Encoder(enc_hook=str)
_STDOUT: Final = 1
_STDERR: Final = 2
_LINE_MAX_CHARACTERS: Final = 64 * 1024
"""A line that goes on for longer is written in pieces."""


class LogPipe:
    """The descriptor, and whether the last thing written to it ended its line."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._midline = False

    def write_text(self, text: str) -> None:
        """Write output, masked already, as it is."""
        if text:
            self._write(text.encode("utf-8", "backslashreplace"))
            self._midline = not text.endswith("\n")

    def write_record(self, record: dict[str, Any]) -> None:
        """Write a structured record, masked already, on a line of its own."""
        start = b"\n" if self._midline else b""
        self._write(start + RECORD_SEPARATOR + _as_line(record) + b"\n")
        self._midline = False

    def _write(self, data: bytes) -> None:
        # A pipe that nobody reads any more must not fail the task.
        with suppress(BrokenPipeError):
            while data:
                data = data[os.write(self._descriptor, data) :]


class OutputStream(io.TextIOBase):
    """What `sys.stdout` and `sys.stderr` are during an attempt: complete lines, masked as a whole."""

    def __init__(self, pipe: LogPipe, descriptor: int) -> None:
        self._pipe = pipe
        self._descriptor = descriptor
        self._pending: list[str] = []
        self._pending_characters = 0
        self.buffer = _ByteStream(self)

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride, reportImplicitOverride] - read-only here
        """Always UTF-8."""
        return "utf-8"

    def writable(self) -> bool:
        """Always."""
        return True

    def fileno(self) -> int:
        """The descriptor that a subprocess would inherit."""
        return self._descriptor

    def write(self, text: str, /) -> int:
        """Write the lines that are complete now, keep the rest."""
        self._pending.append(text)
        self._pending_characters += len(text)
        if "\n" in text or self._pending_characters > _LINE_MAX_CHARACTERS:
            self._write_out(lines_only=self._pending_characters <= _LINE_MAX_CHARACTERS)
        return len(text)

    def flush(self) -> None:
        """Write what is there of the last line, but for what may be the beginning of a secret."""
        if self._pending:
            self._write_out(lines_only=False)

    def end(self) -> None:
        """Write all: nothing follows that could complete a secret."""
        self.buffer.end()
        self.flush()
        self._pipe.write_text(MASKER.redact("".join(self._pending)))
        self._pending, self._pending_characters = [], 0

    def _write_out(self, *, lines_only: bool) -> None:
        text = "".join(self._pending)
        end = MASKER.safe_end(text, text.rfind("\n") + 1 if lines_only else len(text))
        self._pipe.write_text(MASKER.redact(text[:end]))
        rest = text[end:]
        self._pending, self._pending_characters = [rest] if rest else [], len(rest)


class _ByteStream(io.RawIOBase):
    """`sys.stdout.buffer`: bytes of text, and what is none as `\\x..`."""

    def __init__(self, stream: OutputStream) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._stream.write(self._decoder.decode(bytes(data)))
        return len(data)

    def flush(self) -> None:
        self._stream.flush()

    def end(self) -> None:
        """Nothing follows that could complete a character."""
        if rest := self._decoder.decode(b"", final=True):
            self._stream.write(rest)


class RecordHandler(logging.Handler):
    """Turns records of the standard logging into lines of the task log."""

    def __init__(self, pipe: LogPipe, streams: tuple[OutputStream, ...]) -> None:
        super().__init__()
        self._pipe = pipe
        self._streams = streams

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, after what was printed before it."""
        try:
            line = self._line(record)
        except Exception:
            self.handleError(record)
            return
        for stream in self._streams:
            stream.flush()
        self._pipe.write_record(line)

    def _line(self, record: logging.LogRecord) -> dict[str, Any]:
        fields: dict[str, Any] = getattr(record, FIELDS_ATTRIBUTE, {})
        line = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "event": MASKER.redact(record.getMessage()),
            "logger": record.name,
            **{str(redact(name)): redact(value, name) for name, value in fields.items()},
        }
        if record.exc_info and record.exc_info[1] is not None:
            # Imported here: most tasks log no exception.
            from tradewind.task_runner.attempt.error_detail import error_detail

            line["exception"] = MASKER.redact(user_traceback(record.exc_info[1]))
            line["error_detail"] = error_detail(record.exc_info[1])
        return line


def _as_line(record: dict[str, Any]) -> bytes:
    try:
        return _ENCODER.encode(record)
    except (TypeError, ValueError, OverflowError):
        # Lone surrogates, keys that are no texts, integers beyond 64 bits.
        return json.dumps(record, default=str, skipkeys=True).encode()


@contextmanager
def task_log(descriptor: int = _STDOUT) -> Generator[None]:
    """Send logging and the standard streams to the log pipe; puts back what was there before."""
    pipe = LogPipe(descriptor)
    out, err = OutputStream(pipe, _STDOUT), OutputStream(pipe, _STDERR)
    root = logging.getLogger()
    before = root.handlers, root.level, sys.stdout, sys.stderr
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    root.handlers, sys.stdout, sys.stderr = [RecordHandler(pipe, (out, err))], out, err
    level = log_level()
    if root.level != level:
        root.setLevel(level)  # not for nothing: it visits every logger there is
    try:
        yield
    finally:
        out.end()
        err.end()
        root.handlers, before_level, sys.stdout, sys.stderr = before
        if root.level != before_level:
            root.setLevel(before_level)


def log_level() -> int:
    """The one that `[logging] logging_level` asks for."""
    name = (conf.get("logging", "logging_level", fallback="INFO") or "INFO").upper()
    return logging.INFO if name == "INFO" else logging.getLevelNamesMapping().get(name, logging.INFO)
