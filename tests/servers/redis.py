"""A Redis for tests: given by TRADEWIND_TEST_REDIS_URL, installed, from Debian, or from Docker."""

import os
import socket
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.servers import compose, debian
from tests.servers.process import ServerProcess, ServerUnavailable, find_program, free_ports, wait_until

_ADVICE: Final = (
    "Tests need a Redis. Give one with TRADEWIND_TEST_REDIS_URL=redis://host:port/0, or install redis-server "
    "(`apt-get install redis-server`; as root the tests do that by themselves), or make `docker compose` work."
)


@contextmanager
def redis_server() -> Generator[str]:
    """The address of a running Redis; one that we started is empty and ends with the context."""
    given = os.environ.get("TRADEWIND_TEST_REDIS_URL")
    if given:
        yield given
    elif (program := _installed_program()) is not None:
        with _own_process(program) as url:
            yield url
    elif compose.is_available():
        with _own_container() as url:
            yield url
    else:
        raise ServerUnavailable(_ADVICE)


def _installed_program() -> str | None:
    program = find_program("redis-server")
    if program is None and debian.can_install():
        failure = debian.install("redis-server")
        if failure is not None and not compose.is_available():
            raise ServerUnavailable(f"{_ADVICE}\napt-get failed:\n{failure}")
        program = find_program("redis-server")
    return program


@contextmanager
def _own_process(program: str) -> Generator[str]:
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="tradewind-redis-") as folder:
        options = {"port": str(port), "bind": "127.0.0.1", "save": "", "dir": folder, "daemonize": "no"}
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        server = ServerProcess([program, *arguments], log=Path(folder) / "redis.log")
        server.start()
        try:
            server.wait_for_port(port, 15.0)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.kill()


@contextmanager
def _own_container() -> Generator[str]:
    (port,) = free_ports(1)
    service = compose.ComposeService("redis", {"REDIS_PORT": port})
    try:
        service.start()
        wait_until(lambda: _answers(port), 30.0, "redis in docker")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        service.remove()


def _answers(port: int) -> bool:
    # Docker's proxy accepts connections before the server behind it does.
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
