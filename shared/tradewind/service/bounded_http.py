"""HTTP connections that cost no more than they may: neither the size of a request's head nor the time it takes to come
is left to the client. (The parser has no limits of its own.)"""

import asyncio
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES: Final = 64 * 1024
"""Of the request line and the headers, trailing ones included."""
HEAD_SECONDS: Final = 30.0
"""So long a new connection, or a request that has begun, may take until its headers are complete."""


class HeadTooLarge(Exception):
    """Ends the parsing of a request; it is answered as malformed."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with limits on heads."""

    head_seconds: ClassVar = HEAD_SECONDS

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._is_in_head = True
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response(f"The head of the request is longer than {MAX_HEAD_BYTES} bytes")

    def on_message_begin(self) -> None:
        self._is_in_head, self._head_bytes = True, 0
        self._stop_waiting()
        self._await_head()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD_BYTES:
            raise HeadTooLarge
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
