"""Reads the log of one try: the records of each of its attempts, under a line that names the attempt and its worker."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tradewind.api.task_logs.position import LogPosition
from tradewind.api.task_logs.records import as_record, attempt_of_header, header, no_log, records_of
from tradewind.api.task_logs.stores import LogStores
from tradewind.core.errors import NotFound
from tradewind.core.states import TaskInstanceState
from tradewind.db.api import task_logs as queries
from tradewind.db.api.task_logs import LogKey, TryKey
from tradewind.db.pool import Database, Row

CHUNKS_AT_ONCE: Final = 64
BYTES_AT_ONCE: Final = 512 * 1024
"""Read at once, but for a single chunk that is longer."""

LIVE_STATES: Final = (
    TaskInstanceState.QUEUED,
    TaskInstanceState.RUNNING,
    TaskInstanceState.RESTARTING,
    TaskInstanceState.DEFERRED,
    TaskInstanceState.UP_FOR_RESCHEDULE,
    TaskInstanceState.AWAITING_INPUT,
    TaskInstanceState.SCHEDULED,
)
"""A try in one of these may log more."""


async def open_log(database: Database, stores: LogStores, key: TryKey, position: LogPosition) -> "LogReader":
    """A reader of the try's log as it is now; raises `NotFound`."""
    # The state is read first: a try that had ended then has its whole log stored by now.
    target = await _target(database, key)
    log_key = LogKey(
        dag_run_id=target["dag_run_id"], task_id=key.task_id, map_index=key.map_index, try_number=key.try_number
    )
    attempts = await queries.list_log_attempts(database, log_key)
    state = target["state"]
    if not attempts and target["file_path"] is None and state not in LIVE_STATES:
        target = await _target(database, key)  # it may have been moved in between
    return LogReader(
        database=database,
        stores=stores,
        key=log_key,
        state=state,
        position=position,
        attempts=attempts,
        file=target if target["file_path"] is not None else None,
    )


async def _target(database: Database, key: TryKey) -> Row:
    target = await queries.get_log_target(database, key)
    if target is None:
        raise NotFound(f"Try {key.try_number} of the task instance {key.task_id!r} was not found")
    return target


@dataclass(slots=True, kw_only=True)
class LogReader:
    """Reads on from a position to what was there when it was made, and knows where it has come to."""

    database: Database
    stores: LogStores
    key: LogKey
    state: str
    position: LogPosition
    attempts: Sequence[Row]
    file: Row | None
    """`file_base` and `file_path`, once the log was moved."""

    @property
    def is_live(self) -> bool:
        """Whether more may come."""
        return self.state in LIVE_STATES

    async def end(self) -> LogPosition:
        """Where it will have come to, of a log that was not moved."""
        lasts = {str(attempt["attempt_id"]): attempt["last_sequence"] for attempt in self.attempts}
        sizes = await queries.measure_log(self.database, self.key, list(map(UUID, lasts)), list(lasts.values()))
        return LogPosition({name: (lasts[name], sizes[name]) for name in lasts if name in sizes}, self.position.file)

    async def batches(self) -> AsyncGenerator[list[bytes]]:
        """Records as JSON texts without line ends, some at a time; `position` moves with them. Raises
        `LogStoreFailed` if the log was moved and the store does not give it."""
        if self.file is not None:
            async for batch in self._file_batches(self.file):
                yield batch
        elif not self.attempts and not self.is_live:
            yield [no_log(self.state)]
        for attempt in self.attempts:
            name = str(attempt["attempt_id"])
            is_begun = name in self.position.chunks
            async for chunks in chunks_of(self.database, self.key, attempt, self.position.sequence(name)):
                records = [] if is_begun else [header(attempt)]
                is_begun = True
                for chunk in chunks:
                    self.position = self.position.after_chunk(name, chunk["sequence"], len(chunk["lines"]))
                    records += records_of(chunk["lines"])
                yield records
            if self.file is None and self.position.sequence(name) < attempt["last_sequence"]:
                async for batch in self._moved_batches():
                    yield batch
                return

    async def _moved_batches(self) -> AsyncGenerator[list[bytes]]:
        """The rest of a log that was moved while it was read."""
        self.file = await queries.get_log_file(self.database, self.key)
        if self.file is not None:  # else its run was deleted
            async for batch in self._file_batches(self.file):
                yield batch

    async def _file_batches(self, file: Row) -> AsyncGenerator[list[bytes]]:
        start = self.position.file or 0
        store = await self.stores.of(file["file_base"])
        is_begun = self.position.file is not None
        filtered = _Unseen({} if is_begun else {name: size for name, (_, size) in self.position.chunks.items()})
        async for lines, end in _lines(store.read(file["file_path"], start), start):
            records = [as_record(line) for line in lines if line.strip() and filtered.passes(line)]
            self.position = LogPosition(self.position.chunks, end)
            if records:
                yield records


class _Unseen:
    """Passes over what was read of a file's attempts while they were chunks."""

    def __init__(self, seen_bytes: dict[str, int]) -> None:
        self._seen_bytes = seen_bytes
        self._left = 0

    def passes(self, line: bytes) -> bool:
        """Whether the line was not seen yet; to be asked of each line from the file's first."""
        attempt = attempt_of_header(line) if self._seen_bytes else None
        if attempt is not None:
            self._left = self._seen_bytes.get(attempt, 0)
            return attempt not in self._seen_bytes
        is_seen = self._left > 0
        self._left -= len(line) + 1
        return not is_seen


async def chunks_of(database: Database, key: LogKey, attempt: Row, after: int) -> AsyncGenerator[Sequence[Row]]:
    """The chunks of an attempt that follow the number `after`, some at a time, as far as they are there."""
    while after < attempt["last_sequence"]:
        limit = min(CHUNKS_AT_ONCE, attempt["last_sequence"] - after)
        chunks = await queries.list_log_chunks(database, key, attempt["attempt_id"], after, limit, BYTES_AT_ONCE)
        if not chunks:
            return
        after = chunks[-1]["sequence"]
        yield chunks


async def _lines(pieces: AsyncIterator[bytes], start: int) -> AsyncGenerator[tuple[list[bytes], int]]:
    """Whole lines without their ends, piece by piece, each time with the offset that follows them."""
    rest = b""
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        start += sum(map(len, lines)) + len(lines)
        if lines:
            yield lines, start
    if rest:
        yield [rest], start + len(rest)
