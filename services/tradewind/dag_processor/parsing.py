"""Takes files from the queue, has them parsed, and writes what came of them, all that has arrived as one batch."""

import asyncio
from collections.abc import Sequence
from typing import Final

from tradewind.core.errors import NotFound
from tradewind.core.rows import DagFileParse
from tradewind.dag_processor.bundles.loop import Bundles
from tradewind.dag_processor.examiner import Examiner
from tradewind.dag_processor.file_index import FileIndex
from tradewind.dag_processor.fingerprints import ABSENT, file_fingerprint
from tradewind.dag_processor.inbox import Inbox
from tradewind.dag_processor.parse_client import ParseServerClient, ParseServerLost
from tradewind.dag_processor.parse_protocol import DIED, PARSED, ParseReply, ParseRequest
from tradewind.dag_processor.parse_queue import ParseQueue
from tradewind.dag_processor.settings import DagProcessorSettings
from tradewind.dag_processor.settle import Outcome, error_line, row_of, settle
from tradewind.dag_processor.store_writer import StoreWriter
from tradewind.service.dag_roots import DagRoot, resolve_dag_file
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry

MAX_ATTEMPTS: Final = 3
"""Parse servers that may be lost over one file before the file is blamed."""
MAX_BATCH: Final = 100
BULK_BATCH: Final = 25
BULK_WAIT_SECONDS: Final = 0.5
"""While a backlog is worked off, nobody waits for any one file: a write waits for so many files, or for so long. A
file that was edited just now is written at once, and takes along whatever is there."""
LOGGED_OUTPUT_CHARACTERS: Final = 4_000
IDLE_SECONDS: Final = 3_600.0


