"""The broker under test: RabbitMQ or Redis, in one shape for the faults."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, Protocol, cast

import redis

from tests.servers.rabbitmq import RabbitMQServer, rabbitmq_server
from tests.servers.redis import RedisServer, redis_server
from tradewind.wire.queues import DEAD_LETTER

NAMES: Final = ("rabbitmq", "redis")


class Broker(Protocol):
    """A broker of the test's own."""

    @property
    def url(self) -> str:
        """Its address; the same after a restart."""
        ...

    def start(self) -> None:
        """Start it again."""
        ...

    def stop(self) -> None:
        """End it in good order."""
        ...

    def kill(self) -> None:
        """End it as a crash would."""
        ...

    def delete_queues(self) -> None:
        """Delete every queue but that of the dead letters, which the judgement wants to see."""
        ...


class RabbitMQ:
    """One virtual host of a RabbitMQ that may be stopped."""

    def __init__(self, server: RabbitMQServer) -> None:
        self._server = server
        self.url = server.new_url()
        self.start, self.stop, self.kill = server.start, server.stop, server.kill

    def delete_queues(self) -> None:
        self._server.delete_queues(self.url, keep=DEAD_LETTER)


class Redis:
    """One database of a Redis that may be stopped. It keeps nothing: a restart finds it empty, too."""

    def __init__(self, server: RedisServer) -> None:
        self.url = server.new_url()
        self.start, self.stop, self.kill = server.start, server.stop, server.kill

    def delete_queues(self) -> None:
        with redis.Redis.from_url(self.url) as client:  # pyright: ignore[reportUnknownMemberType] - half-typed
            keys = cast("list[bytes]", client.keys())  # pyright: ignore[reportUnknownMemberType]
            doomed = [key for key in keys if DEAD_LETTER.encode() not in key]
            if doomed:
                client.delete(*doomed)  # pyright: ignore[reportUnknownMemberType]


@contextmanager
def opened(name: str) -> Generator[Broker]:
    """A broker of this name that may be broken."""
    if name == "redis":
        with redis_server(private=True) as server:
            yield Redis(server)
    else:
        assert name in NAMES, name
        with rabbitmq_server(private=True) as server:
            yield RabbitMQ(server)
