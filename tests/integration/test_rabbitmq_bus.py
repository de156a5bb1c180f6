"""What only a real broker can do to us."""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

import aiormq
import pytest
import structlog

from tests.integration.bus_stations import (
    RabbitMQStation,
    numbered,
    numbers,
    shared,
    take_and_ack,
)
from tests.polling import poll_until
from tests.servers.process import free_ports
from tests.servers.rabbitmq import RabbitMQServer
from tradewind.bus.memory import MemoryBroker
from tradewind.bus.open import open_bus
from tradewind.bus.port import BusUnavailable, Message, QueueInUse
from tradewind.core.errors import ConfigError

SETTING = "TRADEWIND__BROKER__URL"


@pytest.fixture
def station(rabbitmq: RabbitMQServer) -> RabbitMQStation:
    """A virtual host of the test's own."""
    return RabbitMQStation(rabbitmq)


@pytest.mark.parametrize("url", ["kafka://localhost", "http://localhost", "localhost:5672", ""])
async def test_unknown_scheme_names_the_setting_and_what_is_supported(url: str) -> None:
    with pytest.raises(ConfigError, match=rf"{SETTING}.*amqp://.*redis://"):
        async with open_bus(url):
            pass


@pytest.mark.parametrize("url", ["amqp://", "amqp://:5672/", "amqp://host:port/"])
async def test_impossible_address_names_the_setting(url: str) -> None:
    with pytest.raises(ConfigError, match=SETTING):
        async with open_bus(url):
            pass


async def test_no_address_needs_an_in_memory_broker() -> None:
    with pytest.raises(ConfigError, match=SETTING):
        async with open_bus(None):
            pass
    async with open_bus(None, broker=MemoryBroker()) as bus:
        assert bus.connected


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ({"netloc": "guest:guest@127.0.0.1:{free_port}"}, "nobody listens"),
        ({"netloc": "guest:wrong@{address}"}, "user name or the password"),
        ({"path": "/no-such-vhost"}, "virtual host"),
    ],
    ids=["port", "password", "vhost"],
)
async def test_wrong_address_names_the_setting_and_is_tried_again(
    station: RabbitMQStation, mistake: Mapping[str, str], said: str
) -> None:
    parts = urlsplit(station.url)
    address = f"{parts.hostname}:{parts.port}"
    wrong = {name: text.format(free_port=free_ports(1)[0], address=address) for name, text in mistake.items()}
    with structlog.testing.capture_logs() as logs:
        async with open_bus(parts._replace(**wrong).geturl()) as bus:
            assert not bus.connected
            with pytest.raises(BusUnavailable, match=rf"(?s){SETTING}.*{said}"):
                await bus.publish("q", numbered(1))
            await poll_until(lambda: sum(log["event"] == "broker.unreachable" for log in logs) >= 2)
    assert not any("guest:guest" in str(log) or "wrong" in str(log) for log in logs)
    delays = [log["delay_seconds"] for log in logs if log["event"] == "broker.unreachable"]
    assert delays[0] <= 0.1 < delays[1] + 0.05 <= 0.3


class HangsUp:
    """The driver's connection where the broker, or a relay before it, hangs up before the greeting."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    async def connect(self) -> None:
        raise self._error

    async def close(self, exc: BaseException, *, timeout: float) -> None:  # noqa: ASYNC109 - the driver's own name
        pass


@pytest.mark.parametrize("error", [StopAsyncIteration(), EOFError(), asyncio.CancelledError()], ids=repr)
async def test_connection_that_ends_while_it_is_opened_is_opened_again(
    station: RabbitMQStation, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def new_connection(*_: object) -> HangsUp:
        return HangsUp(error)

    with structlog.testing.capture_logs() as logs, monkeypatch.context() as patched:
        patched.setattr("tradewind.bus.rabbitmq.connecting.new_connection", new_connection)
        async with open_bus(station.url) as bus:
            await poll_until(lambda: any(log["event"] == "broker.unreachable" for log in logs))
            patched.undo()
            await poll_until(lambda: bus.connected)


async def test_consumer_that_gives_up_at_a_full_queue_holds_up_nobody_else(station: RabbitMQStation) -> None:
    """Its messages are on their way already, and nobody reads them any more."""

    async def consume() -> None:
        async with bus.consume(shared(), prefetch=1_000, max_batch=1_000):
            await asyncio.Event().wait()

    async with station.connect() as bus, aiormq.connect(station.url) as connection, asyncio.TaskGroup() as group:
        operator = await connection.channel()

        async def is_consumed() -> bool:
            return (await operator.queue_declare("q", passive=True)).consumer_count == 1

        await bus.declare(shared())
        await bus.publish("q", numbered(1_000))
        station.proxy(bus).delay_seconds = 0.1
        consuming = group.create_task(consume())
        await poll_until(is_consumed)  # it will know in a tenth of a second
        consuming.cancel()
        await asyncio.wait([consuming])
        station.proxy(bus).delay_seconds = 0.0
        async with asyncio.timeout(5):
            assert await bus.depth("nowhere") is None


async def test_deleted_topic_costs_one_connection_and_no_more(station: RabbitMQStation) -> None:
    async with station.connect() as bus:
        await bus.broadcast("topic", Message(body=b""))
        async with aiormq.connect(station.url) as connection:
            await (await connection.channel()).exchange_delete("topic")
        await bus.broadcast("topic", Message(body=b"lost"))
        await poll_until(lambda: station.proxy(bus).connections == 2 and bus.connected)
        async with bus.subscribe("topic") as heard:
            await bus.broadcast("topic", Message(body=b"heard"))
            async with asyncio.timeout(60):
                assert (await anext(heard)).body == b"heard"


async def test_queue_of_somebody_else_s_making_is_used_as_it_is(station: RabbitMQStation) -> None:
    async with station.connect() as bus, aiormq.connect(station.url) as connection:
        channel = await connection.channel()
        await channel.queue_declare("q", durable=True, arguments={"x-max-priority": 10})
        await bus.declare(shared())
        await bus.publish("q", [Message(body=b"1", priority=1), Message(body=b"9", priority=9)], mandatory=True)
        async with bus.consume(shared(), prefetch=10, max_batch=10) as batches:
            assert numbers(await take_and_ack(batches, 2)) == [9, 1]


async def test_foreign_exclusive_queue_is_in_use_for_shared_consumers_too(station: RabbitMQStation) -> None:
    async with station.connect() as bus, aiormq.connect(station.url) as connection:
        await (await connection.channel()).queue_declare("q", exclusive=True)
        for attempt in (bus.declare(shared()), bus.depth("q")):
            with pytest.raises(QueueInUse):
                await attempt
        with pytest.raises(QueueInUse):
            async with bus.consume(shared(), prefetch=1, max_batch=1):
                pass


async def test_quorum_queues_by_a_setting(station: RabbitMQStation) -> None:
    async with (
        open_bus(station.url, queue_type="quorum") as bus,
        bus.consume(shared(), prefetch=10, max_batch=10) as batches,
    ):
        await bus.publish("q", numbered(5))
        assert numbers(await take_and_ack(batches, 5)) == list(range(5))
        async with aiormq.connect(station.url) as connection:
            channel = await connection.channel()
            with pytest.raises(aiormq.exceptions.ChannelPreconditionFailed, match="quorum"):
                await channel.queue_declare("q", durable=True)
