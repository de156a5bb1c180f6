"""Reads the log of one try: the records of each of its attempts, under a line that names the attempt and its worker.

Chunks are whole lines of JSON; a line that is not a record is shown as the event of one, so that what is read always
parses. A continuation token names the last chunk seen of each attempt.
"""

import base64
import binascii
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec

from tradewind.api.errors import BadRequest
from tradewind.core.errors import NotFound
from tradewind.core.states import TaskInstanceState
from tradewind.db.api.tasks import LogKey, TryKey, get_log_target, list_log_attempts, list_log_chunks
from tradewind.db.pool import Database, Row

CHUNKS_AT_ONCE: Final = 32
BEFORE_THE_FIRST: Final = -1

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

NO_LOG_EVENTS: Final[Mapping[str, str]] = {
    TaskInstanceState.SKIPPED: "The task was skipped: there is no log.",
    TaskInstanceState.UPSTREAM_FAILED: "The task did not run because a task before it failed: there is no log.",
    TaskInstanceState.REMOVED: "The task was removed from the DAG before it ran: there is no log.",
}


ChunkNumber = Annotated[int, msgspec.Meta(ge=BEFORE_THE_FIRST, lt=2**31)]


class _Record(msgspec.Struct):
    """What every record must hold to be shown as it is."""

    event: str
    timestamp: datetime | None = None


@dataclass(frozen=True, slots=True)
class LogPosition:
    """The last chunk seen of each attempt."""

    sequences: Mapping[str, int] = field(default_factory=dict[str, int])

    def token(self) -> str:
        """As text, for a client to hand back."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self.sequences)).decode().rstrip("=")

    @classmethod
    def of_token(cls, token: str | None) -> "LogPosition":
        """Raises `BadRequest` for anything that `token` did not make."""
        if not token:
            return cls()
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            return cls(msgspec.json.decode(raw, type=dict[str, ChunkNumber]))
        except (binascii.Error, ValueError, msgspec.DecodeError) as exc:
            raise BadRequest("The token is not one that an earlier answer gave: begin without one") from exc


async def open_log(database: Database, key: TryKey, position: LogPosition) -> "LogReader":
    """A reader of the try's log as it is now; raises `NotFound`."""
    # The state is read first: a try that had ended then has its whole log in the database by now.
    target = await get_log_target(database, key)
    if target is None:
        raise NotFound(f"Try {key.try_number} of the task instance {key.task_id!r} was not found")
    log_key = LogKey(
        dag_run_id=target["dag_run_id"], task_id=key.task_id, map_index=key.map_index, try_number=key.try_number
    )
    attempts = await list_log_attempts(database, log_key)
    return LogReader(database=database, key=log_key, state=target["state"], position=position, attempts=attempts)


@dataclass(slots=True, kw_only=True)
class LogReader:
    """Reads on from a position to what was there when it was made, and knows where it has come to."""

    database: Database
    key: LogKey
    state: str
    position: LogPosition
    attempts: Sequence[Row]

    @property
    def is_live(self) -> bool:
        """Whether more may come."""
        return self.state in LIVE_STATES

    @property
    def end(self) -> LogPosition:
        """Where it will have come to."""
        return LogPosition({str(attempt["attempt_id"]): attempt["last_sequence"] for attempt in self.attempts})

    async def batches(self) -> AsyncGenerator[list[bytes]]:
        """Records as JSON texts without line ends, some at a time; `position` moves with them."""
        if not self.attempts and not self.is_live:
            yield [_no_log(self.state)]
        for attempt in self.attempts:
            if str(attempt["attempt_id"]) not in self.position.sequences:
                yield [_header(attempt)]
            async for batch in self._batches_of(attempt["attempt_id"], attempt["last_sequence"]):
                yield batch

    async def _batches_of(self, attempt_id: UUID, last: int) -> AsyncGenerator[list[bytes]]:
        name = str(attempt_id)
        while (after := self.position.sequences.get(name, BEFORE_THE_FIRST)) < last:
            limit = min(CHUNKS_AT_ONCE, last - after)
            chunks = await list_log_chunks(self.database, self.key, attempt_id, after, limit)
            if not chunks:
                return  # the run was deleted meanwhile
            for chunk in chunks:
                self.position = LogPosition({**self.position.sequences, name: chunk["sequence"]})
                yield records_of(chunk["lines"])


def records_of(lines: bytes) -> list[bytes]:
    """The records of a chunk, each a JSON object with `event`."""
    return [_as_record(line) for line in lines.splitlines() if line.strip()]


def as_text(record: bytes) -> bytes:
    """A record as one line for people: time, level, event, and whatever else as `key=value`."""
    values = msgspec.json.decode(record, type=dict[str, object])
    shown = [str(values.pop(name)) for name in ("timestamp", "level", "event") if values.get(name) is not None]
    rest = [f"{name}={msgspec.json.encode(value).decode()}" for name, value in values.items() if value is not None]
    return " ".join([*shown, *rest]).encode()


def _as_record(line: bytes) -> bytes:
    try:
        msgspec.json.decode(line, type=_Record)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.json.encode({"event": line.decode(errors="replace")})
    return line


def _header(attempt: Row) -> bytes:
    worker = attempt["worker_id"] or "an unknown worker"
    return msgspec.json.encode(
        {
            "timestamp": attempt["first_logged_at"],
            "level": "info",
            "event": f"Attempt {attempt['attempt_id']} on {worker}",
            "logger": "tradewind.log",
            "attempt_id": attempt["attempt_id"],
            "worker": attempt["worker_id"],
            "hostname": attempt["hostname"],
        }
    )


def _no_log(state: str) -> bytes:
    return msgspec.json.encode({"event": NO_LOG_EVENTS.get(state, "This try has logged nothing.")})
