"""Sockets that a service listens on."""

import errno
import socket

from tradewind.core.errors import ConfigError


def bind(host: str, port: int, *, section: str, is_shared: bool = False) -> socket.socket:
    """A listening TCP socket; port 0 takes any free one. `is_shared`: others that share it listen, too, and each
    connection comes to one of them. Raises `ConfigError` that names the settings
    `TRADEWIND__<section>__HOST` or `__PORT`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, protocol)
    except OSError as exc:
        raise ConfigError(f"cannot listen on {host!r} ({exc.strerror}): set TRADEWIND__{section}__HOST") from exc
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if is_shared:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
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
