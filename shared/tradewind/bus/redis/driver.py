"""The parts of the driver (redis-py) that the Redis adapter stands on, with their types.

The driver connects, encrypts, authenticates and chooses the database, and `hiredis` packs and parses. Which replies
belong to whom is ours to know, because the driver's own clients wait for each reply before they send again.
"""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Final, Protocol, cast

import hiredis
from redis.asyncio.connection import Connection as PlainConnection
from redis.asyncio.connection import SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from tradewind.bus.port import BusUnavailable

Command = tuple[str | bytes | int, ...]
"""One command, word by word."""

Reply = object
"""What came back: bytes, an int, None or a list of these; an error as a `ResponseError`."""

CONNECT_TIMEOUT_SECONDS: Final = 10.0


class Connection(Protocol):
    """One connection to the server; replies come in the order of the commands."""

    async def connect(self) -> None: ...
    async def send_packed_command(self, command: bytes | list[bytes], check_health: bool) -> None: ...
    async def read_response(self, *, disconnect_on_error: bool) -> Reply: ...
    async def disconnect(self, nowait: bool = False) -> None: ...


def new_connection(options: Mapping[str, object], *, encrypted: bool, name: str) -> Connection:
    """A connection that is not connected yet; `name` is what the server shows for it. Raises `TypeError` or a
    `RedisError` for options that there are not."""
    make = SSLConnection if encrypted else PlainConnection
    always: dict[str, object] = {
        "socket_timeout": None,  # we wait for replies ourselves
        "socket_connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "socket_keepalive": True,
        "health_check_interval": 0,
        "retry": Retry(NoBackoff(), 0),
        "client_name": name.replace(" ", "-"),
        "protocol": 2,
    }
    return cast("Connection", make(**{**options, **always}))  # pyright: ignore[reportArgumentType] - checked by the driver


def packed(command: Command) -> bytes:
    """The command as it goes over the wire."""
    return cast("Callable[[Command], bytes]", hiredis.pack_command)(command)


@contextmanager
def broker_errors() -> Generator[None]:
    """Raise the driver's exceptions as `BusUnavailable`."""
    try:
        yield
    except (RedisError, OSError, RuntimeError) as exc:  # RuntimeError: how uvloop says that a transport is closed
        raise BusUnavailable(f"the broker refused or was lost: {exc or type(exc).__name__}") from exc
