"""Whatever a message holds, it comes back; whatever bytes come, they are a message or refused with a reason."""

from datetime import UTC, datetime
from types import UnionType
from typing import Any, get_args, get_origin
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.wire.samples import message_structs, tag_of
from tradewind.wire.celery import TASK_NAME, CeleryTask, parse_task_message, task_message
from tradewind.wire.codec import UndecodableMessage, decode, encode
from tradewind.wire.envelope import Message as Envelope
from tradewind.wire.messages import Message, QueuedTaskInstance
from tradewind.wire.task_run import TaskRun, task_run_command

Strategy = st.SearchStrategy[Any]

TAGGED = [kind for kind in message_structs() if tag_of(kind)]

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


def values_of(annotation: Any) -> Strategy:
    """Values of a field's type."""
    simple: dict[Any, Strategy] = {
        str: TEXT,
        int: st.integers(-(2**63), 2**64 - 1),
        bool: st.booleans(),
        float: st.floats(allow_nan=False),
        bytes: st.binary(max_size=20),
        type(None): st.none(),
        UUID: st.uuids(),
        datetime: st.datetimes(timezones=st.just(UTC)),
    }
    if annotation in simple:
        return simple[annotation]
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return messages_of(annotation)
    parts = get_args(annotation)
    if get_origin(annotation) is UnionType:
        return st.one_of([values_of(part) for part in parts])
    assert get_origin(annotation) is tuple, annotation
    if parts[-1] is Ellipsis:
        return st.lists(values_of(parts[0]), max_size=3).map(tuple)
    return st.tuples(*(values_of(part) for part in parts))


def messages_of(kind: type[msgspec.Struct]) -> Strategy:
    """Messages of one kind."""
    return st.builds(kind, **{field.name: values_of(field.type) for field in msgspec.structs.fields(kind)})


@pytest.mark.parametrize("kind", TAGGED, ids=lambda kind: kind.__name__)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_messages_come_back_as_they_were(kind: type[Message], data: st.DataObject) -> None:
    message = data.draw(messages_of(kind))
    assert decode(encode(message), kind) == message


@pytest.mark.parametrize("kind", TAGGED, ids=lambda kind: kind.__name__)
@settings(max_examples=50, deadline=None)
@given(body=st.binary(max_size=60))
def test_any_bytes_are_refused_with_a_reason(kind: type[Message], body: bytes) -> None:
    with pytest.raises(UndecodableMessage, match=kind.__name__):
        decode(body, kind)


@settings(deadline=None)
@given(data=st.data())
def test_a_damaged_byte_is_read_or_refused(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(TAGGED))
    body = bytearray(encode(data.draw(messages_of(kind))))
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        message = decode(bytes(body), kind)
    except UndecodableMessage:
        return
    assert isinstance(message, kind)


@settings(deadline=None)
@given(messages_of(QueuedTaskInstance), st.integers(-1, 10**9 - 1))
def test_task_messages_come_back_as_they_were(drawn: QueuedTaskInstance, map_index: int) -> None:
    key = msgspec.structs.replace(drawn.ti.key, map_index=map_index)
    run = TaskRun(
        dag_id=key.dag_id,
        task_id=key.task_id,
        run_id=key.run_id,
        map_index=map_index,
        attempt_id=drawn.attempt_id,
    )
    ti = msgspec.structs.replace(drawn.ti, key=key, command=task_run_command(run), task=TASK_NAME)
    item = msgspec.structs.replace(drawn, ti=ti)
    assert parse_task_message(task_message(item)) == CeleryTask(
        key=item.ti.key,
        attempt_id=item.attempt_id,
        command=item.ti.command,
        relative_fileloc=item.relative_fileloc,
        pool=item.pool,
    )


@given(
    body=st.binary(max_size=40) | st.recursive(st.none() | st.integers() | TEXT, st.lists).map(msgspec.json.encode),
    headers=st.dictionaries(st.sampled_from(["task", "id", "tradewind", "eta"]), TEXT | st.none() | st.just(TASK_NAME)),
)
def test_any_task_message_is_refused_with_a_reason(body: bytes, headers: dict[str, object]) -> None:
    with pytest.raises(UndecodableMessage):
        parse_task_message(Envelope(body=body, headers=headers, content_type="application/json"))
