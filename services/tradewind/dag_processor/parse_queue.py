"""Files that wait to be parsed: those that somebody has just edited before those that a listing found."""

import asyncio
from collections import deque
from typing import Final

from tradewind.service.lifecycle import pause

BURST: Final = 30
BURST_SECONDS: Final = 30.0
"""A file parsed so often in so short a time is most likely changed by its own parse: it waits for the next listing."""


class ParseQueue:
    """Each file is in it once, or being parsed, or neither. `clock`: seconds, monotonic."""

    def __init__(self) -> None:
        self._urgent: dict[str, None] = {}
        self._backlog: dict[str, None] = {}
        self._in_flight: dict[str, bool] = {}
        self._starts: dict[str, deque[float]] = {}
        self._arrived = asyncio.Event()

    @property
    def has_backlog(self) -> bool:
        """Whether files that nobody has just edited wait."""
        return bool(self._backlog)

    def is_urgent(self, relative_fileloc: str) -> bool:
        """Whether the file in flight was edited just now."""
        return self._in_flight.get(relative_fileloc, False)

    def is_in_flight(self, relative_fileloc: str) -> bool:
        """Whether the file is being parsed, or its parse written."""
        return relative_fileloc in self._in_flight

    def is_through(self, relative_fileloc: str) -> bool:
        """Whether the file neither waits nor is in flight."""
        return not any(relative_fileloc in files for files in (self._urgent, self._backlog, self._in_flight))

    def put(self, relative_fileloc: str, *, urgent: bool) -> bool:
        """Have the file parsed. A file that is being parsed is left alone: it is verified afterwards. False = it has
        been parsed too often of late."""
        if relative_fileloc in self._in_flight:
            return True
        if self._is_too_frequent(relative_fileloc, asyncio.get_running_loop().time()):
            return False
        if urgent:
            self._backlog.pop(relative_fileloc, None)
            self._urgent[relative_fileloc] = None
        elif relative_fileloc not in self._urgent:
            self._backlog[relative_fileloc] = None
        self._arrived.set()
        return True

    def discard(self, relative_fileloc: str) -> None:
        """The file is gone."""
        self._urgent.pop(relative_fileloc, None)
        self._backlog.pop(relative_fileloc, None)
        self._starts.pop(relative_fileloc, None)

    async def take(self, stop: asyncio.Event) -> str | None:
        """The next file, which is in flight from now on; None once `stop` is set."""
        while not stop.is_set():
            for waiting in (self._urgent, self._backlog):
                if waiting:
                    return self._start(next(iter(waiting)), waiting)
            self._arrived.clear()
            await pause(stop, BURST_SECONDS, self._arrived)
        return None

    def done(self, relative_fileloc: str) -> None:
        """The file's parse has been written, or given up."""
        self._in_flight.pop(relative_fileloc, None)

    def _start(self, relative_fileloc: str, waiting: dict[str, None]) -> str:
        del waiting[relative_fileloc]
        self._in_flight[relative_fileloc] = waiting is self._urgent
        starts = self._starts.setdefault(relative_fileloc, deque(maxlen=BURST))
        starts.append(asyncio.get_running_loop().time())
        return relative_fileloc

    def _is_too_frequent(self, relative_fileloc: str, now: float) -> bool:
        starts = self._starts.get(relative_fileloc)
        return starts is not None and len(starts) == BURST and now - starts[0] < BURST_SECONDS
