"""Task messages to workers: Celery's message protocol 2 with a JSON body, so that Celery's own tools can read them.

The body is `[args, kwargs, embed]`, and `args` is one argument, the argv of `tradewind tasks run …`: a stock Celery
worker on which `tradewind.execute_command` is registered runs it. Our own workers read the argv, which must be one of
`tradewind tasks run`, and the header `tradewind`, which must agree with it; a message may lack the header.
"""

from typing import Any, Final
from uuid import UUID

import msgspec

from tradewind.wire.codec import UndecodableMessage
from tradewind.wire.envelope import Message
from tradewind.wire.messages import QueuedTaskInstance, TaskInstanceKey
from tradewind.wire.task_run import NO_FLAGS, RunFlags, TaskRun, parse_task_run_command

TASK_NAME: Final = "tradewind.execute_command"
"""Name under which the callable that takes the argv is registered."""

HEADER: Final = "tradewind"

_CONTENT_TYPE: Final = "application/json"
_MAX_PRIORITY: Final = 255
_MAX_REPR_CHARACTERS: Final = 1024
"""As in Celery; the whole body is there for who wants more."""

_FIXED_HEADERS: Final[dict[str, object]] = {
    "lang": "py",
    "shadow": None,
    "eta": None,
    "expires": None,
    "group": None,
    "group_index": None,
    "retries": 0,
    "timelimit": [None, None],
    "parent_id": None,
    "kwargsrepr": "{}",
    "origin": "tradewind-dispatcher",
    "ignore_result": True,
    "replaced_task_nesting": 0,
    "stamped_headers": None,
    "stamps": {},
}

_UNSUPPORTED_HEADERS: Final = ("eta", "expires")
"""A message that sets one of these asks for what only a Celery worker does."""

_EMBED: Final = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


class _Extra(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """The header `tradewind`: a JSON object, read by name, so that old and new can meet."""

    key: TaskInstanceKey
    attempt_id: UUID
    relative_fileloc: str = ""
    pool: str = ""


class CeleryTask(msgspec.Struct, frozen=True):
    """What a worker needs to know of a task message."""

    key: TaskInstanceKey
    """`try_number` is 0 in messages without our header."""
    attempt_id: UUID
    command: tuple[str, ...]
    relative_fileloc: str = ""
    flags: RunFlags = NO_FLAGS
    pool: str = ""
    """"" = the message does not say."""


_Body = tuple[tuple[tuple[str, ...]], dict[str, Any], dict[str, Any]]

_encoder = msgspec.json.Encoder()
_body_decoder = msgspec.json.Decoder(_Body)
_extra_decoder = msgspec.json.Decoder(_Extra)


def task_message(item: QueuedTaskInstance) -> Message:
    """The message for one attempt; its Celery task id is the attempt id."""
    attempt_id = str(item.attempt_id)
    command = list(item.ti.command)
    extra = _Extra(item.ti.key, item.attempt_id, item.relative_fileloc, item.pool)
    return Message(
        body=_encoder.encode(([command], {}, _EMBED)),
        content_type=_CONTENT_TYPE,
        content_encoding="utf-8",
        headers=_FIXED_HEADERS
        | {
            "task": item.ti.task,
            "id": attempt_id,
            "root_id": attempt_id,
            "argsrepr": _shortened(f"({command!r},)"),
            HEADER: _encoder.encode(extra).decode(),
        },
        correlation_id=attempt_id,
        priority=min(max(item.priority, 0), _MAX_PRIORITY),
    )


def parse_task_message(message: Message) -> CeleryTask:
    """The task that the message asks for; raises `UndecodableMessage`, whose text names what is wrong."""
    _check_envelope(message)
    attempt_id = _uuid(message.headers.get("id"))
    command = _command(message.body)
    run = _run_of(command, attempt_id)
    extra = message.headers.get(HEADER)
    if extra is None:
        key = TaskInstanceKey(run.dag_id, run.task_id, run.run_id, 0, run.map_index)
        return CeleryTask(key, attempt_id, command, flags=run.flags)
    return _task_from_header(attempt_id, command, run, extra)


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_REPR_CHARACTERS else text[: _MAX_REPR_CHARACTERS - 1] + "…"


def _check_envelope(message: Message) -> None:
    if message.content_type != _CONTENT_TYPE:
        raise UndecodableMessage(f"property `content_type`: {message.content_type!r} is not {_CONTENT_TYPE!r}")
    if message.content_encoding.lower() not in ("utf-8", "us-ascii", "ascii"):
        raise UndecodableMessage(f"property `content_encoding`: {message.content_encoding!r} is not 'utf-8'")
    task = message.headers.get("task")
    if task is None:
        raise UndecodableMessage("header `task`: missing: not a message of Celery's protocol 2")
    if task != TASK_NAME:
        raise UndecodableMessage(f"header `task`: {task!r} is not {TASK_NAME!r}, the only task that is known here")
    for name in _UNSUPPORTED_HEADERS:
        if message.headers.get(name) is not None:
            raise UndecodableMessage(f"header `{name}`: {message.headers[name]!r} is set, which is not supported")


def _command(body: bytes) -> tuple[str, ...]:
    try:
        (command,), kwargs, embed = _body_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise UndecodableMessage(f"body: not [args, kwargs, embed] with one argument, an argv: {exc}") from exc
    if kwargs:
        raise UndecodableMessage(f"body: `kwargs` has {', '.join(map(repr, sorted(kwargs)))} where nothing is expected")
    for name, value in embed.items():
        if value:
            raise UndecodableMessage(f"body: `embed` sets {name!r}, which is not supported")
    return command


def _run_of(command: tuple[str, ...], attempt_id: UUID) -> TaskRun:
    try:
        run = parse_task_run_command(command)
    except UndecodableMessage as exc:
        raise UndecodableMessage(f"body: {exc}") from exc
    if run.attempt_id != attempt_id:
        raise UndecodableMessage(
            f"body: option `--attempt-id` of the command: {run.attempt_id}; header `id`: {attempt_id}"
        )
    return run


def _task_from_header(attempt_id: UUID, command: tuple[str, ...], run: TaskRun, extra: object) -> CeleryTask:
    if not isinstance(extra, str):
        raise UndecodableMessage(f"header `{HEADER}`: not text but {type(extra).__name__}")
    try:
        parsed = _extra_decoder.decode(extra)
    except (msgspec.DecodeError, UnicodeEncodeError) as exc:
        raise UndecodableMessage(f"header `{HEADER}`: {exc}") from exc
    if parsed.attempt_id != attempt_id:
        raise UndecodableMessage(f"header `{HEADER}`: attempt {parsed.attempt_id} where header `id` says {attempt_id}")
    key = parsed.key
    if (key.dag_id, key.task_id, key.run_id, key.map_index) != (run.dag_id, run.task_id, run.run_id, run.map_index):
        raise UndecodableMessage(f"header `{HEADER}`: the key is of another task instance than the command's")
    return CeleryTask(key, attempt_id, command, parsed.relative_fileloc, run.flags, parsed.pool)


def _uuid(value: object) -> UUID:
    try:
        return UUID(value if isinstance(value, str) else "")
    except ValueError as exc:
        raise UndecodableMessage(f"header `id`: {value!r} is not a UUID") from exc
