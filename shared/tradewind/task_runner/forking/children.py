"""One forked child as its supervisor sees it: a connection, a log pipe, and what became of it.

It runs one attempt, or several one after another: each is a `Turn`, which is all that the supervisor holds.
"""

import asyncio
import os
import signal
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from tradewind.core.errors import DomainError
from tradewind.core.states import EndCause, Outcome
from tradewind.service.clock import utc_now
from tradewind.task_runner.frames import FrameReader, decode_from_child, frame
from tradewind.task_runner.launcher import ChildEvent, Exit, LogBytes
from tradewind.task_runner.protocol import AttemptRequest, AttemptResult

_READ_BYTES: Final = 256 * 1024
_LOG_HIGH_WATER_BYTES: Final = 1024 * 1024
_LOG_LOW_WATER_BYTES: Final = 256 * 1024
_LINGER_SECONDS: Final = 5.0
"""A child that has given its result gets this long to exit."""

SendSignal = Callable[[int, int], None]
"""(child_id, signum): ask the child's server to signal its group."""


class ForkedChild:
    """Makes the ends of the connection and of the log pipe; is parked until `assign`, and again, if it is reusable,
    when its attempt has ended: `on_free` is told."""

    def __init__(self, child_id: int, send_signal: SendSignal, on_free: "Callable[[ForkedChild], None]") -> None:
        ours, theirs = socket.socketpair()
        read_end, write_end = os.pipe()
        ours.setblocking(False)
        os.set_blocking(read_end, False)
        self.child_id = child_id
        self.pid: int | None = None
        self.send_signal = send_signal
        self.on_free = on_free
        self.is_fresh = True
        self._connection = ours
        self._log = read_end
        self._their_ends: tuple[socket.socket, int] | None = (theirs, write_end)
        self._outgoing: bytes | None = None
        self._frames = FrameReader()
        self._turn: Turn | None = None
        self._is_reading_log = False
        self._is_log_over = False
        self._was_killed = False
        self._took_too_much: str | None = None
        self._is_closed = False
        self._kill_timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def is_gone(self) -> bool:
        """It has ended, or nothing will ever be heard of it."""
        return self._is_closed

    def their_descriptors(self) -> tuple[int, int]:
        """The ends that the child is to get; open until it was forked."""
        if self._their_ends is None:
            raise AssertionError("a child is forked once")
        return self._their_ends[0].fileno(), self._their_ends[1]

    def assign(self, request: AttemptRequest) -> "Turn":
        """Run this attempt, as soon as the child is forked."""
        turn = self._turn = Turn(self, Mailbox(on_drained=self._start_reading_log))
        self._outgoing = frame(request)
        if self.is_fresh:
            self._loop.add_reader(self._connection.fileno(), self._read_connection)
        self.is_fresh = False
        self._start_reading_log()
        if self.pid is not None:
            self._write()
        return turn

    def kill(self, grace_seconds: float) -> None:
        """See `RunningAttempt.kill`. The child runs no other attempt."""
        self._was_killed = True
        if self._is_closed:
            return
        if self.pid is None:
            self.abandon()
            return
        if grace_seconds > 0:
            self.send_signal(self.child_id, signal.SIGTERM)
        self._kill_within(grace_seconds)

    def kill_for_memory(self, detail: str) -> None:
        """Kill it; unless it has a result by then, its attempt ends for want of memory."""
        self._took_too_much = detail
        self.kill(0)
        self.send_signal(self.child_id, signal.SIGKILL)

    def on_forked(self, pid: int) -> None:
        """The server has forked it."""
        self.pid = pid
        self._close_their_ends()
        if self._outgoing is not None and not self._is_closed:
            self._write()

    def on_exited(self, gone: Exit) -> None:
        """The server has waited for it."""
        if self._took_too_much is not None:
            gone = replace(gone, out_of_memory=True, detail=self._took_too_much)
        if self.is_running:
            self._read_connection()
            self._conclude(gone)
        self._close()

    def abandon(self) -> None:
        """Give up a child that is parked, or not forked yet: it sees the end of its connection and leaves."""
        self._conclude(Exit())
        self._close()

    def on_import_timeout(self, detail: str) -> None:
        """Its server was stopped while importing: the attempt ends with that."""
        self._conclude(AttemptResult(Outcome.FAILED, EndCause.TIMEOUT, detail, None, utc_now(), is_silent=True))
        self._close()

    def _write(self) -> None:
        data = self._outgoing or b""
        try:
            sent = self._connection.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            sent = len(data)  # the child is gone: its exit tells
        self._outgoing = data[sent:] or None
        if self._outgoing is None:
            self._loop.remove_writer(self._connection.fileno())
        else:
            self._loop.add_writer(self._connection.fileno(), self._write)

    @property
    def is_running(self) -> bool:
        """Whether it has an attempt."""
        return self._turn is not None and not self._turn.is_over

    def _read_connection(self) -> None:
        while not self._is_closed:
            try:
                data = self._connection.recv(_READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._loop.remove_reader(self._connection.fileno())
                return
            self._take_frames(data)

    def _take_frames(self, data: bytes) -> None:
        try:
            for body in self._frames.feed(data):
                message = decode_from_child(body)
                if isinstance(message, AttemptResult):
                    self._take_result(message)
                elif self._turn is not None and not self._turn.is_over:
                    self._turn.mailbox.put(message)
        except DomainError as exc:
            detail = f"the task's process wrote something else to its connection: {exc}"
            self._conclude(AttemptResult(Outcome.FAILED, EndCause.USER_ERROR, detail, None, utc_now(), is_silent=True))
            self.kill(0)

    def _take_result(self, result: AttemptResult) -> None:
        if result.overtime_seconds is None:
            self._conclude(result)
            return
        self._drain_log()
        self._loop.remove_reader(self._connection.fileno())
        if self._turn is not None:
            self._turn.mailbox.put(result)
        self._kill_within(result.overtime_seconds + _LINGER_SECONDS)

    def _conclude(self, conclusion: AttemptResult | Exit) -> None:
        """The last event of an attempt; the child wrote all its output before it said so, or it is dead."""
        turn = self._turn
        if turn is None or turn.is_over:
            return
        self._drain_log()
        turn.is_over = True
        turn.mailbox.put(conclusion)
        if isinstance(conclusion, AttemptResult) and conclusion.is_reusable and not self._was_killed:
            self.on_free(self)
            return
        self._stop_reading_log()
        self._loop.remove_reader(self._connection.fileno())
        if isinstance(conclusion, AttemptResult):
            self._kill_within(_LINGER_SECONDS)
            if conclusion.is_reusable:
                self._hang_up()

    def _hang_up(self) -> None:
        """A child that awaits another request sees that there is none."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

    def _drain_log(self) -> None:
        """What is in the pipe now; a pipe's capacity bounds it unless others go on writing, so that is bounded too."""
        for _ in range(8):
            if not self._read_log_once():
                return

    def _on_log_readable(self) -> None:
        self._read_log_once()
        if self._is_log_over or (self._turn is not None and self._turn.mailbox.log_bytes >= _LOG_HIGH_WATER_BYTES):
            self._stop_reading_log()

    def _read_log_once(self) -> bool:
        """Whether there was something."""
        try:
            data = os.read(self._log, _READ_BYTES)
        except BlockingIOError:
            return False
        if data and self._turn is not None and not self._turn.is_over:
            self._turn.mailbox.put_log(data)
        self._is_log_over = not data
        return bool(data)

    def _start_reading_log(self) -> None:
        if not (self._is_reading_log or self._is_log_over or self._is_closed) and self.is_running:
            self._is_reading_log = True
            self._loop.add_reader(self._log, self._on_log_readable)

    def _stop_reading_log(self) -> None:
        if self._is_reading_log:
            self._is_reading_log = False
            self._loop.remove_reader(self._log)

    def _kill_within(self, seconds: float) -> None:
        timer = self._kill_timer
        if self._is_closed or (timer is not None and timer.when() <= self._loop.time() + seconds):
            return
        if timer is not None:
            timer.cancel()
        self._kill_timer = self._loop.call_later(seconds, self.send_signal, self.child_id, signal.SIGKILL)

    def _close_their_ends(self) -> None:
        if self._their_ends is not None:
            connection, log = self._their_ends
            self._their_ends = None
            connection.close()
            os.close(log)

    def _close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self._kill_timer is not None:
            self._kill_timer.cancel()
        self._stop_reading_log()
        self._loop.remove_reader(self._connection.fileno())
        self._loop.remove_writer(self._connection.fileno())
        self._connection.close()
        os.close(self._log)
        self._close_their_ends()


class Turn:
    """One attempt of a child: what the supervisor holds of it (`RunningAttempt`)."""

    __slots__ = ("_child", "is_over", "mailbox")

    def __init__(self, child: ForkedChild, mailbox: "Mailbox") -> None:
        self._child = child
        self.mailbox = mailbox
        self.is_over = False
        """Its last event is in the mailbox: the child may be another's by now."""

    @property
    def pid(self) -> int | None:
        return self._child.pid

    def events(self) -> AsyncIterator[ChildEvent]:
        return self.mailbox

    def kill(self, grace_seconds: float) -> None:
        if not self.is_over:
            self._child.kill(grace_seconds)


class Mailbox:
    """Events that wait for their one reader. Output that waits is joined, and counted."""

    def __init__(self, *, on_drained: Callable[[], None]) -> None:
        self.log_bytes = 0
        self._on_drained = on_drained
        self._events: deque[ChildEvent | bytearray] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._is_over = False

    def __aiter__(self) -> AsyncIterator[ChildEvent]:
        return self

    async def __anext__(self) -> ChildEvent:
        while not self._events:
            if self._is_over:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        event = self._events.popleft()
        if not isinstance(event, bytearray):
            self._is_over = isinstance(event, Exit) or (
                isinstance(event, AttemptResult) and event.overtime_seconds is None
            )
            return event
        self.log_bytes -= len(event)
        if self.log_bytes < _LOG_LOW_WATER_BYTES:
            self._on_drained()
        return LogBytes(bytes(event))

    def put(self, event: ChildEvent) -> None:
        self._events.append(event)
        self._wake()

    def put_log(self, data: bytes) -> None:
        self.log_bytes += len(data)
        last = self._events[-1] if self._events else None
        if isinstance(last, bytearray):
            last += data
        else:
            self._events.append(bytearray(data))
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
