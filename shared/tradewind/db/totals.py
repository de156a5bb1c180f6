"""Counts of long lists, remembered for seconds: whoever asks meanwhile gets the same answer, and waits for no scan."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

REMEMBERED_SECONDS: Final = 5.0
REMEMBERED_LISTS: Final = 256


@dataclass(slots=True)
class _Count:
    counting: asyncio.Lock = field(default_factory=asyncio.Lock)
    total: int = 0
    counted_at: float | None = None


class Totals:
    """The totals of the lists that were asked for last. `seconds`: a clock that only goes forward."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._counts: OrderedDict[Hashable, _Count] = OrderedDict()

    async def get(self, asked: Hashable, count: Callable[[], Awaitable[int]]) -> int:
        """As `count` said at most `REMEMBERED_SECONDS` ago; whoever comes while it counts waits for its answer."""
        entry = self._counts.setdefault(asked, _Count())
        self._counts.move_to_end(asked)
        if len(self._counts) > REMEMBERED_LISTS:
            self._counts.popitem(last=False)
        async with entry.counting:
            if entry.counted_at is None or self._seconds() - entry.counted_at > REMEMBERED_SECONDS:
                entry.total = await count()
                entry.counted_at = self._seconds()
        return entry.total
