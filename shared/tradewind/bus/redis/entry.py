"""How a message is written into a stream or channel: one positional msgpack value.

Old and new processes share a broker: fields are only ever appended, with defaults.
"""

from typing import Final

import msgspec

from tradewind.bus.port import Message

FOREIGN_TYPE: Final = "application/octet-stream"


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """A message with its properties, positional on the wire."""

    body: bytes
    content_type: str
    content_encoding: str
    headers: dict[str, object]
    correlation_id: str | None
    reply_to: str | None
    priority: int
    persistent: bool
    life_milliseconds: int | None = None
    """After this long, by the server's clock, nobody receives it any more."""


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Entry)


def encode_entry(message: Message, life_milliseconds: int | None = None) -> bytes:
    """The bytes of a message. Raises `TypeError` for headers that are no data."""
    return _ENCODER.encode(
        Entry(
            message.body,
            message.content_type,
            message.content_encoding,
            dict(message.headers),
            message.correlation_id,
            message.reply_to,
            message.priority,
            message.persistent,
            life_milliseconds,
        )
    )


def decode_entry(data: bytes) -> tuple[Message, int | None]:
    """The message, and its life in milliseconds if that is bounded. What is not of our making comes as a message of
    type `application/octet-stream`, for the consumer to refuse."""
    try:
        entry = _DECODER.decode(data)
    except msgspec.MsgspecError:
        return Message(body=data, content_type=FOREIGN_TYPE), None
    message = Message(
        body=entry.body,
        content_type=entry.content_type,
        content_encoding=entry.content_encoding,
        headers=entry.headers,
        correlation_id=entry.correlation_id,
        reply_to=entry.reply_to,
        priority=entry.priority,
        persistent=entry.persistent,
    )
    return message, entry.life_milliseconds
