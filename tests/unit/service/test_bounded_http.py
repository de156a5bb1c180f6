"""Clients that send too much of a head, or too little of it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest
import uvicorn
from uvicorn.server import ServerState

from tradewind.service.bounded_http import MAX_HEAD_BYTES, BoundedProtocol


class Impatient(BoundedProtocol):
    head_seconds: ClassVar = 0.05


async def app(scope: Any, receive: Any, send: Any) -> None:
    body = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
    await send({"type": "http.response.body", "body": b"x" if body else b"y"})


@asynccontextmanager
async def connection(
    protocol: type[BoundedProtocol] = BoundedProtocol,
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    config = uvicorn.Config(app, http=protocol, log_config=None, ws="none", lifespan="off")
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            yield reader, writer
        finally:
            writer.close()


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: h\r\nX-Long: " + b"a" * 1_000_000,
        b"GET / HTTP/1.1\r\nHost: h\r\n" + b"".join(b"X-%d: v\r\n" % number for number in range(50_000)),
        b"GET /" + b"a" * 1_000_000,
        b"GET / HTTP/1.1\r\nHost: h\r\nX-Long: " + b"a" * (MAX_HEAD_BYTES + 1) + b"\r\n\r\n",
    ],
    ids=["one endless header", "many headers", "an endless path", "complete and too long"],
)
async def test_a_head_that_is_too_long_ends_the_connection(head: bytes) -> None:
    async with asyncio.timeout(30), connection() as (reader, writer):
        writer.write(head)
        try:
            answer = await reader.read()
        except ConnectionResetError:  # closed while more was on its way
            return
    assert answer.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: h\r\nX-Slow"])
async def test_a_head_that_does_not_come_ends_the_connection(sent: bytes) -> None:
    async with asyncio.timeout(30), connection(Impatient) as (reader, writer):
        writer.write(sent)
        assert await reader.read() == b""


async def test_ordinary_requests_are_served_one_after_the_other() -> None:
    async with asyncio.timeout(30), connection() as (reader, writer):
        for _ in range(3):
            writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 30_000 + b"\r\nContent-Length: 3\r\n\r\nabc")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(1) == b"x"


async def test_who_waits_for_an_answer_is_not_hurried() -> None:
    """The time for a head ends with the head."""
    async with asyncio.timeout(30), connection(Impatient) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await reader.read(1)
        writer.write(b"abc")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
