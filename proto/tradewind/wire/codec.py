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
        raise UndecodableMessage(f"not a {getattr(kind, '__name__', kind)}: {exc}") from exc
