"""What surrounds every request: an id, a limit on its body, a measurement, and an answer in JSON when we fail."""

import asyncio
import json
import re
from typing import Final

import structlog
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tradewind.api.access.auditing import write_audit
from tradewind.api.hardening.headers import SecurityHeaders
from tradewind.core.clock import IdFactory
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry

GIVEN_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
TOO_SLOW: Final = "The body is not complete after {:g} seconds (TRADEWIND__API_SERVER__MAX_REQUEST_SECONDS)"
TOO_LARGE: Final = "The body is longer than {} bytes (TRADEWIND__API_SERVER__MAX_REQUEST_BYTES)"


class RequestMiddleware:
    """The outermost layer of the application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        headers: SecurityHeaders,
        max_body_bytes: int,
        max_body_seconds: float,
        new_id: IdFactory,
        telemetry: Telemetry,
    ) -> None:
        self._app = app
        self._headers = headers
        self._max_body_seconds = max_body_seconds
        self._max_body_bytes = max_body_bytes
        self._new_id = new_id
        self._seconds = telemetry.seconds(
            "request_seconds", "From a request's head to the end of its answer", ("method", "route", "status")
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(
            scope,
            receive,
            send,
            headers=self._headers,
            request_id=self._request_id(scope),
            max_body_bytes=self._max_body_bytes,
            max_body_seconds=self._max_body_seconds,
        )
        with structlog.contextvars.bound_contextvars(request_id=exchange.request_id):
            await self._serve(scope, exchange)

    async def _serve(self, scope: Scope, exchange: "_Exchange") -> None:
        started = exchange.loop_time()
        try:
            if exchange.announces_too_much():
                await exchange.answer(413, {"detail": TOO_LARGE.format(self._max_body_bytes)})
            else:
                await self._app(scope, exchange.receive, exchange.send)
        except Exception:
            # The edge of the request: whatever went wrong inside, the client gets an answer and we get the traceback.
            get_logger().exception("request.failed", method=scope["method"], path=scope["path"])
            if exchange.status is not None:
                raise
            body = {"detail": "Something went wrong here; the log says what", "request_id": exchange.request_id}
            await exchange.answer(500, body)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            labels = (scope["method"], route, str(exchange.status or "aborted"))
            self._seconds.labels(*labels).observe(exchange.loop_time() - started)

    def _request_id(self, scope: Scope) -> str:
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        return given.decode() if GIVEN_ID.fullmatch(given) else str(self._new_id())


class _Exchange:
    """One request and its answer, as they pass."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        headers: SecurityHeaders,
        request_id: str,
        max_body_bytes: int,
        max_body_seconds: float,
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self.request_id = request_id
        self._left = max_body_bytes
        self._max_body_bytes = max_body_bytes
        self._headers = headers
        self._max_body_seconds = max_body_seconds
        self._body_ends_at = self.loop_time() + max_body_seconds
        self._has_more_body = True
        self.status: int | None = None

    def announces_too_much(self) -> bool:
        length = next((value for name, value in self._scope["headers"] if name == b"content-length"), b"0")
        return length.isdigit() and int(length) > self._max_body_bytes

    async def receive(self) -> Message:
        message = await self._piece() if self._has_more_body else await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise HTTPException(413, TOO_LARGE.format(self._max_body_bytes))
        return message

    async def _piece(self) -> Message:
        try:
            async with asyncio.timeout_at(self._body_ends_at):
                message = await self._receive()
        except TimeoutError as exc:
            raise HTTPException(408, TOO_SLOW.format(self._max_body_seconds)) from exc
        self._has_more_body = message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            await write_audit(self._scope, message["status"])
            own = [(b"x-request-id", self.request_id.encode()), *self._headers.added(self._scope, message["headers"])]
            message["headers"] = [*message["headers"], *own]
        await self._send(message)

    async def answer(self, status: int, body: dict[str, str]) -> None:
        content = json.dumps(body).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": content})

    def loop_time(self) -> float:
        return asyncio.get_running_loop().time()
