"""Golden bytes: what a message looked like when it was pinned is what it must look like, and be readable, for ever.

A file in proto/vectors/ lists the bytes of one message, oldest first. When a field is appended, the sample gets a
value for it and the new bytes (the failing test prints them) are added at the end; older ones stay.
"""

import json
from pathlib import Path
from typing import Final, cast

import msgspec
import pytest

from tests.unit.wire.samples import SAMPLES, message_structs, tag_of
from tradewind.wire.codec import UndecodableMessage, decode, encode
from tradewind.wire.messages import Message

FOLDER: Final = Path(__file__).resolve().parents[3] / "proto" / "vectors"
BY_TAG: Final = {str(tag_of(type(sample))): sample for sample in SAMPLES}


def vectors(tag: str) -> list[bytes]:
    """The pinned bytes of this message, oldest first."""
    return [bytes.fromhex(vector["hex"]) for vector in json.loads((FOLDER / f"{tag}.json").read_text())]


def is_prefix(old: object, new: object) -> bool:
    """Whether `new` says all that `old` says and perhaps more at the end of its arrays."""
    if isinstance(old, list) and isinstance(new, list):
        olds, news = cast("list[object]", old), cast("list[object]", new)
        return len(olds) <= len(news) and all(is_prefix(*pair) for pair in zip(olds, news, strict=False))
    return old == new


def test_every_message_has_a_sample_and_vectors() -> None:
    tags = {tag for kind in message_structs() if (tag := tag_of(kind)) is not None}
    assert set(BY_TAG) == tags
    assert {path.stem for path in FOLDER.glob("*.json")} == tags | {"celery"}


@pytest.mark.parametrize("sample", SAMPLES, ids=BY_TAG)
def test_samples_leave_no_field_at_its_default(sample: Message) -> None:
    fields = [field for field in msgspec.structs.fields(type(sample)) if not field.required]
    assert [field.name for field in fields if getattr(sample, field.name) == field.default] == []


@pytest.mark.parametrize("tag", BY_TAG)
def test_message_is_written_as_pinned(tag: str) -> None:
    written = encode(BY_TAG[tag])
    assert written == vectors(tag)[-1], f"now written as {written.hex()}"


@pytest.mark.parametrize("tag", BY_TAG)
def test_vectors_say_what_they_hold(tag: str) -> None:
    for vector in json.loads((FOLDER / f"{tag}.json").read_text()):
        raw = msgspec.msgpack.decode(bytes.fromhex(vector["hex"]))
        assert vector["holds"] == msgspec.json.decode(msgspec.json.encode(raw))


@pytest.mark.parametrize("tag", BY_TAG)
def test_newest_vector_is_read_back(tag: str) -> None:
    assert decode(vectors(tag)[-1], type(BY_TAG[tag])) == BY_TAG[tag]


@pytest.mark.parametrize("tag", BY_TAG)
def test_every_older_vector_is_still_read_whole(tag: str) -> None:
    for body in vectors(tag):
        again = encode(decode(body, type(BY_TAG[tag])))
        assert is_prefix(msgspec.msgpack.decode(body), msgspec.msgpack.decode(again))


@pytest.mark.parametrize("tag", BY_TAG)
def test_messages_of_newer_writers_are_read(tag: str) -> None:
    raw: list[object] = msgspec.msgpack.decode(vectors(tag)[-1])
    body = msgspec.msgpack.encode([*raw, "a field of the future", {"any": [1]}])
    assert decode(body, type(BY_TAG[tag])) == BY_TAG[tag]


@pytest.mark.parametrize("tag", BY_TAG)
def test_truncated_messages_are_refused(tag: str) -> None:
    body = vectors(tag)[-1]
    for end in range(len(body)):
        with pytest.raises(UndecodableMessage):
            decode(body[:end], type(BY_TAG[tag]))


@pytest.mark.parametrize("tag", BY_TAG)
def test_another_message_is_refused_by_its_tag(tag: str) -> None:
    other = next(sample for sample in SAMPLES if tag_of(type(sample)) != tag)
    with pytest.raises(UndecodableMessage, match=type(BY_TAG[tag]).__name__):
        decode(encode(other), type(BY_TAG[tag]))
