"""What a supervisor and its child processes say to each other over their socket pair and log pipe.

Frames are a 4-byte big-endian length and a msgpack body. The log pipe is the child's stdout and stderr: a line that
begins with the record separator (0x1e) is a structured record (JSON object with `timestamp`, `level`, `event`,
`logger` and further keys); any other line is raw output, which the supervisor wraps into such a record.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from tradewind.wire.messages import EndEffects, Grant, Message, TaskInstanceKey

RECORD_SEPARATOR: Final = b"\x1e"


class AttemptRequest(Message, frozen=True, tag="attempt_request.1"):
    """supervisor → child: run this attempt."""

    key: TaskInstanceKey
    attempt_id: UUID
    grant: Grant
    dags_folder: str
    execution_api_url: str
    worker_id: str = ""


class AttemptResult(Message, frozen=True, tag="attempt_result.1"):
    """child → supervisor, last frame: how it ended. Without it the supervisor classifies the child's exit itself."""

    outcome: str
    cause: str
    detail: str | None
    started_at: datetime | None
    ended_at: datetime
    xcoms: tuple[tuple[str, bytes], ...] = ()
    rendered_fields: bytes | None = None
    effects: EndEffects | None = None
    is_silent: bool = False
    """Nobody was told of it in the task's process."""
    overtime_seconds: float | None = None
    """How long the child may go on, at most, to call callbacks and listeners; None = it is about to exit."""
    is_reusable: bool = False
    """The child does not exit: no trace of the attempt is left in it, and it awaits another request."""
