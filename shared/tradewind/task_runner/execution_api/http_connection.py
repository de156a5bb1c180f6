"""One HTTP/1.1 connection, kept alive: the small part of the protocol that a child needs of the execution API.

The standard library's client would do the same, with `email` and `ssl` imported into every fork server; each megabyte
there is paid for again by each fork (measured: about 0.1 ms a megabyte). It is used, when needed, for `https`.
"""

import socket
from collections.abc import Mapping
from typing import BinaryIO, Final

HEADER_MAX_BYTES: Final = 64 * 1024
BODY_MAX_BYTES: Final = 64 * 1024 * 1024


class HttpError(OSError):
    """The other end does not speak HTTP/1.1 as expected, or sends more than is allowed."""


class HttpConnection:
    """Opened by the first request. Raises OSError (HttpError among them); the connection is then to be closed."""

    def __init__(self, host: str, port: int, *, timeout_seconds: float) -> None:
        self._address = (host, port)
        self._host_header = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._timeout_seconds = timeout_seconds
        self._socket: socket.socket | None = None
        self._input: BinaryIO | None = None

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Send a request and read its answer: status and body."""
        if self._socket is None or self._input is None:
            self._socket = socket.create_connection(self._address, self._timeout_seconds)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._input = self._socket.makefile("rb")
        fields = {"Host": self._host_header, "Content-Length": str(len(body)), **headers}
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self._socket.sendall(head.encode("ascii") + b"\r\n" + body)
        return self._read_response(self._input)

    def close(self) -> None:
        """Close it; the next request opens another."""
        for end in (self._input, self._socket):
            if end is not None:
                end.close()
        self._socket = self._input = None

    def _read_response(self, source: BinaryIO) -> tuple[int, bytes]:
        version, _, rest = _line(source).partition(b" ")
        if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
            raise HttpError(f"not an HTTP answer: {version[:40]!r}")
        status = int(rest[:3])
        headers = _headers(source)
        if 100 <= status < 200:
            return self._read_response(source)
        body = b"" if status in (204, 304) else _body(source, headers)
        if headers.get(b"connection", b"").lower() == b"close":
            self.close()
        return status, body


def _line(source: BinaryIO) -> bytes:
    line = source.readline(HEADER_MAX_BYTES)
    if not line.endswith(b"\n"):
        raise HttpError("the connection was closed, or a line is too long" if line else "the connection was closed")
    return line.rstrip(b"\r\n")


def _headers(source: BinaryIO) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    left = HEADER_MAX_BYTES
    while line := _line(source):
        left -= len(line)
        if left < 0:
            raise HttpError(f"the answer's headers are longer than {HEADER_MAX_BYTES} bytes")
        name, _, value = line.partition(b":")
        headers[name.strip().lower()] = value.strip()
    return headers


def _body(source: BinaryIO, headers: Mapping[bytes, bytes]) -> bytes:
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        return _chunks(source)
    length = headers.get(b"content-length")
    if length is None:
        return _exactly(source, None)
    return _exactly(source, int(length)) if length.isdigit() else _refuse(f"content-length {length!r}")


def _chunks(source: BinaryIO) -> bytes:
    body = bytearray()
    while True:
        size = _line(source).partition(b";")[0].strip()
        try:
            length = int(size, 16)
        except ValueError:
            return _refuse(f"chunk size {size[:20]!r}")
        if length == 0:
            _headers(source)
            return bytes(body)
        if len(body) + length > BODY_MAX_BYTES:
            return _refuse(f"an answer longer than {BODY_MAX_BYTES} bytes")
        body += _exactly(source, length)
        _line(source)


def _exactly(source: BinaryIO, length: int | None) -> bytes:
    """So many bytes; None: all until the connection is closed."""
    if length is not None and length > BODY_MAX_BYTES:
        return _refuse(f"an answer longer than {BODY_MAX_BYTES} bytes")
    body = source.read(BODY_MAX_BYTES + 1 if length is None else length)
    if length is None and len(body) > BODY_MAX_BYTES:
        return _refuse(f"an answer longer than {BODY_MAX_BYTES} bytes")
    if length is not None and len(body) < length:
        raise HttpError("the connection was closed within an answer")
    return body


def _refuse(what: str) -> bytes:
    raise HttpError(f"the other end sends {what}")
