"""Lines of a log as records: what is stored is shown so that it always parses."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from tradewind.core.states import TaskInstanceState
from tradewind.db.pool import Row

HEADER_LOGGER: Final = "tradewind.log"
_HEADER_MARK: Final = f'"logger":"{HEADER_LOGGER}"'.encode()

NO_LOG_EVENTS: Final[Mapping[str, str]] = {
    TaskInstanceState.SKIPPED: "The task was skipped: there is no log.",
    TaskInstanceState.UPSTREAM_FAILED: "The task did not run because a task before it failed: there is no log.",
    TaskInstanceState.REMOVED: "The task was removed from the DAG before it ran: there is no log.",
}


class _Record(msgspec.Struct):
    """What every record must hold to be shown as it is."""

    event: str
    timestamp: datetime | None = None


class _Header(msgspec.Struct):
    logger: str
    attempt_id: UUID


def records_of(lines: bytes) -> list[bytes]:
    """The records of a chunk, each a JSON object with `event`, as JSON text without its line end."""
    return [as_record(line) for line in lines.split(b"\n") if line.strip()]


def as_record(line: bytes) -> bytes:
    """The line; one that is no record becomes the event of one."""
    try:
        msgspec.json.decode(line, type=_Record)
        line.decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.json.encode({"event": line.decode(errors="replace")})
    return line


def as_text(record: bytes) -> bytes:
    """A record as one line for people: time, level, event, and whatever else as `key=value`."""
    values = msgspec.json.decode(record, type=dict[str, object])
    shown = [str(values.pop(name)) for name in ("timestamp", "level", "event") if values.get(name) is not None]
    if "exception" in values:
        values.pop("error_detail", None)  # the same, for programs
    rest = [f"{name}={msgspec.json.encode(value).decode()}" for name, value in values.items() if value is not None]
    return " ".join([*shown, *rest]).encode()


def header(attempt: Row) -> bytes:
    """The record that comes before an attempt's own."""
    worker = attempt["worker_id"] or "an unknown worker"
    return msgspec.json.encode(
        {
            "timestamp": attempt["first_logged_at"],
            "level": "info",
            "event": f"Attempt {attempt['attempt_id']} on {worker}",
            "logger": HEADER_LOGGER,
            "attempt_id": attempt["attempt_id"],
            "worker": attempt["worker_id"],
            "hostname": attempt["hostname"],
        }
    )


def attempt_of_header(line: bytes) -> str | None:
    """The attempt that this line of a file begins; None for any other line."""
    if _HEADER_MARK not in line:
        return None
    try:
        found = msgspec.json.decode(line, type=_Header)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return str(found.attempt_id) if found.logger == HEADER_LOGGER else None


def no_log(state: str) -> bytes:
    """What a try without a log says."""
    return msgspec.json.encode({"event": NO_LOG_EVENTS.get(state, "There is no log of this try.")})
