"""Signals of an attempt's process: SIGTERM stops the task, SIGALRM is its `execution_timeout`."""

import logging
import os
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

from tradewind.sdk.exceptions import AirflowTaskTerminated, AirflowTaskTimeout

log = logging.getLogger("tradewind.task")


@contextmanager
def sigterm_stops(on_kill: Callable[[], None]) -> Generator[None]:
    """SIGTERM lets the operator clean up (`on_kill`), then interrupts it. Once it has ended, by itself or by that, the
    signal does nothing: the outcome stands and is about to be reported."""
    pid = os.getpid()

    def on_sigterm(_signum: int, _frame: FrameType | None) -> None:
        if os.getpid() != pid:
            # A process that user code forked: it dies as it would have without us.
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
            return
        signal.signal(signal.SIGTERM, _do_nothing)
        log.warning("Task was told to stop (SIGTERM)")
        on_kill()
        raise AirflowTaskTerminated("the task was told to stop (SIGTERM)")

    signal.signal(signal.SIGTERM, on_sigterm)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, _do_nothing)


def _do_nothing(_signum: int, _frame: FrameType | None) -> None:
    """Not SIG_IGN, which processes started from here would inherit."""


@contextmanager
def sigterm_restored() -> Generator[None]:
    """Put back afterwards what SIGTERM did before."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def alarm(seconds: float, name: str = "execution_timeout") -> Generator[None]:
    """Raise AirflowTaskTimeout after so many seconds, by the limit of this name."""

    def on_alarm(_signum: int, _frame: FrameType | None) -> None:
        raise AirflowTaskTimeout(f"{name} of {seconds:g} s is over")

    if seconds <= 0:
        raise AirflowTaskTimeout(f"{name} of {seconds:g} s is over")
    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
