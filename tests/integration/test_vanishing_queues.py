"""Queues that an operator deletes again and again are consumed in the end, on a machine as busy as can be."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final

import aiormq
import pytest
import redis

from tests.integration.bus_stations import BrokerStation, RabbitMQStation, numbered, shared
from tests.polling import poll_until
from tradewind.bus.port import Batch, Bus, BusUnavailable, QueueNotFound
from tradewind.bus.redis.keys import GROUP, queue_key

QUEUES: Final = tuple(f"q{number}" for number in range(6))
STALL_SECONDS: Final = 0.02
"""For so long at a time the consumers' process does not run, so that what the broker says meanwhile comes at once."""


def delete_from_rabbitmq(url: str, ends_at: float) -> int:
    """Delete each queue whenever it has a consumer; returns how often."""
    return asyncio.run(_delete_from_rabbitmq(url, ends_at))


async def _delete_from_rabbitmq(url: str, ends_at: float) -> int:
    count = 0
    async with aiormq.connect(url) as connection:
        channel = await connection.channel()
        while time.monotonic() < ends_at:
            for queue in QUEUES:
                if (await channel.queue_declare(queue, durable=True)).consumer_count:
                    await channel.queue_delete(queue)
                    count += 1
    return count


def delete_from_redis(url: str, ends_at: float) -> int:
    """Delete each stream, its group alone, or now and then everything, whenever it is read; returns how often."""
    count = 0
    with redis.Redis.from_url(url, protocol=2) as client:  # pyright: ignore[reportUnknownMemberType] - half-typed
        while time.monotonic() < ends_at:
            for queue in QUEUES:
                key = queue_key(queue)
                with suppress(redis.ResponseError):  # it is gone already
                    if client.execute_command("XINFO", "CONSUMERS", key, GROUP):  # pyright: ignore[reportUnknownMemberType]
                        ways = (("DEL", key), ("XGROUP", "DESTROY", key, GROUP))
                        way = ("FLUSHDB",) if count % 10 == 9 else ways[count % 2]
                        client.execute_command(*way)  # pyright: ignore[reportUnknownMemberType]
                        count += 1
    return count


class Reader:
    """Consumes one queue, and counts."""

    def __init__(self, batches: AsyncIterator[Batch]) -> None:
        self._batches = batches
        self.count = 0

    async def run(self) -> None:
        async for batch in self._batches:
            self.count += len(batch.deliveries)
            await batch.ack()


@asynccontextmanager
async def reading(bus: Bus) -> AsyncGenerator[dict[str, Reader]]:
    """A reader for each queue."""
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        readers: dict[str, Reader] = {}
        for queue in QUEUES:
            consuming = bus.consume(shared(queue), prefetch=10, max_batch=10)
            readers[queue] = Reader(await stack.enter_async_context(consuming))
        tasks = [group.create_task(reader.run(), name=queue) for queue, reader in readers.items()]
        yield readers
        for task in tasks:
            task.cancel()


async def publish(bus: Bus, queue: str) -> bool:
    """Whether there was a queue to publish to."""
    try:
        await bus.publish(queue, numbered(1), mandatory=True)
    except (QueueNotFound, BusUnavailable):
        return False
    return True


def stall(loop: asyncio.AbstractEventLoop, ends_at: float) -> None:
    """Keep the event loop's thread from running for most of the time, as on a busy machine."""
    time.sleep(STALL_SECONDS)
    if time.monotonic() < ends_at:
        loop.call_later(STALL_SECONDS / 10, stall, loop, ends_at)


@pytest.mark.parametrize("seconds", [1.5, pytest.param(10.0, marks=pytest.mark.full)])
async def test_queues_that_vanish_again_and_again_are_consumed_in_the_end(
    broker_station: BrokerStation, seconds: float
) -> None:
    ends_at = time.monotonic() + seconds
    delete = delete_from_rabbitmq if isinstance(broker_station, RabbitMQStation) else delete_from_redis
    async with broker_station.connect() as bus, reading(bus) as readers, asyncio.TaskGroup() as group:
        stall(asyncio.get_running_loop(), ends_at)
        deleting = group.create_task(asyncio.to_thread(delete, broker_station.url, ends_at), name="operator")
        while not deleting.done():
            for queue in QUEUES:
                await publish(bus, queue)
            await asyncio.wait([deleting], timeout=0.01)
        assert deleting.result() >= len(QUEUES)
        before = {queue: reader.count for queue, reader in readers.items()}

        async def all_are_read() -> bool:
            silent = [queue for queue in QUEUES if readers[queue].count == before[queue]]
            for queue in silent:
                await publish(bus, queue)
            return not silent

        await poll_until(all_are_read, interval=0.1)
