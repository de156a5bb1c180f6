"""Task messages in Celery's protocol 2, ours and those that Celery itself sends."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from tests.unit.wire.samples import ATTEMPT, KEY, OTHER_ATTEMPT, QUEUED
from tradewind.wire.celery import HEADER, TASK_NAME, CeleryTask, parse_task_message, task_message
from tradewind.wire.codec import UndecodableMessage
from tradewind.wire.envelope import Message
from tradewind.wire.messages import TaskInstanceKey
from tradewind.wire.task_run import RunFlags

VECTORS: Final[dict[str, Any]] = json.loads(
    (Path(__file__).resolve().parents[3] / "proto" / "vectors" / "celery.json").read_text()
)


def pinned(name: str) -> Message:
    """A message as it was seen on the wire."""
    vector = VECTORS[name]
    return Message(**{**vector["properties"], "headers": vector["headers"], "body": vector["body"].encode()})


def changed(headers: dict[str, object] | None = None, **properties: Any) -> Message:
    """Our message with some of it replaced."""
    message = task_message(QUEUED)
    return replace(message, headers={**message.headers, **(headers or {})}, **properties)


def without(*names: str) -> Message:
    """Our message without these headers."""
    message = task_message(QUEUED)
    return replace(message, headers={name: value for name, value in message.headers.items() if name not in names})


def test_our_message_is_as_pinned() -> None:
    assert task_message(QUEUED) == pinned("tradewind")


def test_our_message_is_read_back() -> None:
    assert parse_task_message(task_message(QUEUED)) == CeleryTask(
        key=KEY,
        attempt_id=ATTEMPT,
        command=QUEUED.ti.command,
        relative_fileloc=QUEUED.relative_fileloc,
        pool=QUEUED.pool,
    )


def test_message_of_celery_itself_is_read_from_its_argv() -> None:
    task = parse_task_message(pinned("celery 5.7.0 send_task"))
    assert task.key == TaskInstanceKey("d", "t", "r", 0, 3)
    assert str(task.attempt_id) == VECTORS["celery 5.7.0 send_task"]["headers"]["id"]
    assert task.relative_fileloc == ""


def test_our_message_without_our_header_is_read_from_its_argv() -> None:
    task = parse_task_message(without(HEADER))
    assert task.key == msgspec.structs.replace(KEY, try_number=0)
    assert task.attempt_id == ATTEMPT


@pytest.mark.parametrize(("weight", "priority"), [(-5, 0), (0, 0), (7, 7), (255, 255), (10**6, 255)])
def test_priority_fits_into_its_octet(weight: int, priority: int) -> None:
    assert task_message(msgspec.structs.replace(QUEUED, priority=weight)).priority == priority


def test_long_argument_representations_are_cut() -> None:
    command = (*QUEUED.ti.command[:5], "x" * 200_000, *QUEUED.ti.command[6:])
    key = msgspec.structs.replace(KEY, run_id="x" * 200_000)
    ti = msgspec.structs.replace(QUEUED.ti, key=key, command=command)
    message = task_message(msgspec.structs.replace(QUEUED, ti=ti))
    assert len(str(message.headers["argsrepr"])) <= 1024
    assert parse_task_message(message).command == ti.command


def body(args: object = (("tradewind",),), kwargs: object = None, embed: object = None) -> bytes:
    return msgspec.json.encode((args, kwargs or {}, embed or {}))


def argv(*command: str) -> Message:
    """Our message with this argv only."""
    return replace(without(HEADER), body=body(args=(command,)))


RUN: Final = ("tradewind", "tasks", "run", "d", "t", "r")
EXTRA: Final = {"key": [KEY.dag_id, KEY.task_id, KEY.run_id, 1, KEY.map_index], "attempt_id": str(ATTEMPT)}


@pytest.mark.parametrize(
    ("message", "named"),
    [
        (changed(content_type="application/x-python-serialize"), "`content_type`"),
        (changed(content_encoding="binary"), "`content_encoding`"),
        (without("task"), "`task`"),
        (changed({"task": "celery.chord"}), "`task`.*celery.chord"),
        (without("id"), "`id`"),
        (changed({"id": "not-a-uuid"}), "`id`.*not-a-uuid"),
        (changed({"id": 7}), "`id`"),
        (changed({"eta": "2030-01-01T00:00:00+00:00"}), "`eta`"),
        (changed({"expires": "2030-01-01T00:00:00+00:00"}), "`expires`"),
        (changed(body=b""), "body"),
        (changed(body=b"{}"), "body"),
        (changed(body=b"\xff\xfe"), "body"),
        (changed(body=b'["a"'), "body"),
        (changed(body=b'[[["a\xff"]],{},{}]'), "body"),
        (changed(body=b"[[[]],{}," + b'{"a":' * 100_000), "body"),
        (changed(body=body(args=())), "body"),
        (changed(body=body(args=(("a",), ("b",)))), "body"),
        (changed(body=body(args=((1,),))), "body"),
        (changed(body=body(kwargs={"surprise": 1})), "`kwargs`.*surprise"),
        (changed(body=body(embed={"chain": [{"task": "x"}]})), "`embed`.*chain"),
        (changed({HEADER: 5}), f"`{HEADER}`"),
        (changed({HEADER: "{"}), f"`{HEADER}`"),
        (changed({HEADER: json.dumps({**EXTRA, "key": ["d", "t"]})}), f"`{HEADER}`.*key"),
        (changed({HEADER: json.dumps({**EXTRA, "attempt_id": "x"})}), f"`{HEADER}`.*attempt_id"),
        (changed({HEADER: json.dumps({**EXTRA, "attempt_id": str(OTHER_ATTEMPT)})}), f"`{HEADER}`.*`id`"),
        (changed({HEADER: json.dumps({**EXTRA, "key": ["d", "t", "r", 1]})}), f"`{HEADER}`.*another task instance"),
        (changed(body=body(args=(("rm", "-rf", "/"),))), "not `tradewind tasks run` but 'rm -rf /'"),
        (argv("rm", "-rf", "/", "d", "t", "r"), "not `tradewind tasks run` but 'rm -rf /"),
        (argv(*RUN[:4]), "too few arguments"),
        (argv(*RUN), "--attempt-id"),
        (argv(*RUN, "--attempt-id", str(OTHER_ATTEMPT)), "--attempt-id"),
        (argv(*RUN, "--attempt-id", str(ATTEMPT), "--map-index", "one"), "--map-index"),
    ],
)
def test_undecodable_messages_are_refused_by_name(message: Message, named: str) -> None:
    with pytest.raises(UndecodableMessage, match=named):
        parse_task_message(message)


def test_flags_of_the_argv_are_read_with_and_without_our_header() -> None:
    ti = msgspec.structs.replace(QUEUED.ti, command=(*QUEUED.ti.command, "--mark-success"))
    message = task_message(msgspec.structs.replace(QUEUED, ti=ti))
    assert parse_task_message(message).flags == RunFlags(mark_success=True)
    bare = replace(message, headers={name: value for name, value in message.headers.items() if name != HEADER})
    assert parse_task_message(bare).flags == RunFlags(mark_success=True)


def test_the_registered_name_is_what_the_scheduler_writes() -> None:
    assert QUEUED.ti.task == TASK_NAME
