"""Serving an ASGI application inside a service's task group."""

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import uvicorn

from tradewind.service.bounded_http import BoundedProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGIApplication


KEEP_ALIVE_SECONDS: Final = 75
"""Longer than clients (5 s) and proxies (60 s) keep a connection that is not used: if the server closed first, a
request could meet a connection that is just being closed."""


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, as the process has one place that listens to signals, and without its
    ten wake-ups a second, which cost an idle service 0.4 % of a core."""

    def __init__(self, config: uvicorn.Config, stop: asyncio.Event) -> None:
        super().__init__(config)
        self._stop = stop

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def main_loop(self) -> None:
        await self._stop.wait()


async def serve_app(
    app: "ASGIApplication", sock: socket.socket, stop: asyncio.Event, *, grace_seconds: int = 5, lifespan: bool = False
) -> None:
    """Serve until `stop`, then let requests under way finish for `grace_seconds`. Closes the socket."""
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        lifespan="on" if lifespan else "off",
        log_config=None,
        access_log=False,
        ws="none",
        server_header=False,
        date_header=False,  # written by the wake-ups that we do without
        timeout_graceful_shutdown=grace_seconds,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    try:
        await _Server(config, stop).serve(sockets=[sock])
    finally:
        sock.close()
