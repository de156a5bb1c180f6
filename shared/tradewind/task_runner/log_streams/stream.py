"""A child's output on its way to the log store: bytes from the pipe → NDJSON records → numbered chunks.

An attempt that ends soon keeps its whole log back, to be committed along with its end. A longer one streams: the
chunks before the end go to the log sink, numbered from 0, each at least once; the store keeps the first of a number.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

import msgspec

from tradewind.core.clock import Clock
from tradewind.core.errors import AdapterError
from tradewind.service.backoff import Backoff
from tradewind.service.lifecycle import pause
from tradewind.task_runner.protocol import RECORD_SEPARATOR

_RAW_LINE_MAX_BYTES: Final = 64 * 1024
_RECORD_MAX_BYTES: Final = 1024 * 1024
_PIECE_BYTES: Final = 8 * 1024
"""Output is taken in pieces of this size: a piece of empty lines grows a hundredfold as records."""

TAIL_MAX_BYTES: Final = 256 * 1024
"""What may travel with an end; also the size of a chunk."""

_LAST_BYTES: Final = 64 * 1024
"""Of a log that is too long, so much of its end is kept: there it says what went wrong."""

Spawn = Callable[[Coroutine[object, object, None], str], asyncio.Task[None]]
"""Runs a named coroutine in the task group of the supervisor."""


class LogSink(Protocol):
    """Where the chunks of a running attempt go."""

    async def append(self, attempt_id: UUID, token: str, sequence: int, records: bytes) -> None:
        """Store a chunk (NDJSON lines); a number that is stored already is left as it is. Raises `LogSinkFailed`."""
        ...


class LogSinkFailed(AdapterError):
    """The chunk was not stored, or it is unknown whether it was. Not retryable: the attempt may write no more."""


class LogRecords:
    """Turns output into NDJSON: structured lines pass as they are, any other line becomes a record of its own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._unfinished = b""
        self._decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])

    def feed(self, data: bytes) -> bytes:
        """Records of the lines that are complete now."""
        *lines, rest = (self._unfinished + data).split(b"\n")
        out = [self._record(line) for line in lines if line]
        limit = _RECORD_MAX_BYTES if rest.startswith(RECORD_SEPARATOR) else _RAW_LINE_MAX_BYTES
        if len(rest) > limit:
            out.append(self._raw(rest))
            rest = b""
        self._unfinished = rest
        return b"".join(out)

    def finish(self) -> bytes:
        """The record of a last line without its end."""
        rest, self._unfinished = self._unfinished, b""
        return self._record(rest) if rest else b""

    def note(self, level: str, event: str) -> bytes:
        """A record of the supervisor's own."""
        return self._json(level, event, "task.supervisor")

    def _record(self, line: bytes) -> bytes:
        if line.startswith(RECORD_SEPARATOR):
            body = line[len(RECORD_SEPARATOR) :]
            if self._is_object(body):
                return body + b"\n"
        return self._raw(line)

    def _raw(self, line: bytes) -> bytes:
        pieces = range(0, len(line), _RAW_LINE_MAX_BYTES)
        texts = (line[start : start + _RAW_LINE_MAX_BYTES].decode(errors="replace") for start in pieces)
        return b"".join(self._json("info", text.rstrip("\r"), "task.stdout") for text in texts)

    def _is_object(self, body: bytes) -> bool:
        try:
            self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False
        return True

    def _json(self, level: str, event: str, logger: str) -> bytes:
        record = {"timestamp": self._clock().isoformat(), "level": level, "event": event, "logger": logger}
        return msgspec.json.encode(record) + b"\n"


