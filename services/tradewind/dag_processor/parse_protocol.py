"""What the service and its parse server say to each other, framed as in `task_runner.frames`."""

from typing import Final

from tradewind.wire.messages import Message

MAX_OUTPUT_BYTES: Final = 64 * 1024
"""Of what a file printed while it was parsed, the end is kept."""

READY: Final = "ready"
PARSED: Final = "parsed"
TIMED_OUT: Final = "timed_out"
DIED: Final = "died"
ALLOWED: Final = "allowed"


class ParseRequest(Message, frozen=True, tag="parse_request.1"):
    """service → parse server: parse this file in a child."""

    request_id: int
    path: str
    root: str
    prefix: str
    """What names of files under this root begin with."""
    relative_fileloc: str
    timeout_seconds: float
    question: bytes = b""
    """A `core.dag_requests.DagRequest` as JSON: to be answered instead of saying what the file defines."""
    timetable: bytes = b""
    """A `TimetableQuestion`: the same."""
    was_broken: bool = False
    """The file could not be imported the last time either: listeners are told so."""
    execution_api_url: str = ""
    token: str = ""
    """With which the file reads stored Variables and Connections; the client fills both in."""


class ParseResult(Message, frozen=True, tag="parse_result.1"):
    """child → parse server → service: what the file defines, or why it cannot be imported."""

    file_digest: str
    specs: tuple[bytes, ...]
    """Each DAG's spec as JSON, in order of definition."""
    stacktrace: str | None
    dependencies: dict[str, str]
    answer: bytes = b""
    """To a question: a `requests.child.Answer` as JSON, or a `TimetableAnswer`; the rest is empty then."""


class ParseReply(Message, frozen=True, tag="parse_reply.1"):
    """parse server → service."""

    request_id: int
    status: str
    """`parsed` (with a result, which may be an import error), `timed_out` or `died`; `ready` is said once, first, about
    no request: the server can fork now. `allowed` is said on the way: a policy lets the file take `timeout_seconds`."""
    result: ParseResult | None = None
    detail: str = ""
    """How the child died."""
    output: bytes = b""
    """The end of what was printed; of a child that was stopped or crashed, with the stack where it stood."""
    duration_seconds: float = 0.0
    timeout_seconds: float = 0.0
    """What a policy allowed; 0 = nothing else than was asked for."""
