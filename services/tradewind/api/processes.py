"""Several API processes that share one port: forked from one that has loaded everything, and watched by it."""

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Final, NoReturn

from tradewind.service.config_errors import CONFIG_ERROR_EXIT_CODE

RESTART_SECONDS: Final = 1.0
STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

Serve = Callable[[], None]
"""Serves until the process is told to stop."""


def serve_in_processes(count: int, serve: Serve) -> None:
    """Have so many children serve, and replace those that end by themselves. Told to stop, tell them, and return once
    they have ended. A wrong setting ends all with code 2. Must be called before there is any thread or loop."""
    _Processes(serve).run(count)


class _Processes:
    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._children: set[int] = set()
        self._is_stopping = False

    def run(self, count: int) -> None:
        for signum in STOP_SIGNALS:
            signal.signal(signum, self._stop)
        for _ in range(count):
            self._start()
        code = 0
        while self._children:
            pid, status = os.wait()
            self._children.discard(pid)
            if not self._is_stopping:
                code = self._replace(pid, os.waitstatus_to_exitcode(status))
        if code:
            raise SystemExit(code)

    def _replace(self, pid: int, code: int) -> int:
        """The code to end with, if that is to be."""
        if code == CONFIG_ERROR_EXIT_CODE:
            self._stop(signal.SIGTERM, None)
            return code
        sys.stderr.write(f"tradewind: the API process {pid} has ended ({code}) and is replaced\n")
        time.sleep(RESTART_SECONDS)
        if not self._is_stopping:
            self._start()
        return 0

    def _start(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        pid = os.fork()
        if pid == 0:
            self._be_child()
        self._children.add(pid)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def _be_child(self) -> NoReturn:
        for signum in STOP_SIGNALS:
            signal.signal(signum, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        code = 1
        try:
            self._serve()
            code = 0
        except SystemExit as exc:
            code = exc.code if isinstance(exc.code, int) else 1
        except BaseException as exc:
            sys.excepthook(type(exc), exc, exc.__traceback__)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self._is_stopping = True
        for pid in self._children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
