"""proto/asyncapi.yaml names every queue, message and field as the code has them."""

from pathlib import Path
from types import UnionType
from typing import Any, Final, Union, cast, get_args, get_origin
from uuid import UUID

import msgspec
import pytest
import yaml

from tests.unit.wire.samples import QUEUED, message_structs, tag_of
from tradewind.wire import queues
from tradewind.wire.celery import HEADER, TASK_NAME, task_message
from tradewind.wire.messages import Event, Message

Schema = dict[str, Any]

DOCUMENT: Final[Schema] = yaml.safe_load((Path(__file__).resolve().parents[3] / "proto" / "asyncapi.yaml").read_text())
SCHEMAS: Final[Schema] = DOCUMENT["components"]["schemas"]
MESSAGES: Final[Schema] = DOCUMENT["components"]["messages"]


def referred(reference: Schema) -> str:
    """The last part of a `$ref`."""
    return str(reference["$ref"]).rpartition("/")[2]


def struct_names(annotation: object) -> list[str]:
    """Structs that a field's type mentions."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return [annotation.__name__]
    return [name for part in get_args(annotation) for name in struct_names(part)]


def references(schema: object) -> list[str]:
    """Schemas that a schema mentions."""
    if isinstance(schema, dict):
        pairs = cast("dict[str, object]", schema)
        own = [str(pairs["$ref"]).rpartition("/")[2]] if "$ref" in pairs else []
        return own + [name for value in pairs.values() for name in references(value)]
    if isinstance(schema, list):
        return [name for value in cast("list[object]", schema) for name in references(value)]
    return []


def is_optional(annotation: object) -> bool:
    return get_origin(annotation) in (Union, UnionType) and type(None) in get_args(annotation)


@pytest.mark.parametrize("kind", message_structs(), ids=lambda kind: kind.__name__)
def test_every_field_is_named_in_order(kind: type[Message]) -> None:
    schema = SCHEMAS[kind.__name__]
    fields = msgspec.structs.fields(kind)
    tag = tag_of(kind)
    titles = [item["title"] for item in schema["items"]]
    assert titles == ["tag"] * (tag is not None) + [field.name for field in fields]
    items = schema["items"][len(titles) - len(fields) :]
    assert tag is None or schema["items"][0]["const"] == tag
    assert schema["minItems"] == (tag is not None) + sum(field.required for field in fields)
    for field, item in zip(fields, items, strict=True):
        assert ("default" in item) is not field.required, field.name
        assert sorted(references(item)) == sorted(struct_names(field.type)), field.name
        assert ("'null'" in str(item)) is is_optional(field.type), field.name


def test_nothing_is_described_that_does_not_exist() -> None:
    kinds = message_structs()
    assert set(SCHEMAS) == {kind.__name__ for kind in kinds}
    assert set(MESSAGES) == {kind.__name__ for kind in kinds if tag_of(kind)} | {"CeleryTask", "DeadLetter"}
    for kind in kinds:
        if (tag := tag_of(kind)) is not None:
            assert MESSAGES[kind.__name__]["name"] == tag


def test_every_queue_and_topic_is_described() -> None:
    addresses = {channel["address"] for channel in DOCUMENT["channels"].values()}
    scheduler_id = UUID(int=1)
    assert addresses == {
        None,
        *(queues.DISPATCH, queues.RUNS, queues.CLAIMS, queues.ENDS, queues.HEARTBEATS, queues.EVENTS),
        queues.DAG_REQUESTS,
        queues.LOG_NEWS,
        queues.TIMETABLES,
        queues.DEAD_LETTER,
        queues.scheduler_queue(scheduler_id).replace(str(scheduler_id), "{scheduler_id}"),
        queues.worker_queue("{worker_id}"),
        "{queue}",
    }
    assert set(DOCUMENT["channels"]["events"]["messages"]) == {kind.__name__ for kind in get_args(Event)}


def test_references_lead_somewhere() -> None:
    for channel in DOCUMENT["channels"].values():
        assert all(referred(reference) in MESSAGES for reference in channel["messages"].values())
    for operation in DOCUMENT["operations"].values():
        assert referred(operation["channel"]) in DOCUMENT["channels"]
        if "reply" in operation:
            answers = DOCUMENT["channels"][referred(operation["reply"]["channel"])]["messages"]
            assert all(referred(reference) in answers for reference in operation["reply"]["messages"])


def test_task_message_has_the_headers_described() -> None:
    described = MESSAGES["CeleryTask"]["headers"]["properties"]
    message = task_message(QUEUED)
    assert set(message.headers) == set(described)
    assert described["task"]["const"] == TASK_NAME
    assert HEADER in described
    assert message.content_type == MESSAGES["CeleryTask"]["contentType"]
