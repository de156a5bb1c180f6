"""A Redis for tests: given by TRADEWIND_TEST_REDIS_URL, installed, from Debian, or from Docker.

Each test takes a database of its own with `new_url`.
"""

import itertools
import os
import socket
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

import redis

from tests.servers import compose, debian
from tests.servers.process import ServerProcess, ServerUnavailable, find_program, free_ports, wait_until

_ADVICE: Final = (
    "Tests need a Redis. Give one with TRADEWIND_TEST_REDIS_URL=redis://host:port/0, or install redis-server "
    "(`apt-get install redis-server`; as root the tests do that by themselves), or make `docker compose` work."
)


class RedisServer(Protocol):
    """A running server."""

    is_ours: bool
    """Whether we started it and so may stop it."""

    def new_url(self) -> str:
        """The address of an empty database that nobody has used yet."""
        ...

    def start(self) -> None:
        """Start it again after `stop` or `kill`, empty, at the same address; returns once it accepts connections, at
        once if it runs already."""
        ...

    def stop(self) -> None:
        """End it in good order."""
        ...

    def kill(self) -> None:
        """End it as a crash would."""
        ...


@contextmanager
def redis_server(*, private: bool = False, options: Mapping[str, str] | None = None) -> Generator[RedisServer]:
    """A running Redis. `private`: one that may be stopped and killed, so never the one given by its address; with
    `options` of `redis-server` it is one of our own, too."""
    given = None if private or options else os.environ.get("TRADEWIND_TEST_REDIS_URL")
    if given:
        yield _GivenRedis(given)
    elif (program := _installed_program()) is not None:
        with _own_process(program, options or {}) as server:
            yield server
    elif compose.is_available() and not options:
        with _own_container() as server:
            yield server
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


class _GivenRedis:
    """Its databases are taken in turn, and emptied first."""

    is_ours = False

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._databases = itertools.cycle(range(16))

    def new_url(self) -> str:
        url = self._parts._replace(path=f"/{next(self._databases)}").geturl()
        with redis.Redis.from_url(url) as client:  # pyright: ignore[reportUnknownMemberType] - half-typed
            client.flushdb()  # pyright: ignore[reportUnknownMemberType]
        return url

    def start(self) -> None:
        raise ServerUnavailable("the server of TRADEWIND_TEST_REDIS_URL is not ours to start")

    def stop(self) -> None:
        raise ServerUnavailable("the server of TRADEWIND_TEST_REDIS_URL is not ours to stop")

    def kill(self) -> None:
        raise ServerUnavailable("the server of TRADEWIND_TEST_REDIS_URL is not ours to kill")


class _InstalledRedis:
    is_ours = True

    def __init__(self, program: str, folder: Path, options: Mapping[str, str]) -> None:
        (self._port,) = free_ports(1)
        self._databases = itertools.count()
        always = {"bind": "127.0.0.1", "save": "", "dir": str(folder), "daemonize": "no", "databases": "10000"}
        chosen = {"port": str(self._port), **always, **options}
        arguments = [part for name, value in chosen.items() for part in (f"--{name}", value)]
        self._process = ServerProcess([program, *arguments], log=folder / "redis.log")

    def new_url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/{next(self._databases)}"

    def start(self) -> None:
        self._process.start()
        self._process.wait_for_port(self._port, 60.0)

    def stop(self) -> None:
        self._process.stop()

    def kill(self) -> None:
        self._process.kill()


@contextmanager
def _own_process(program: str, options: Mapping[str, str]) -> Generator[RedisServer]:
    with tempfile.TemporaryDirectory(prefix="tradewind-redis-") as folder:
        server = _InstalledRedis(program, Path(folder), options)
        try:
            server.start()
            yield server
        finally:
            server.kill()


class _ContainerRedis:
    is_ours = True

    def __init__(self) -> None:
        (self._port,) = free_ports(1)
        self._databases = itertools.count()
        self._service = compose.ComposeService("redis", {"REDIS_PORT": self._port})

    def new_url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/{next(self._databases)}"

    def start(self) -> None:
        self._service.start()
        wait_until(lambda: _answers(self._port), 30.0, "redis in docker")

    def stop(self) -> None:
        self._service.stop()

    def kill(self) -> None:
        self._service.kill()

    def remove(self) -> None:
        self._service.remove()


@contextmanager
def _own_container() -> Generator[RedisServer]:
    server = _ContainerRedis()
    try:
        server.start()
        yield server
    finally:
        server.remove()


def _answers(port: int) -> bool:
    # Docker's proxy accepts connections before the server behind it does.
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