class Parsing:
    """The parse loop and the write loop."""

    def __init__(
        self,
        *,
        settings: DagProcessorSettings,
        roots: Sequence[DagRoot],
        queue: ParseQueue,
        parser: ParseServerClient,
        index: FileIndex,
        inbox: Inbox,
        writer: StoreWriter,
        examiner: Examiner,
        bundles: Bundles,
        telemetry: Telemetry,
    ) -> None:
        self._settings = settings
        self._roots = roots
        self._queue = queue
        self._parser = parser
        self._index = index
        self._inbox = inbox
        self._writer = writer
        self._examiner = examiner
        self._bundles = bundles
        self._telemetry = telemetry
        group = settings.dag_processor
        self._fast = asyncio.Semaphore(group.parsing_processes)
        self._slow = asyncio.Semaphore(group.slow_parsing_processes)
        self._outcomes: dict[str, Outcome] = {}
        self._broken: dict[str, None] = {}
        """Files whose last parse was an import error."""
        self._arrived = asyncio.Event()
        self._enough = asyncio.Event()
        self._parsed = telemetry.counter("files_parsed_total", "DAG files parsed", ("status",))
        self._seconds = telemetry.seconds("parse_seconds", "Time that a file took to parse")

    async def run_parses(self, stop: asyncio.Event) -> None:
        """Parse what is queued, `parsing_processes` at once, until `stop`."""
        async with asyncio.TaskGroup() as group:
            while not stop.is_set():
                await self._fast.acquire()
                name = await self._queue.take(stop)
                if name is not None:
                    group.create_task(self._parse(name, stop), name=f"parse {name}")

    async def run_writes(self, stop: asyncio.Event) -> None:
        """Write what has been parsed until `stop`."""
        turns = self._telemetry.loop("writer")
        while not stop.is_set():
            await pause(stop, IDLE_SECONDS, self._arrived)
            while self._outcomes and not stop.is_set():
                if self._queue.has_backlog and not self._is_enough():
                    await pause(stop, BULK_WAIT_SECONDS, self._enough)
                with turns.turn():
                    await self._write_batch(stop)

    def _is_enough(self) -> bool:
        """Whether what has been parsed is worth a transaction although a backlog is being worked off."""
        return len(self._outcomes) >= BULK_BATCH or any(map(self._queue.is_urgent, self._outcomes))

    async def _parse(self, name: str, stop: asyncio.Event) -> None:
        permit = _Permit(self._fast, self._slow)
        try:
            async with asyncio.TaskGroup() as group:
                aside = group.create_task(
                    permit.step_aside_after(self._settings.dag_processor.slow_parse_seconds), name="step-aside"
                )
                outcome = await self._outcome_of(name, stop)
                aside.cancel()
        finally:
            permit.give_back()
        if outcome is None:
            self._broken.pop(name, None)
            self._queue.done(name)
            return
        self._outcomes[name] = outcome
        self._arrived.set()
        if self._is_enough():
            self._enough.set()

    async def _outcome_of(self, name: str, stop: asyncio.Event) -> Outcome | None:
        """None: the file is gone, or the service is stopping."""
        timeout = self._settings.core.dagbag_import_timeout_seconds
        try:
            path, folder = resolve_dag_file(self._roots, name)
        except NotFound:
            return None
        prefix = next(root.prefix for root in self._roots if root.folder == folder)
        request = ParseRequest(0, str(path), str(folder), prefix, name, timeout, was_broken=name in self._broken)
        reply = await self._reply_to(request, stop)
        if reply is None:
            return None
        digest = reply.result.file_digest if reply.result else await asyncio.to_thread(file_fingerprint, path)
        if digest == ABSENT:
            return None
        self._note(name, reply)
        allowed = reply.timeout_seconds or timeout
        return Outcome(relative_fileloc=name, digest=digest, reply=reply, timeout_seconds=allowed)

    async def _reply_to(self, request: ParseRequest, stop: asyncio.Event) -> ParseReply | None:
        for _attempt in range(MAX_ATTEMPTS):
            try:
                return await self._parser.parse(request)
            except ParseServerLost:
                if stop.is_set():
                    return None
        return ParseReply(0, DIED, detail=f"the parse server ended {MAX_ATTEMPTS} times while it had the file")

    async def _write_batch(self, stop: asyncio.Event) -> None:
        outcomes = [self._outcomes[name] for name in list(self._outcomes)[:MAX_BATCH]]
        for outcome in outcomes:
            del self._outcomes[outcome.relative_fileloc]
        parses = await self._bundles.cover(settle(outcomes, self._index, self._examiner.environment))
        written = await self._writer.write(parses, stop)
        again: dict[str, None] = {}
        for parse in written or ():
            again.update(dict.fromkeys(self._record(parse)))
        for outcome in outcomes:
            self._queue.done(outcome.relative_fileloc)
        self._inbox.verify([*(outcome.relative_fileloc for outcome in outcomes), *again])

    def _record(self, parse: DagFileParse) -> Sequence[str]:
        name = parse.relative_fileloc
        again = self._index.record(row_of(parse, self._index.files.get(name)))
        if parse.stacktrace is None:
            self._broken.pop(name, None)
            get_logger().info("dag_file.parsed", relative_fileloc=name, dag_ids=[spec.dag_id for spec in parse.specs])
        else:
            self._broken[name] = None
            get_logger().warning("dag_file.broken", relative_fileloc=name, error=error_line(parse.stacktrace))
        return again

    def _note(self, name: str, reply: ParseReply) -> None:
        broken = reply.status == PARSED and reply.result is not None and reply.result.stacktrace is not None
        self._parsed.labels("broken" if broken else reply.status).inc()
        self._seconds.observe(reply.duration_seconds)
        output = reply.output.decode(errors="replace").strip()
        if output and reply.status == PARSED:
            get_logger().info("dag_file.output", relative_fileloc=name, output=output[-LOGGED_OUTPUT_CHARACTERS:])


class _Permit:
    """One of the parsing processes; a slow file swaps it for one of those that slow files may hold."""

    def __init__(self, fast: asyncio.Semaphore, slow: asyncio.Semaphore) -> None:
        self._held = fast
        self._slow = slow

    async def step_aside_after(self, seconds: float) -> None:
        """Let the next file begin once this one has taken so long, if not too many slow ones are running."""
        await asyncio.sleep(seconds)
        if not self._slow.locked():
            await self._slow.acquire()
            self._held.release()
            self._held = self._slow

    def give_back(self) -> None:
        self._held.release()
