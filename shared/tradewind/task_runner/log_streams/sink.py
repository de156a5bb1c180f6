"""The log sink of real workers: the execution API, over a few connections that stay open.

It speaks HTTP/1.1 by h11, which the API's server brings along; a client library would cost every worker 20 MB, and a
tenth of a second of its event loop at the first long task.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import h11

from tradewind.core.errors import ConfigError
from tradewind.task_runner.log_streams.stream import LogSinkFailed

_TIMEOUT_SECONDS: Final = 10.0
_CONNECTIONS_MAX: Final = 8
_READ_BYTES: Final = 64 * 1024
_WORTH_ANOTHER_TRY: Final = (408, 425, 429)
_SETTING: Final = "TRADEWIND__CORE__EXECUTION_API_SERVER_URL"


@asynccontextmanager
async def open_log_sink(execution_api_url: str) -> AsyncGenerator["HttpLogSink"]:
    """A sink that posts to `{execution_api_url}/execution/…`; raises `ConfigError` for an address that cannot work."""
    sink = HttpLogSink(execution_api_url)
    try:
        yield sink
    finally:
        sink.close()


class HttpLogSink:
    """Posts chunks with the attempt's token."""

    def __init__(self, execution_api_url: str) -> None:
        url = urlsplit(execution_api_url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ConfigError(
                f"{_SETTING} is {execution_api_url!r}, but must begin with http:// or https:// and a host"
            )
        self._host = url.hostname
        self._port = url.port or (443 if url.scheme == "https" else 80)
        self._authority = url.netloc.rpartition("@")[2]
        self._path = url.path.rstrip("/")
        self._tls = ssl.create_default_context() if url.scheme == "https" else None
        self._places = asyncio.Semaphore(_CONNECTIONS_MAX)
        self._idle: list[_Connection] = []

    async def append(self, attempt_id: UUID, token: str, sequence: int, records: bytes) -> None:
        target = f"{self._path}/execution/task-instances/{attempt_id}/logs?sequence={sequence}"
        headers = [
            ("Host", self._authority),
            ("Authorization", f"Bearer {token}"),
            ("Content-Type", "application/x-ndjson"),
            ("Content-Length", str(len(records))),
        ]
        status = await self._post(h11.Request(method="POST", target=target, headers=headers), records)
        if status // 100 == 2:
            return
        is_refused = status // 100 == 4 and status not in _WORTH_ANOTHER_TRY
        raise LogSinkFailed(f"the execution API answered {status}", retryable=not is_refused)

    def close(self) -> None:
        """Close its connections."""
        while self._idle:
            self._idle.pop().close()

    async def _post(self, request: h11.Request, body: bytes) -> int:
        """The status of the answer."""
        async with self._places:
            connection = self._take_idle()
            try:
                async with asyncio.timeout(_TIMEOUT_SECONDS):
                    if connection is None:
                        connection = await self._connect()
                    status = await connection.post(request, body)
            except (OSError, TimeoutError, EOFError, h11.ProtocolError) as exc:
                if connection is not None:
                    connection.close()
                reason = f"{type(exc).__name__}: {exc}".removesuffix(": ")
                raise LogSinkFailed(f"the execution API cannot be reached ({reason})", retryable=True) from exc
            except asyncio.CancelledError:
                if connection is not None:
                    connection.close()
                raise
            if connection.is_reusable:
                self._idle.append(connection)
            else:
                connection.close()
            return status

    def _take_idle(self) -> "_Connection | None":
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_stale:
                return connection
            connection.close()
        return None

    async def _connect(self) -> "_Connection":
        reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
        return _Connection(reader, writer)


class _Connection:
    """One connection, for one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._protocol = h11.Connection(h11.CLIENT)

    @property
    def is_stale(self) -> bool:
        """The other side has closed it meanwhile."""
        return self._reader.at_eof() or self._writer.is_closing()

    @property
    def is_reusable(self) -> bool:
        """Another request may follow."""
        return self._protocol.our_state is h11.IDLE

    async def post(self, request: h11.Request, body: bytes) -> int:
        """Send it, read the whole answer, return its status."""
        for event in (request, h11.Data(data=body), h11.EndOfMessage()):
            self._writer.write(self._protocol.send(event) or b"")
        await self._writer.drain()
        status = 0
        while True:
            event = self._protocol.next_event()
            if event is h11.NEED_DATA:
                self._protocol.receive_data(await self._reader.read(_READ_BYTES))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.EndOfMessage):
                break
            elif isinstance(event, h11.ConnectionClosed):
                raise EOFError("the connection was closed before the answer")
        if self._protocol.our_state is h11.DONE and self._protocol.their_state is h11.DONE:
            self._protocol.start_next_cycle()
        return status

    def close(self) -> None:
        self._writer.close()
