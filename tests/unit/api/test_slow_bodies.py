"""Bodies that do not come."""

import asyncio
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Message

from tradewind.api.hardening.headers import SecurityHeaders
from tradewind.api.middleware import RequestMiddleware
from tradewind.service.clock import new_id
from tradewind.service.metrics import Telemetry


async def _read(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"{len(await request.body())} bytes")


def middleware(seconds: float) -> RequestMiddleware:
    return RequestMiddleware(
        Starlette(routes=[Route("/", _read, methods=["POST"])]),
        headers=SecurityHeaders(None),
        max_body_bytes=100,
        max_body_seconds=seconds,
        new_id=new_id,
        telemetry=Telemetry(CollectorRegistry(), service="api"),
    )


async def answer_to(app: RequestMiddleware, pieces: list[bytes], *, ends: bool) -> tuple[int, bytes]:
    """Status and body of the answer to a body in pieces, of which the last is the last or is waited for in vain."""
    sent: list[Message] = []
    left = list(pieces)

    async def receive() -> Message:
        if not left:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left) or not ends}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b"", "headers": [],
        "scheme": "http", "server": ("h", 80), "client": ("c", 1), "root_path": "", "http_version": "1.1",
    }  # fmt: skip
    async with asyncio.timeout(30):
        await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


@pytest.mark.parametrize("pieces", [[], [b"abc"], [b"abc"] * 5])
async def test_a_body_that_does_not_end_in_time_is_refused(pieces: list[bytes]) -> None:
    status, body = await answer_to(middleware(0.05), pieces, ends=False)

    assert status == 408
    assert b"TRADEWIND__API_SERVER__MAX_REQUEST_SECONDS" in body


async def test_a_body_in_pieces_is_read() -> None:
    assert await answer_to(middleware(30), [b"abc"] * 5, ends=True) == (200, b"15 bytes")


async def test_a_body_that_is_too_long_is_refused() -> None:
    status, body = await answer_to(middleware(30), [b"abc"] * 50, ends=True)

    assert status == 413
    assert b"MAX_REQUEST_BYTES" in body
