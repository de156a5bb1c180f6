"""Decides which files are parsed: looks at what events name at once, and lists the folders from time to time."""

import asyncio
from typing import Final

from tradewind.dag_processor.disk import Disk, Findings
from tradewind.dag_processor.file_index import FileIndex
from tradewind.dag_processor.inbox import Inbox, Work
from tradewind.dag_processor.parse_client import ParseServerClient
from tradewind.dag_processor.parse_queue import ParseQueue
from tradewind.dag_processor.store_writer import StoreWriter
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry

URGENT_FILES: Final = 20
"""Found in one look: more than that are not somebody's edit, but a backlog (a first start, a release)."""
CONFIRM_SECONDS: Final = 1.0
"""A file is gone when two complete listings, this long apart, do not find it: editors and syncs replace files by
removing them for a moment."""


class Examiner:
    """One task: the only one that touches the disk."""

    def __init__(
        self,
        *,
        disk: Disk,
        index: FileIndex,
        inbox: Inbox,
        queue: ParseQueue,
        parser: ParseServerClient,
        writer: StoreWriter,
        telemetry: Telemetry,
        refresh_interval_seconds: float,
    ) -> None:
        self._disk = disk
        self._index = index
        self._inbox = inbox
        self._queue = queue
        self._parser = parser
        self._writer = writer
        self._telemetry = telemetry
        self._refresh_interval_seconds = refresh_interval_seconds
        self._missing_since: dict[str, float] = {}
        self._environment = ""
        self._next_listing = 0.0
        self._is_first = True
        self._listings = telemetry.counter("listings_total", "Full listings of the folders")
        self._missed = telemetry.counter(
            "events_missed_total", "Changed files that no event named, but a listing found"
        )
        self._known_files = telemetry.gauge("files", "DAG files known")

    @property
    def environment(self) -> str:
        """Fingerprint of the installed libraries that files are parsed with."""
        return self._environment

    async def run(self, stop: asyncio.Event) -> None:
        """Examine until `stop`."""
        loop = asyncio.get_running_loop()
        turns = self._telemetry.loop("examiner", interval_seconds=self._refresh_interval_seconds)
        while not stop.is_set():
            work = await self._inbox.take(stop, max(0.0, self._next_listing - loop.time()))
            if stop.is_set():
                return
            with turns.turn():
                is_due = loop.time() >= self._next_listing
                if not work.listing and not is_due:
                    work.listing = await self._look(work)
                if work.listing or is_due:
                    await self._list(stop, missed_events=is_due and not work.listing)

    async def _look(self, work: Work) -> bool:
        """True = a listing is wanted."""
        verify = dict(work.verify)
        for path in work.touched:
            for name in self._disk.names_of(path):
                verify.update(dict.fromkeys(self._index.dependents_of(name)))
        findings = await asyncio.to_thread(self._disk.look, tuple(work.touched), tuple(verify), self._index.snapshot())
        self._apply(findings)
        self._enqueue([name for name in work.verify if not self._index.is_settled(name)])
        return findings.wants_listing

    async def _list(self, stop: asyncio.Event, *, missed_events: bool) -> None:
        now = asyncio.get_running_loop().time()
        is_first, self._is_first = self._is_first, False
        findings = await asyncio.to_thread(self._disk.list_all, self._index.snapshot())
        self._listings.inc()
        self._apply(findings)
        if missed_events and not is_first and not self._missing_since:
            self._missed.inc(len(findings.changed) + len(findings.missing))
        self._note_missing(findings, now)
        await self._retire(stop, now)
        self._next_listing = now + (CONFIRM_SECONDS if self._missing_since else self._refresh_interval_seconds)
        self._known_files.set(len(self._index.files))

    def _apply(self, findings: Findings) -> None:
        if findings.environment != self._environment:
            if self._environment:
                get_logger().info("environment.changed")
                self._parser.restart()
            self._environment = findings.environment
        self._enqueue(list(findings.changed))

    def _enqueue(self, names: list[str]) -> None:
        for name in names:
            if not self._queue.put(name, urgent=len(names) <= URGENT_FILES):
                get_logger().warning(
                    "dag_file.changes_too_often",
                    relative_fileloc=name,
                    advice="does parsing it write to the DAGs folder? It is parsed again with the next listing",
                )

    def _note_missing(self, findings: Findings, now: float) -> None:
        for name in [name for name in self._missing_since if name not in findings.missing]:
            del self._missing_since[name]
            self._index.mark_present(name)
        for name in findings.missing:
            if name not in self._missing_since:
                self._missing_since[name] = now
                self._queue.discard(name)
                self._enqueue(list(self._index.mark_missing(name)))

    async def _retire(self, stop: asyncio.Event, now: float) -> None:
        gone = [name for name, since in self._missing_since.items() if now - since >= CONFIRM_SECONDS]
        if not gone:
            return
        present = [name for name in self._index.files if name not in gone]
        stale = await self._writer.retire(present, stop)
        if stale is None:
            return
        for name in gone:
            self._index.remove(name)
            self._missing_since.pop(name, None)
        get_logger().info("dag_files.retired", relative_filelocs=gone, stale_dag_ids=list(stale))
