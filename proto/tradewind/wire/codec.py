"""The one codec: msgpack, positional, strict."""

from typing import TypeVar

import msgspec

from tradewind.core.errors import DomainError

MessageT = TypeVar("MessageT")

_encoder = msgspec.msgpack.Encoder()
_decoders: dict[object, msgspec.msgpack.Decoder[object]] = {}


class UndecodableMessage(DomainError):
    """The bytes are not the message that was expected; the text says why and goes to the dead-letter queue."""


def encode(message: msgspec.Struct) -> bytes:
    """The message as bytes."""
    return _encoder.encode(message)


def decode(body: bytes, kind: type[MessageT]) -> MessageT:
    """The bytes as a message of this kind (a struct or a union of them); raises `UndecodableMessage`."""
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.msgpack.Decoder(kind)
    try:
        return decoder.decode(body)  # pyright: ignore[reportReturnType] - the decoder was made for this kind
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        name = getattr(kind, "__name__", kind)
        raise UndecodableMessage(f"not a {name}: {_other_version(body, kind) or exc}") from exc


def _other_version(body: bytes, kind: object) -> str | None:
    """What to say of this kind of message in a version that is not known here; None if it is something else."""
    known: object = getattr(getattr(kind, "__struct_config__", None), "tag", None)
    try:
        parts: object = msgspec.msgpack.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    tag: object = parts[0] if isinstance(parts, list) and parts else None  # pyright: ignore[reportUnknownVariableType] - whatever came
    if not (isinstance(known, str) and isinstance(tag, str)) or tag == known:
        return None
    stem, _, version = tag.rpartition(".")
    known_stem, _, known_version = known.rpartition(".")
    if stem != known_stem:
        return None
    return f"it has the version {version[:20]!r}, and only {known_version!r} is known here"
