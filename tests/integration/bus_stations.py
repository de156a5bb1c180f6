"""The two buses as the behavioural suite sees them: connect, crash, stop and start the broker, delete a queue."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import aiormq

from tests.polling import poll_until
from tests.servers.proxy import TcpProxy, tcp_proxy
from tests.servers.rabbitmq import RabbitMQServer
from tradewind.bus.memory import MemoryBroker, MemoryBus
from tradewind.bus.open import open_bus
from tradewind.bus.port import Batch, Bus, Delivery, Message, Queue


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


class RabbitMQStation:
    """A virtual host of a RabbitMQ; each connection goes through a proxy of its own."""

    def __init__(self, server: RabbitMQServer) -> None:
        self._server = server
        self.url = server.new_url()
        self._proxies: dict[int, TcpProxy] = {}

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator[Bus]:
        """One connection."""
        parts = urlsplit(self.url)
        async with AsyncExitStack() as stack:
            proxy = await stack.enter_async_context(tcp_proxy(parts.hostname or "", parts.port or 5672))
            credentials = parts.netloc.rpartition("@")[0]
            url = parts._replace(netloc=f"{credentials}@127.0.0.1:{proxy.port}").geturl()
            bus = await stack.enter_async_context(open_bus(url, max_body_bytes=4 * 1024 * 1024))
            self._proxies[id(bus)] = proxy
            yield bus

    def proxy(self, bus: Bus) -> TcpProxy:
        """What the connection goes through."""
        return self._proxies[id(bus)]

    async def crash(self, bus: Bus) -> None:
        """The process that holds this connection dies, as far as the broker can see."""
        proxy = self.proxy(bus)
        proxy.is_refusing = True
        proxy.cut()
        await poll_until(lambda: not bus.connected)

    async def delete_queue(self, name: str) -> None:
        """An operator deletes the queue."""
        async with aiormq.connect(self.url) as connection:
            await (await connection.channel()).queue_delete(name)

    async def stop(self) -> None:
        """The broker goes away."""
        await asyncio.to_thread(self._server.stop)

    async def start(self) -> None:
        """The broker is back."""
        await asyncio.to_thread(self._server.start)


Station = MemoryStation | RabbitMQStation


def shared(name: str = "q") -> Queue:
    """A queue for competing consumers."""
    return Queue(name=name, durable=True)


def numbered(count: int, start: int = 0) -> list[Message]:
    """Messages whose bodies are numbers."""
    return [Message(body=str(number).encode()) for number in range(start, start + count)]


def numbers(deliveries: list[Delivery]) -> list[int]:
    """Their numbers."""
    return [int(delivery.message.body) for delivery in deliveries]


async def take(batches: AsyncIterator[Batch], count: int, *, timeout_seconds: float = 20.0) -> list[Batch]:
    """Batches until they hold this many deliveries; fails if they do not come in time."""
    taken: list[Batch] = []
    async with asyncio.timeout(timeout_seconds):
        while sum(len(batch.deliveries) for batch in taken) < count:
            taken.append(await anext(batches))
    return taken


def deliveries_of(batches: list[Batch]) -> list[Delivery]:
    """All of their deliveries, in order."""
    return [delivery for batch in batches for delivery in batch.deliveries]


async def take_and_ack(batches: AsyncIterator[Batch], count: int, *, timeout_seconds: float = 20.0) -> list[Delivery]:
    """This many deliveries, acknowledged."""
    taken: list[Delivery] = []
    async with asyncio.timeout(timeout_seconds):
        while len(taken) < count:
            batch = await anext(batches)
            taken += batch.deliveries
            await batch.ack()
    return taken
