"""Serving an ASGI application inside a service's task group."""

import asyncio
import errno
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from tradewind.core.errors import ConfigError

if TYPE_CHECKING:
    from uvicorn._types import ASGIApplication


def bind(host: str, port: int, *, section: str) -> socket.socket:
    """A listening TCP socket; port 0 takes any free one. Raises `ConfigError` that names the settings
    `TRADEWIND__<section>__HOST` or `__PORT`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, protocol)
    except OSError as exc:
        raise ConfigError(f"cannot listen on {host!r} ({exc.strerror}): set TRADEWIND__{section}__HOST") from exc
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(address)
        sock.listen(128)
    except OSError as exc:
        sock.close()
        raise _bind_error(exc, host, port, section) from exc
    return sock


def _bind_error(exc: OSError, host: str, port: int, section: str) -> ConfigError:
    if exc.errno == errno.EADDRINUSE:
        return ConfigError(f"port {port} of {host} is taken: set TRADEWIND__{section}__PORT to a free port")
    if exc.errno == errno.EACCES:
        return ConfigError(f"port {port} needs more rights: set TRADEWIND__{section}__PORT to one above 1023")
    return ConfigError(f"cannot listen on {host}:{port} ({exc.strerror}): set TRADEWIND__{section}__HOST")


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
        lifespan="on" if lifespan else "off",
        log_config=None,
        access_log=False,
        ws="none",
        server_header=False,
        date_header=False,  # written by the wake-ups that we do without
        timeout_graceful_shutdown=grace_seconds,
    )
    try:
        await _Server(config, stop).serve(sockets=[sock])
    finally:
        sock.close()
