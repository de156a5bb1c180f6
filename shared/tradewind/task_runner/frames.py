"""Frames on the socket pair between a supervisor and its child: a 4-byte big-endian length and a msgpack body."""

import os
from collections.abc import Iterator
from typing import Final, cast

import msgspec

from tradewind.core.errors import DomainError
from tradewind.task_runner.protocol import AttemptRequest, AttemptResult
from tradewind.wire.codec import UndecodableMessage, decode, encode
from tradewind.wire.messages import TaskStarted

_HEADER_BYTES: Final = 4
_READ_BYTES: Final = 64 * 1024

FRAME_MAX_BYTES: Final = 64 * 1024 * 1024
"""A larger frame is refused: a result with its XComs is held in memory until it is committed."""


class FrameTooLarge(DomainError):
    """A frame is announced, or would be sent, that is larger than `FRAME_MAX_BYTES`."""


def frame(message: msgspec.Struct) -> bytes:
    """The message with its length before it; raises `FrameTooLarge`."""
    body = encode(message)
    _check_size(len(body))
    return len(body).to_bytes(_HEADER_BYTES, "big") + body


class FrameReader:
    """Cuts a stream of bytes into bodies."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The bodies that are complete now; raises `FrameTooLarge`."""
        self._buffer += data
        while len(self._buffer) >= _HEADER_BYTES:
            size = int.from_bytes(self._buffer[:_HEADER_BYTES], "big")
            _check_size(size)
            end = _HEADER_BYTES + size
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_HEADER_BYTES:end])
            del self._buffer[:end]
            yield body


def decode_from_child(body: bytes) -> TaskStarted | AttemptResult:
    """What a child said; raises `UndecodableMessage`."""
    return decode(body, cast("type[TaskStarted | AttemptResult]", TaskStarted | AttemptResult))


def read_request(connection: int) -> AttemptRequest | None:
    """Wait for the request on a blocking descriptor; None = the other end was closed instead."""
    received = os.read(connection, _READ_BYTES)
    while received:
        if len(received) >= _HEADER_BYTES:
            size = int.from_bytes(received[:_HEADER_BYTES], "big")
            _check_size(size)
            if len(received) >= _HEADER_BYTES + size:
                return decode(received[_HEADER_BYTES:], AttemptRequest)
        more = os.read(connection, _READ_BYTES)
        if not more:
            raise UndecodableMessage("the connection was closed within a frame")
        received += more
    return None


def write_frame(connection: int, data: bytes) -> None:
    """Write all of it to a blocking descriptor."""
    written = os.write(connection, data)
    while written < len(data):
        data = data[written:]
        written = os.write(connection, data)


def _check_size(size: int) -> None:
    if size > FRAME_MAX_BYTES:
        raise FrameTooLarge(f"a frame of {size} bytes is larger than {FRAME_MAX_BYTES}")
