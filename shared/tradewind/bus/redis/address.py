"""The broker's address: `redis://[user[:password]@]host[:port][/database][?options]`, `rediss://` over TLS."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import SplitResult, urlsplit

from redis.asyncio.connection import parse_url
from redis.exceptions import RedisError

from tradewind.bus.redis.driver import Connection, new_connection
from tradewind.core.errors import ConfigError

SCHEMES: Final = ("redis", "rediss")
_EXAMPLE: Final = "redis://:password@host:6379/0"


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is, and how to be let in."""

    shown: str
    """The address without its password."""
    database: int
    encrypted: bool
    options: Mapping[str, object]

    def new_connection(self, name: str) -> Connection:
        """A connection that is not connected yet; `name` is what the server shows for it."""
        return new_connection(self.options, encrypted=self.encrypted, name=name)


def parse_address(url: str, setting_name: str) -> Address:
    """The address in this URL. Raises `ConfigError`, which names the setting, for one that cannot work."""
    try:
        parts = urlsplit(url)
        options = cast("dict[str, object]", parse_url(url))
        database = _database(parts, options)
        _check_host(parts)
        options.pop("connection_class", None)
        address = Address(_shown(parts), database, parts.scheme == "rediss", {**options, "db": database})
        _check_options(address)
    except (ValueError, RedisError) as exc:
        raise ConfigError(f"{setting_name} is no address of a Redis: {exc}; it should look like {_EXAMPLE}") from exc
    return address


def _check_options(address: Address) -> None:
    try:
        address.new_connection("")
    except TypeError as exc:
        option = str(exc).rpartition(" ")[2]
        raise ValueError(f"the driver knows no option {option}") from exc


def _check_host(parts: SplitResult) -> None:
    if not parts.hostname:
        raise ValueError("it names no host")
    if parts.port == 0:
        raise ValueError("port 0 is none")


def _database(parts: SplitResult, options: Mapping[str, object]) -> int:
    path = parts.path.strip("/")
    if path and not (path.isascii() and path.isdigit()):
        raise ValueError(f"the database {path!r} is no number")
    return int(path) if path else cast("int", options.get("db", 0))


def _shown(parts: SplitResult) -> str:
    credentials, at, place = parts.netloc.rpartition("@")
    user = credentials.partition(":")[0]
    secret = ":***" if ":" in credentials else ""
    return parts._replace(netloc=f"{user}{secret}{at}{place}", query="", fragment="").geturl()
