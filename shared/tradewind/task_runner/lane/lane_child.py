"""The process of a lane as its supervisor sees it: one connection, many attempts, each a `LaneTurn`."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final
from uuid import UUID

import msgspec

from tradewind.core.errors import DomainError
from tradewind.core.states import EndCause, Outcome
from tradewind.service.clock import utc_now
from tradewind.service.logging import get_logger
from tradewind.task_runner.forking.children import Mailbox, SendSignal
from tradewind.task_runner.frames import FrameReader, frame
from tradewind.task_runner.lane.messages import (
    AttemptEnd,
    AttemptGone,
    AttemptOutput,
    CancelAttempt,
    FromLane,
    LoopBlocked,
    LoopFree,
    decode_from_lane,
)
from tradewind.task_runner.launcher import ChildEvent, Exit
from tradewind.task_runner.protocol import AttemptRequest, AttemptResult
from tradewind.wire.messages import TaskStarted

_READ_BYTES: Final = 256 * 1024
_WAITING_OUTPUT_MAX_BYTES: Final = 4 * 1024 * 1024
"""Of one attempt, which the log store does not take: what comes beyond is dropped, since waiting would hold up all."""
_IDLE_SECONDS: Final = 30.0
_GRACE_MIN_SECONDS: Final = 0.5
"""What a cancelled coroutine has at least to come to its end."""


class LaneTurn:
    """One attempt of a lane (`RunningAttempt`)."""

    __slots__ = ("_lane", "attempt_id", "dropped", "has_ended", "is_over", "kill_timer", "mailbox")

    def __init__(self, lane: "LaneChild", attempt_id: UUID) -> None:
        self._lane = lane
        self.attempt_id = attempt_id
        self.mailbox = Mailbox(on_drained=_ignore)
        self.dropped = 0
        """Bytes of output."""
        self.has_ended = False
        """Its result is known; callbacks may still be called."""
        self.is_over = False
        self.kill_timer: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        return self._lane.pid

    def events(self) -> AsyncIterator[ChildEvent]:
        return self.mailbox

    def kill(self, grace_seconds: float) -> None:
        if not self.is_over:
            self._lane.cancel(self, grace_seconds)


class LaneChild:
    """Takes attempts with `start` until it is `is_leaving`; leaves when it has had nothing to do for a while."""

    def __init__(self, child_id: int, send_signal: SendSignal) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self.child_id = child_id
        self.pid: int | None = None
        self.is_leaving = False
        """It takes no more attempts, and ends with its last one."""
        self.is_blocked = False
        """Some coroutine keeps all others waiting."""
        self._send_signal = send_signal
        self._connection = ours
        self._their_ends: tuple[socket.socket, int] | None = (theirs, os.dup(2))
        self._turns: dict[UUID, LaneTurn] = {}
        self._outgoing = bytearray()
        self._frames = FrameReader()
        self._is_closed = False
        self._is_writing = False
        self._culprit: LoopBlocked | None = None
        self._took_too_much: str | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._log = get_logger(component="async-lane")
        self._loop.add_reader(ours.fileno(), self._read)

    def their_descriptors(self) -> tuple[int, int]:
        """Connection and output of the child; output that belongs to no attempt joins this process's stderr."""
        if self._their_ends is None:
            raise AssertionError("a child is forked once")
        return self._their_ends[0].fileno(), self._their_ends[1]

    def start(self, request: AttemptRequest) -> LaneTurn:
        """Run this attempt beside those that run."""
        turn = self._turns[request.attempt_id] = LaneTurn(self, request.attempt_id)
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        self._send(request)
        return turn

    def cancel(self, turn: LaneTurn, grace_seconds: float) -> None:
        """Cancel its coroutine. If that does not end it, its end is told after the grace, and the process takes no more
        attempts and ends with the last of the others."""
        if turn.kill_timer is None:
            self._send(CancelAttempt(turn.attempt_id))
        else:
            turn.kill_timer.cancel()
        grace = max(grace_seconds, _GRACE_MIN_SECONDS)
        turn.kill_timer = self._loop.call_later(grace, self._give_up, turn)

    @property
    def is_running(self) -> bool:
        """Whether it has an attempt."""
        return bool(self._turns)

    def kill_for_memory(self, detail: str) -> None:
        """Kill it; all of its attempts end for want of memory."""
        self._took_too_much = detail
        self.is_leaving = True
        self._send_signal(self.child_id, signal.SIGKILL)

    def leave(self) -> None:
        """Take no more attempts; end with the last one."""
        self.is_leaving = True
        if not self._turns:
            self._close()

    def on_forked(self, pid: int) -> None:
        """The server has forked it."""
        self.pid = pid
        self._close_their_ends()

    def on_exited(self, gone: Exit) -> None:
        """The process is gone, and all of its attempts with it."""
        if not self._is_closed:
            self._read()
        if self._took_too_much is not None:
            gone = replace(gone, out_of_memory=True, detail=self._took_too_much)
        others = len(self._turns) - 1
        for turn in list(self._turns.values()):
            self._conclude(turn, self._end_of(turn, gone, others))
        self._close()

    def _end_of(self, turn: LaneTurn, gone: Exit, others: int) -> AttemptResult | Exit:
        culprit = self._culprit
        if culprit is None:
            return shared_exit(gone, others)
        if culprit.attempt_id == turn.attempt_id:
            detail = (
                f"it blocked the event loop of its lane for {culprit.seconds:g} s at {culprit.where}, and could not be "
                "interrupted: its process was killed"
            )
            return AttemptResult(Outcome.FAILED, EndCause.USER_ERROR, detail, None, utc_now(), is_silent=True)
        return shared_exit(gone, others)

    def _read(self) -> None:
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
            try:
                for body in self._frames.feed(data):
                    self._take(decode_from_lane(body))
            except DomainError as exc:
                self._log.error("lane.unintelligible", error=str(exc))
                self._send_signal(self.child_id, signal.SIGKILL)
                return

    def _take(self, message: FromLane) -> None:
        match message:
            case LoopBlocked():
                self._note_block(message)
            case LoopFree():
                self.is_blocked = False
            case _:
                turn = self._turns.get(message.attempt_id)
                if turn is not None:
                    self._take_of(turn, message)

    def _take_of(self, turn: LaneTurn, message: TaskStarted | AttemptOutput | AttemptEnd | AttemptGone) -> None:
        match message:
            case TaskStarted():
                turn.mailbox.put(message)
            case AttemptOutput(_, data):
                self._take_output(turn, data)
            case AttemptEnd(_, result) if result.overtime_seconds is None:
                self._conclude(turn, result)
            case AttemptEnd(_, result):
                turn.has_ended = True
                turn.mailbox.put(result)
            case AttemptGone():
                self._conclude(turn, Exit(code=0))

    def _take_output(self, turn: LaneTurn, data: bytes) -> None:
        if turn.mailbox.log_bytes + len(data) > _WAITING_OUTPUT_MAX_BYTES:
            turn.dropped += len(data)
            return
        if turn.dropped:
            turn.mailbox.put_log(_dropped(turn))
        turn.mailbox.put_log(data)

    def _note_block(self, message: LoopBlocked) -> None:
        self.is_blocked = True
        attempt_id = None if message.attempt_id is None else str(message.attempt_id)
        self._log.warning("lane.blocked", attempt_id=attempt_id, seconds=message.seconds, where=message.where)
        if message.is_hopeless:
            self.is_leaving = True
            self._culprit = message

    def _give_up(self, turn: LaneTurn) -> None:
        """It was cancelled and did not end."""
        if turn.is_over:
            return
        self._log.error("lane.not_cancelled", attempt_id=str(turn.attempt_id))
        self.is_leaving = True
        self._conclude(turn, Exit(signal=signal.SIGKILL))

    def _conclude(self, turn: LaneTurn, conclusion: AttemptResult | Exit) -> None:
        if turn.is_over:
            return
        turn.is_over = True
        del self._turns[turn.attempt_id]
        if turn.kill_timer is not None:
            turn.kill_timer.cancel()
        if turn.dropped:
            turn.mailbox.put_log(_dropped(turn))
        turn.mailbox.put(conclusion)
        if self._turns or self._is_closed:
            return
        if self.is_leaving:
            self._send_signal(self.child_id, signal.SIGKILL)  # nothing of it is waited for
        else:
            self._idle_timer = self._loop.call_later(_IDLE_SECONDS, self.leave)

    def _send(self, message: msgspec.Struct) -> None:
        if not self._is_closed:
            self._outgoing += frame(message)
            if not self._is_writing:
                self._write()

    def _write(self) -> None:
        try:
            while self._outgoing:
                del self._outgoing[: self._connection.send(self._outgoing)]
        except BlockingIOError:
            if not self._is_writing:
                self._is_writing = True
                self._loop.add_writer(self._connection.fileno(), self._write)
            return
        except OSError:
            self._outgoing.clear()  # the child is gone: its exit tells
        if self._is_writing:
            self._is_writing = False
            self._loop.remove_writer(self._connection.fileno())

    def _close_their_ends(self) -> None:
        if self._their_ends is not None:
            connection, output = self._their_ends
            self._their_ends = None
            connection.close()
            os.close(output)

    def _close(self) -> None:
        """The child sees the end of its connection, and leaves."""
        if self._is_closed:
            return
        self._is_closed = self.is_leaving = True
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        self._loop.remove_reader(self._connection.fileno())
        self._loop.remove_writer(self._connection.fileno())
        self._connection.close()
        self._close_their_ends()


def shared_exit(gone: Exit, others: int) -> Exit:
    """The exit of a process that so many other attempts shared."""
    return replace(gone, shared_with=others)


def _dropped(turn: LaneTurn) -> bytes:
    dropped, turn.dropped = turn.dropped, 0
    return b"%d bytes of output dropped: the log store is too slow\n" % dropped


def _ignore() -> None:
    """Reading goes on in any case."""
