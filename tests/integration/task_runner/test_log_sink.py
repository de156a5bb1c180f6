"""The log sink over real connections."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from uuid import UUID

import pytest

from tradewind.core.errors import ConfigError
from tradewind.task_runner.log_streams.sink import HttpLogSink, open_log_sink
from tradewind.task_runner.log_streams.stream import LogSinkFailed

ATTEMPT = UUID(int=7)


class Api:
    """Answers each request as told, and keeps what it was sent."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.connections = 0
        self.answers: list[bytes] = []
        self.closes_after_answer = False
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                body = await reader.readexactly(int(headers["content-length"]))
                self.requests.append((first, headers, body))
                writer.write(self.answers.pop(0) if self.answers else b"HTTP/1.1 204 No Content\r\n\r\n")
                if self.closes_after_answer:
                    break
        writer.close()


@pytest.fixture
async def api() -> AsyncGenerator[Api]:
    served = Api()
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.port = server.sockets[0].getsockname()[1]
    async with server:
        yield served


@pytest.fixture
async def sink(api: Api) -> AsyncGenerator[HttpLogSink]:
    async with open_log_sink(f"http://127.0.0.1:{api.port}/base/") as opened:
        yield opened


async def test_chunk_is_posted_with_its_number_and_the_token(api: Api, sink: HttpLogSink) -> None:
    await sink.append(ATTEMPT, "the-token", 3, b'{"event":"e"}\n')
    ((first, headers, body),) = api.requests
    assert first == f"POST /base/execution/task-instances/{ATTEMPT}/logs?sequence=3 HTTP/1.1"
    assert headers["authorization"] == "Bearer the-token"
    assert headers["content-type"] == "application/x-ndjson"
    assert headers["host"] == f"127.0.0.1:{api.port}"
    assert body == b'{"event":"e"}\n'


async def test_connections_are_used_again(api: Api, sink: HttpLogSink) -> None:
    for sequence in range(5):
        await sink.append(ATTEMPT, "t", sequence, b"x" * 300_000)
    assert api.connections == 1
    assert len(api.requests) == 5


async def test_connections_are_bounded(api: Api, sink: HttpLogSink) -> None:
    async with asyncio.TaskGroup() as group:
        for sequence in range(40):
            group.create_task(sink.append(ATTEMPT, "t", sequence, b"x"))
    assert len(api.requests) == 40
    assert api.connections <= 8


@pytest.mark.parametrize(
    ("status", "retryable"),
    [("500 Oops", True), ("503 Later", True), ("429 Slowly", True), ("401 Who", False), ("404 Gone", False)],
)
async def test_refusals_say_whether_to_try_again(api: Api, sink: HttpLogSink, status: str, *, retryable: bool) -> None:
    api.answers.append(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\n{{}}".encode())
    with pytest.raises(LogSinkFailed) as caught:
        await sink.append(ATTEMPT, "t", 0, b"x")
    assert caught.value.retryable is retryable
    await sink.append(ATTEMPT, "t", 0, b"x")
    assert api.connections == 1


async def test_closed_connection_costs_one_try_at_most(api: Api, sink: HttpLogSink) -> None:
    api.closes_after_answer = True
    for sequence in range(5):
        try:
            await sink.append(ATTEMPT, "t", sequence, b"x")
        except LogSinkFailed:
            await sink.append(ATTEMPT, "t", sequence, b"x")
    assert api.connections == 5


async def test_nonsense_is_a_failure_to_try_again(api: Api, sink: HttpLogSink) -> None:
    api.answers.append(b"what?\r\n\r\n")
    with pytest.raises(LogSinkFailed) as caught:
        await sink.append(ATTEMPT, "t", 0, b"x")
    assert caught.value.retryable


async def test_nobody_there_is_a_failure_to_try_again() -> None:
    async with open_log_sink("http://127.0.0.1:9") as sink:
        with pytest.raises(LogSinkFailed) as caught:
            await sink.append(ATTEMPT, "t", 0, b"x")
        assert caught.value.retryable


@pytest.mark.parametrize("url", ["ftp://host", "host:80", "http://"])
async def test_wrong_address_names_the_setting(url: str) -> None:
    with pytest.raises(ConfigError, match="TRADEWIND__CORE__EXECUTION_API_SERVER_URL"):
        async with open_log_sink(url):
            pass
