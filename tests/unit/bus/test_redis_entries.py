"""Messages as entries of a stream: old and new processes read each other's."""

import msgspec
import pytest

from tradewind.bus.port import Message
from tradewind.bus.redis.entry import decode_entry, encode_entry

RICH = Message(
    body=b"\x00\xff",
    content_type="application/json",
    headers={"lang": "py", "eta": None, "limits": [None, 2]},
    correlation_id="7",
    reply_to="there",
    priority=3,
    persistent=True,
)
RICH_BYTES = bytes.fromhex(
    "99c40200ffb06170706c69636174696f6e2f6a736f6ea57574662d3883a46c616e67a27079a3657461c0a66c696d69747392c002a137a5746865726503c3c0"
)


def test_the_bytes_are_pinned() -> None:
    assert encode_entry(RICH) == RICH_BYTES
    assert decode_entry(RICH_BYTES) == (RICH, None)


def test_a_bounded_life_travels_with_the_message() -> None:
    assert decode_entry(encode_entry(Message(body=b"x"), 250)) == (Message(body=b"x"), 250)


def test_fields_that_a_later_version_appends_are_left_unread() -> None:
    longer = msgspec.msgpack.encode([*msgspec.msgpack.decode(RICH_BYTES), "new"])
    assert decode_entry(longer) == (RICH, None)


def test_fields_that_an_earlier_version_lacked_have_their_defaults() -> None:
    shorter = msgspec.msgpack.encode(msgspec.msgpack.decode(RICH_BYTES)[:8])
    assert decode_entry(shorter) == (RICH, None)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"hello", b"\x90"])
def test_what_is_no_message_comes_for_the_consumer_to_refuse(data: bytes) -> None:
    assert decode_entry(data) == (Message(body=data, content_type="application/octet-stream"), None)
