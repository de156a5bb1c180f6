"""The buses as the behavioural suite sees them: connect, crash, stop and start the broker, delete a queue."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast
from urllib.parse import urlsplit

import aiormq
import redis.asyncio as redis

from tests.polling import poll_until
from tests.servers.proxy import TcpProxy, tcp_proxy
from tests.servers.rabbitmq import RabbitMQServer
from tests.servers.redis import RedisServer
from tradewind.bus.memory import MemoryBroker, MemoryBus
from tradewind.bus.open import open_bus
from tradewind.bus.port import Batch, Bus, Delivery, Message, Queue
from tradewind.bus.redis.keys import queue_key


class MemoryStation:
    """The in-memory broker."""

    def __init__(self) -> None:
        self.broker = MemoryBroker(max_body_bytes=4 * 1024 * 1024)

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator[Bus]:
        """One connection."""
        async with open_bus(None, broker=self.broker) as bus:
            yield bus

    async def crash(self, bus: Bus) -> None:
        """The process that holds this connection dies."""
        assert isinstance(bus, MemoryBus)
        bus.crash()

    async def delete_queue(self, name: str) -> None:
        """An operator deletes the queue."""
        self.broker.delete_queue(name)

    async def stop(self) -> None:
        """The broker goes away."""
        self.broker.stop()

    async def start(self) -> None:
        """The broker is back."""
        self.broker.start()


class BrokerStation:
    """A place of its own on a broker that is a process; each connection of a bus goes through a proxy of its own."""

    def __init__(self, server: RabbitMQServer | RedisServer) -> None:
        self._server = server
        self.url = server.new_url()
        self._proxies: dict[int, TcpProxy] = {}

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator[Bus]:
        """One connection."""
        async with self.new_proxy() as (proxy, url), open_bus(url, max_body_bytes=4 * 1024 * 1024) as bus:
            self._proxies[id(bus)] = proxy
            yield bus

    @asynccontextmanager
    async def new_proxy(self) -> AsyncGenerator[tuple[TcpProxy, str]]:
        """One more way to the broker, and the broker's address by it."""
        parts = urlsplit(self.url)
        credentials, at, _ = parts.netloc.rpartition("@")
        async with tcp_proxy(parts.hostname or "", parts.port or 0) as proxy:
            yield proxy, parts._replace(netloc=f"{credentials}{at}127.0.0.1:{proxy.port}").geturl()

    def proxy(self, bus: Bus) -> TcpProxy:
        """What the connection goes through."""
        return self._proxies[id(bus)]

    async def crash(self, bus: Bus) -> None:
        """The process that holds this connection dies, as far as the broker can see."""
        proxy = self.proxy(bus)
        proxy.is_refusing = True
        proxy.cut()
        await poll_until(lambda: not bus.connected)

    async def stop(self) -> None:
        """The broker goes away."""
        await asyncio.to_thread(self._server.stop)

    async def start(self) -> None:
        """The broker is back."""
        await asyncio.to_thread(self._server.start)


class RabbitMQStation(BrokerStation):
    """A virtual host of a RabbitMQ."""

    async def delete_queue(self, name: str) -> None:
        """An operator deletes the queue."""
        async with aiormq.connect(self.url) as connection:
            await (await connection.channel()).queue_delete(name)


class RedisStation(BrokerStation):
    """A database of a Redis."""

    async def operate(self, *words: str | bytes | int) -> Any:
        """One command, as an operator types it; returns what the driver makes of the reply."""
        async with redis.Redis.from_url(self.url, protocol=2) as client:  # pyright: ignore[reportUnknownMemberType]
            execute = cast("Callable[..., Awaitable[Any]]", client.execute_command)  # half-typed
            return await execute(*words)

    async def delete_queue(self, name: str) -> None:
        """An operator deletes the queue."""
        await self.operate("DEL", queue_key(name))


Station = MemoryStation | RabbitMQStation | RedisStation


def shared(name: str = "q") -> Queue:
    """A queue for competing consumers."""
    return Queue(name=name, durable=True)


def numbered(count: int, start: int = 0) -> list[Message]:
    """Messages whose bodies are numbers."""
    return [Message(body=str(number).encode()) for number in range(start, start + count)]


def numbers(deliveries: list[Delivery]) -> list[int]:
    """Their numbers."""
    return [int(delivery.message.body) for delivery in deliveries]


async def take(batches: AsyncIterator[Batch], count: int, *, timeout_seconds: float = 60.0) -> list[Batch]:
    """Batches until they hold this many deliveries; fails if they do not come in time."""
    taken: list[Batch] = []
    async with asyncio.timeout(timeout_seconds):
        while sum(len(batch.deliveries) for batch in taken) < count:
            taken.append(await anext(batches))
    return taken


def deliveries_of(batches: list[Batch]) -> list[Delivery]:
    """All of their deliveries, in order."""
    return [delivery for batch in batches for delivery in batch.deliveries]


async def take_and_ack(batches: AsyncIterator[Batch], count: int, *, timeout_seconds: float = 60.0) -> list[Delivery]:
    """This many deliveries, acknowledged."""
    taken: list[Delivery] = []
    async with asyncio.timeout(timeout_seconds):
        while len(taken) < count:
            batch = await anext(batches)
            taken += batch.deliveries
            await batch.ack()
    return taken
