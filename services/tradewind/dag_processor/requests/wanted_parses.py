"""Files that people want parsed although nothing has changed: the rows that say so are done with once such a parse, one
that began after the row was seen, is through."""

import asyncio
from typing import Final

from tradewind.core.errors import AdapterError
from tradewind.dag_processor.file_index import FileIndex
from tradewind.dag_processor.parse_queue import ParseQueue
from tradewind.db.parse_requests import ParseRequestStore, WantedParse
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry

SEEN_AT_ONCE: Final = 1_000


class WantedParses:
    """One task. Several dag processors may parse one file for one row, which does no harm."""

    def __init__(
        self,
        *,
        store: ParseRequestStore,
        index: FileIndex,
        queue: ParseQueue,
        telemetry: Telemetry,
        interval_seconds: float,
    ) -> None:
        self._store = store
        self._index = index
        self._queue = queue
        self._interval_seconds = interval_seconds
        self._turns = telemetry.loop("wanted-parses", interval_seconds=interval_seconds)
        self._arrived = asyncio.Event()
        self._queued: tuple[WantedParse, ...] = ()

    def wake_up(self) -> None:
        """There may be rows."""
        self._arrived.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`; what was not through then is found again at the next start."""
        while not stop.is_set():
            with self._turns.turn():
                try:
                    await self.run_once()
                except AdapterError as exc:
                    get_logger().warning("store.unavailable", error=str(exc), doing="wanted_parses")
            await pause(stop, self._interval_seconds, self._arrived)

    async def run_once(self) -> None:
        """Queue the files of new rows, and be done with rows whose files are through, or gone."""
        wanted = await self._store.wanted_parses(SEEN_AT_ONCE)
        done = [each for each in wanted if self._is_done(each)]
        self._queued = tuple(each for each in wanted if each not in done and self._is_queued(each))
        if done:
            await self._store.finish_parses(done)

    def _is_done(self, wanted: WantedParse) -> bool:
        name = wanted.relative_fileloc
        return name not in self._index.files or (wanted in self._queued and self._queue.is_through(name))

    def _is_queued(self, wanted: WantedParse) -> bool:
        """Whether a parse is to come that began after the row was seen; not that of a file in flight."""
        if wanted in self._queued:
            return True
        name = wanted.relative_fileloc
        return not self._queue.is_in_flight(name) and self._queue.put(name, urgent=True)