class _LastLines:
    """The last lines of what is added, some 64 KB of them."""

    def __init__(self) -> None:
        self._lines = bytearray()
        self._dropped_bytes = 0

    def add(self, lines: bytes) -> None:
        """Whole lines."""
        self._lines += lines
        if len(self._lines) > 2 * _LAST_BYTES:
            self._cut()

    def take(self) -> tuple[int, bytes]:
        """(bytes dropped, the last lines); empty afterwards."""
        self._cut()
        dropped, last = self._dropped_bytes, bytes(self._lines)
        self._lines.clear()
        self._dropped_bytes = 0
        return dropped, last

    def _cut(self) -> None:
        excess = len(self._lines) - _LAST_BYTES
        if excess > 0:
            cut = self._lines.find(b"\n", excess - 1) + 1 or len(self._lines)
            del self._lines[:cut]
            self._dropped_bytes += cut


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStreamLimits:
    """When a log streams, and what it may hold."""

    stream_after_seconds: float = 0.5
    """A shorter attempt's log travels with its end."""
    interval_seconds: float = 0.5
    """Between two chunks of one attempt, unless a full chunk waits."""
    buffer_bytes: int = 1024 * 1024
    """More than this is dropped, with a record that says how much, once the sink has failed for a while."""
    patience_seconds: float = 5.0
    """How long output is held back for the sink, and an end for the last chunks, before something is dropped."""
    max_bytes: int = 64 * 1024 * 1024
    """Of one attempt; of what comes on top the last lines are kept."""


