"""What the examiner has been asked to look at, merged while it waits."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tradewind.service.lifecycle import pause


@dataclass(slots=True)
class Work:
    """Everything that was asked for since the examiner last looked."""

    touched: dict[Path, None] = field(default_factory=dict[Path, None])
    """Paths that an event named."""
    verify: dict[str, None] = field(default_factory=dict[str, None])
    """Files (by name) whose content or dependencies may have changed."""
    listing: bool = False
    """Wanted because of what happened, not because of the time."""


class Inbox:
    """Bounded by the number of paths: asking twice for one thing is asking once."""

    def __init__(self) -> None:
        self._work = Work()
        self._arrived = asyncio.Event()

    def touch(self, paths: Iterable[Path]) -> None:
        self._work.touched.update(dict.fromkeys(paths))
        self._arrived.set()

    def verify(self, relative_filelocs: Iterable[str]) -> None:
        self._work.verify.update(dict.fromkeys(relative_filelocs))
        self._arrived.set()

    def list_folders(self) -> None:
        self._work.listing = True
        self._arrived.set()

    async def take(self, stop: asyncio.Event, timeout_seconds: float) -> Work:
        """All that has arrived, after waiting for something at most so long."""
        if not self._arrived.is_set():
            await pause(stop, timeout_seconds, self._arrived)
        self._arrived.clear()
        work, self._work = self._work, Work()
        return work
