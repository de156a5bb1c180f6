"""What any broker that is a process can do to us: be away, break the connection, end in the middle of something."""

import asyncio

import pytest

from tests.integration.bus_stations import BrokerStation, RedisStation, numbered, numbers, shared, take, take_and_ack
from tests.polling import poll_until
from tests.servers.proxy import TcpProxy
from tradewind.bus.open import open_bus
from tradewind.bus.port import Bus, BusUnavailable, Message, Queue


async def test_bus_connects_once_the_broker_is_there(broker_station: BrokerStation) -> None:
    async with broker_station.new_proxy() as (proxy, url):
        proxy.is_refusing = True
        async with open_bus(url) as bus:
            assert not bus.connected
            proxy.is_refusing = False
            async with bus.consume(shared(), prefetch=1, max_batch=1) as batches:
                await bus.publish("q", numbered(1), mandatory=True)
                assert numbers(await take_and_ack(batches, 1)) == [0]


async def test_lost_connection_fails_what_waits_and_comes_back(broker_station: BrokerStation) -> None:
    async def expect_unavailable() -> None:
        with pytest.raises(BusUnavailable):
            await bus.request("rpc", Message(body=b""), timeout_seconds=60)

    async with (
        broker_station.connect() as bus,
        bus.consume(shared(), prefetch=10, max_batch=10) as batches,
        bus.consume(Queue(name="mine", exclusive=True), prefetch=10, max_batch=10) as exclusive,
        asyncio.TaskGroup() as group,
    ):
        await bus.publish("q", numbered(1))
        (before,) = await take(batches, 1)
        waiting = group.create_task(expect_unavailable())

        async def is_asked() -> bool:
            return await bus.depth("rpc") == 1

        await poll_until(is_asked)
        broker_station.proxy(bus).cut()
        async with asyncio.timeout(60):
            await waiting
        await poll_until(lambda: bus.connected)
        await before.ack()
        # The first delivery was not settled in time: it comes again, under another tag.
        (again,) = await take(batches, 1)
        assert again.deliveries[0].redelivered
        assert again.deliveries[0].tag != before.deliveries[0].tag
        await again.ack()

        async def is_declared() -> bool:
            return await bus.depth("mine") is not None

        await poll_until(is_declared)
        await bus.publish("mine", numbered(1), mandatory=True)
        assert numbers(await take_and_ack(exclusive, 1)) == [0]
        assert broker_station.proxy(bus).connections == 2 or isinstance(
            broker_station, RedisStation
        )  # whose readers have their own


async def lose_the_connection_while_publishing(proxy: TcpProxy, bus: Bus) -> None:
    """The publisher waits for its confirm when it breaks, and learns of it."""
    await bus.declare(shared())
    proxy.freeze()
    asyncio.get_running_loop().call_later(0.1, proxy.cut)
    with pytest.raises(BusUnavailable):
        await bus.publish("q", numbered(10))
    proxy.thaw()


async def test_publisher_learns_that_the_connection_was_lost(broker_station: BrokerStation) -> None:
    async with asyncio.timeout(60), broker_station.connect() as bus:
        proxy = broker_station.proxy(bus)
        before = proxy.connections
        await lose_the_connection_while_publishing(proxy, bus)
        await poll_until(lambda: proxy.connections > before and bus.connected)
        await bus.publish("q", numbered(1), mandatory=True)


async def test_bus_can_be_left_in_the_moment_of_the_loss(broker_station: BrokerStation) -> None:
    async with asyncio.timeout(30), broker_station.connect() as bus:
        await lose_the_connection_while_publishing(broker_station.proxy(bus), bus)


async def test_errors_of_the_body_leave_the_bus_as_they_are(broker_station: BrokerStation) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with open_bus(broker_station.url):
            raise KeyError("mine")
