"""A block of code that may take only so long."""

import logging
import os
import signal
from types import FrameType
from typing import Any, Self

from tradewind.sdk.exceptions import AirflowTaskTimeout

log = logging.getLogger("tradewind.task")


class timeout:
    """`with timeout(3):` raises AirflowTaskTimeout inside the block once 3 seconds have passed.

    Needs the main thread; elsewhere the block runs without a limit, and says so.
    """

    def __init__(self, seconds: float = 1, error_message: str = "Timeout") -> None:
        self.seconds, self.error_message = seconds, f"{error_message}, PID: {os.getpid()}"
        self._previous: Any = None
        self._is_set = False

    def _raise(self, _signal: int, _frame: FrameType | None) -> None:
        raise AirflowTaskTimeout(self.error_message)

    def __enter__(self) -> Self:
        try:
            self._previous = signal.signal(signal.SIGALRM, self._raise)
        except ValueError:
            log.warning("a timeout needs the main thread: this block runs without one")
            return self
        signal.setitimer(signal.ITIMER_REAL, self.seconds)
        self._is_set = True
        return self

    def __exit__(self, *_raised: Any) -> None:
        if self._is_set:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._previous)
