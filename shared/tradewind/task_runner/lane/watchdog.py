"""Notices code that blocks the loop of a lane, names it, and stops it.

A thread asks the loop for a sign of life. If none comes, it sends the main thread a signal, whose handler runs in the
midst of the code that blocks: it knows whose it is, says where it stands, and after a longer time raises `LaneBlocked`
there, so that this attempt fails and all others go on. Code that not even a signal interrupts takes its lane along.
"""

import asyncio
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Final
from uuid import UUID

from tradewind.task_runner.lane.messages import LoopBlocked, LoopFree
from tradewind.task_runner.lane.outbox import Outbox
from tradewind.task_runner.lane.output import current_log

_SIGNAL: Final = signal.SIGURG
"""Ignored where nobody handles it, and hardly used."""
_FRAMES: Final = 5
TASK_PREFIX: Final = "attempt-"
"""Of the names of tasks, before the attempt's id."""
_HOPE_SECONDS: Final = 5.0
"""Between the interruption and the end of a lane that it did not help."""
_PAUSE_SECONDS: Final = 0.2


class LaneBlocked(BaseException):
    """Raised inside of code that has blocked its lane. No Exception, so that what authors catch does not swallow it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockLimits:
    """How long a coroutine may keep all others waiting."""

    notice_seconds: float
    """Then it is named."""
    stop_seconds: float
    """Then it is stopped."""


class Watchdog:
    """For one loop, in the main thread; `start` there. It watches for as long as the process lives."""

    def __init__(
        self, limits: BlockLimits, outbox: Outbox, warn: Callable[[str], None], *, die: Callable[[], None]
    ) -> None:
        self._limits = limits
        self._outbox = outbox
        self._warn = warn
        self._die = die
        self._loop = asyncio.get_running_loop()
        self._answered = threading.Event()
        self._seconds = 0.0
        self._named: UUID | None = None
        self._is_to_stop = False

    def start(self) -> None:
        """Watch from now on."""
        signal.signal(_SIGNAL, self._on_signal)
        threading.Thread(target=self._watch, name="lane-watchdog", daemon=True).start()

    def _watch(self) -> None:
        while not self._loop.is_closed():
            self._answered.clear()
            try:
                self._loop.call_soon_threadsafe(self._answered.set)
            except RuntimeError:
                return  # closed meanwhile
            if not self._answered.wait(self._limits.notice_seconds):
                self._deal_with_block()
            self._answered.wait(_PAUSE_SECONDS) if not self._answered.is_set() else _pause()

    def _deal_with_block(self) -> None:
        self._named = None
        self._signal(self._limits.notice_seconds, is_to_stop=False)
        if not self._answered.wait(max(0.0, self._limits.stop_seconds - self._limits.notice_seconds)):
            self._signal(self._limits.stop_seconds, is_to_stop=True)
            if not self._answered.wait(_HOPE_SECONDS):
                self._give_up()
        self._outbox.put(LoopFree())

    def _signal(self, seconds: float, *, is_to_stop: bool) -> None:
        self._seconds, self._is_to_stop = seconds, is_to_stop
        signal.pthread_kill(threading.main_thread().ident or 0, _SIGNAL)

    def _on_signal(self, _signum: int, frame: FrameType | None) -> None:
        log = current_log()
        if self._answered.is_set() or log is None or asyncio.current_task(self._loop) is None:
            return
        if self._is_to_stop and log.attempt_id == self._named:
            raise LaneBlocked(f"it has blocked the event loop of its lane for {self._seconds:g} s, at {_where(frame)}")
        self._named = log.attempt_id
        where = _where(frame)
        self._warn(
            f"This task has blocked the event loop that it shares with others for {self._seconds:g} s, at {where}. Use "
            "`await`, or asyncio.to_thread() for what blocks"
        )
        self._outbox.put(LoopBlocked(log.attempt_id, self._seconds, where))
        self._outbox.flush()

    def _give_up(self) -> None:
        """The process ends without its main thread's help: what runs in it cannot be interrupted."""
        frame = getattr(sys, "_current_frames")().get(threading.main_thread().ident)  # noqa: B009 - there is no public way to see it
        seconds = self._limits.stop_seconds + _HOPE_SECONDS
        self._outbox.put(LoopBlocked(self._named or self._running(), seconds, _where(frame), is_hopeless=True))
        self._outbox.flush()
        self._die()

    def _running(self) -> UUID | None:
        """Whose task the loop is at, unless it is one that the attempt has started: tasks are named by attempts."""
        task = asyncio.current_task(self._loop)
        name = "" if task is None else task.get_name()
        return UUID(name.removeprefix(TASK_PREFIX)) if name.startswith(TASK_PREFIX) else None


def kill_own_process() -> None:
    """At once, whatever the main thread does."""
    os.kill(os.getpid(), signal.SIGKILL)


def _pause() -> None:
    threading.Event().wait(_PAUSE_SECONDS)


def _where(frame: FrameType | None) -> str:
    if frame is None:
        return "an unknown place"
    stack = traceback.extract_stack(frame, limit=_FRAMES)
    return " > ".join(f"{summary.filename}:{summary.lineno} {summary.name}" for summary in stack[-2:])
