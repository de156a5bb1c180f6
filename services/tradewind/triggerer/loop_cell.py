"""A few bytes of memory that a child shares with its service: is its event loop alive, and whose step is under way.

The child writes, the service reads. Nothing needs to be asked of a child that hangs, not even the interpreter's lock.
Times are those of the system's monotonic clock, which all processes share.
"""

import mmap
import os
import time
from dataclasses import dataclass
from typing import Final

CELL_BYTES: Final = 64
NOBODY: Final = 0
"""No trigger's step is under way."""


@dataclass(frozen=True, slots=True)
class LoopReading:
    """What the cell said at one moment."""

    beat_age_seconds: float
    """Since the loop last came round; 0 before its first turn."""
    trigger_id: int
    """Whose step is under way; `NOBODY` if none is."""
    step_seconds: float
    """For how long."""


class LoopCell:
    """One child's cell. `descriptor` names it in both processes."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, CELL_BYTES)
        self._view = memoryview(self._memory)
        self._times = self._view[:16].cast("d")
        self._trigger = self._view[16:24].cast("q")

    @classmethod
    def make(cls) -> "LoopCell":
        """A fresh one."""
        descriptor = os.memfd_create("tradewind-triggers", os.MFD_CLOEXEC)
        os.ftruncate(descriptor, CELL_BYTES)
        return cls(descriptor)

    def beat(self) -> None:
        """The loop has come round."""
        self._times[0] = time.monotonic()

    def enter(self, trigger_id: int) -> int:
        """A step of this trigger begins; give what is returned to `leave`."""
        before = self._trigger[0]
        self._times[1] = time.monotonic()
        self._trigger[0] = trigger_id
        return before

    def leave(self, before: int) -> None:
        """The step is over."""
        self._trigger[0] = before

    def read(self) -> LoopReading:
        """How it stands now."""
        trigger_id, beat, since = self._trigger[0], self._times[0], self._times[1]
        now = time.monotonic()
        if trigger_id != self._trigger[0]:
            trigger_id = NOBODY  # a step ended just now: whose it was does not matter
        return LoopReading(
            beat_age_seconds=now - beat if beat else 0.0,
            trigger_id=trigger_id,
            step_seconds=now - since if trigger_id else 0.0,
        )

    def close(self) -> None:
        """Give the memory back."""
        for view in (self._times, self._trigger, self._view):
            view.release()
        self._memory.close()
        os.close(self.descriptor)