class LogStream:
    """The log of one attempt. Use from one task: `feed` as output comes, then `finish` once. If the child goes on after
    that, `go_on`, `feed` again, and `close` at last."""

    def __init__(
        self, *, attempt_id: UUID, token: str, sink: LogSink, clock: Clock, spawn: Spawn, limits: LogStreamLimits
    ) -> None:
        self._attempt_id = attempt_id
        self._token = token
        self._sink = sink
        self._spawn = spawn
        self._limits = limits
        self._records = LogRecords(clock)
        self._loop = asyncio.get_running_loop()
        self._streams_from = self._loop.time() + limits.stream_after_seconds
        self._buffer = bytearray()
        self._sequence = 0
        self._in_flight_bytes = 0
        self._dropped_bytes = 0
        self._room_bytes = limits.max_bytes
        self._last = _LastLines()
        self._is_refused = False
        self._is_failing = False
        self._finishing = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._pump: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    @property
    def dropped_bytes(self) -> int:
        """Bytes of records that were dropped and not yet told of in the log."""
        return self._dropped_bytes

    async def feed(self, data: bytes) -> None:
        """Take output; waits while too much of it waits for the sink, as long as there is hope."""
        for start in range(0, len(data), _PIECE_BYTES):
            records = self._records.feed(data[start : start + _PIECE_BYTES])
            if len(self._buffer) + len(records) > self._limits.buffer_bytes and not self._is_failing:
                await self._wait_for(lambda: len(self._buffer) < self._limits.buffer_bytes // 2)
            elif start:
                await asyncio.sleep(0)
            self._take(records)
            self._stream_when_due()

    def note(self, level: str, event: str) -> None:
        """Add a record of the supervisor's own, after whatever output there was."""
        self._take(self._records.finish() + self._records.note(level, event))

    async def finish(self) -> tuple[int, bytes]:
        """(sequence, records) of the part that was not streamed, at most `TAIL_MAX_BYTES`."""
        if self._timer is not None:
            self._timer.cancel()
        self._finishing.set()
        self._take(self._records.finish())
        self._append(self._end_of_too_long())
        if self._pump is not None or len(self._buffer) > TAIL_MAX_BYTES:
            await self._flush()
        self._cut_to_tail()
        if self._dropped_bytes:
            self._buffer += self._dropped_note()
        return self._sequence, bytes(self._buffer)

    def go_on(self) -> None:
        """What `finish` gave is on its way; what comes now is stored in chunks that follow it."""
        self._buffer.clear()
        self._sequence += 1
        self._in_flight_bytes = 0
        self._timer = None
        self._finishing.clear()
        self._streams_from = self._loop.time() + self._limits.stream_after_seconds

    async def close(self) -> bool:
        """Store what is left, after `go_on`. False = something of it may be missing."""
        _, rest = await self.finish()
        if not rest or self._is_refused:
            return not (rest or self._dropped_bytes)
        try:
            async with asyncio.timeout(self._limits.patience_seconds):
                await self._send(rest)
        except TimeoutError:
            return False
        return not self._is_refused

    async def _flush(self) -> None:
        self._start_pump()
        await self._wait_for(lambda: self._pump is None)
        if self._pump is not None:
            self._abandon(self._pump)

    def _abandon(self, pump: asyncio.Task[None]) -> None:
        """The chunk under way may be stored or not: its number is spent, its bytes may be missing."""
        pump.cancel()
        self._pump = None
        if self._in_flight_bytes:
            self._sequence += 1
            self._dropped_bytes += self._in_flight_bytes

    async def _wait_for(self, condition: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(self._limits.patience_seconds):
                while not (condition() or self._is_refused):
                    self._stream_when_due()
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            self._is_failing = True

    def _take(self, records: bytes) -> None:
        """Of a log that is too long, only the last lines are held, until its end."""
        if self._room_bytes > len(records):
            self._room_bytes -= len(records)
            self._append(records)
            return
        if self._room_bytes > 0:
            self._room_bytes = 0
            limit = f"{self._limits.max_bytes} bytes (TRADEWIND__TASK_RUNNER__MAX_LOG_BYTES)"
            self._append(self._records.note("warning", f"the log is longer than {limit}: of the rest its end is kept"))
        self._last.add(records)

    def _end_of_too_long(self) -> bytes:
        dropped, last = self._last.take()
        note = self._records.note("warning", f"{dropped} bytes of log dropped: it is too long") if dropped else b""
        return note + last

    def _append(self, records: bytes) -> None:
        if not records:
            return
        room = self._limits.buffer_bytes - len(self._buffer)
        if len(records) > room and not self._finishing.is_set():
            self._dropped_bytes += len(records)
            return
        if self._dropped_bytes:
            self._buffer += self._dropped_note()
        self._buffer += records

    def _dropped_note(self) -> bytes:
        dropped, self._dropped_bytes = self._dropped_bytes, 0
        return self._records.note("warning", f"{dropped} bytes of log dropped: the log store could not be reached")

    def _cut_to_tail(self) -> None:
        excess = len(self._buffer) - TAIL_MAX_BYTES
        if excess > 0:
            cut = self._buffer.find(b"\n", excess - 1) + 1 or len(self._buffer)
            del self._buffer[:cut]
            self._dropped_bytes += cut

    def _stream_when_due(self) -> None:
        if self._pump is not None or not self._buffer or self._is_refused:
            return
        wait = self._streams_from - self._loop.time()
        if wait <= 0 or len(self._buffer) > TAIL_MAX_BYTES:
            self._start_pump()
        elif self._timer is None:
            self._timer = self._loop.call_later(wait, self._start_pump)

    def _start_pump(self) -> None:
        if self._pump is None and self._buffer and not self._is_refused:
            self._pump = self._spawn(self._pump_out(), f"log-{self._attempt_id}")

    async def _pump_out(self) -> None:
        """Send what there is, chunk by chunk; ends when nothing is left or the end takes the rest along."""
        while self._buffer and not self._is_refused and not self._is_tail_left():
            chunk = self._take_chunk()
            self._in_flight_bytes = len(chunk)
            await self._send(chunk)
            self._in_flight_bytes = 0
            self._sequence += 1
            self._changed.set()
            if len(self._buffer) < TAIL_MAX_BYTES:
                await pause(self._finishing, self._limits.interval_seconds)
        self._pump = None
        self._changed.set()

    def _is_tail_left(self) -> bool:
        return self._finishing.is_set() and len(self._buffer) <= TAIL_MAX_BYTES

    def _take_chunk(self) -> bytes:
        end = len(self._buffer)
        if end > TAIL_MAX_BYTES:
            end = self._buffer.rfind(b"\n", 0, TAIL_MAX_BYTES) + 1 or self._buffer.find(b"\n") + 1 or end
        chunk = bytes(self._buffer[:end])
        del self._buffer[:end]
        return chunk

    async def _send(self, chunk: bytes) -> None:
        """Until it is stored; a chunk that is refused is counted as dropped."""
        failures = 0
        while True:
            try:
                await self._sink.append(self._attempt_id, self._token, self._sequence, chunk)
            except LogSinkFailed as exc:
                if not exc.retryable:
                    self._is_refused = True
                    self._dropped_bytes += len(chunk)
                    return
                failures += 1
                await asyncio.sleep(Backoff().delay_seconds(failures, 0.0))
            else:
                self._is_failing = False
                return
