"""What every bus must do, whichever it is."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

from tests.integration.bus_stations import (
    MemoryStation,
    RabbitMQStation,
    RedisStation,
    Station,
    deliveries_of,
    numbered,
    numbers,
    shared,
    take,
    take_and_ack,
)
from tests.polling import poll_until
from tradewind.bus.port import (
    Batch,
    Bus,
    BusUnavailable,
    Delivery,
    Message,
    MessageTooLarge,
    Queue,
    QueueInUse,
    QueueNotFound,
    RequestTimeout,
)
from tradewind.wire.queues import DEAD_LETTER


@pytest.fixture(params=["memory", "rabbitmq", "redis"])
def station(request: pytest.FixtureRequest) -> Station:
    """A broker of the test's own."""
    match request.param:
        case "rabbitmq":
            return RabbitMQStation(request.getfixturevalue("rabbitmq"))
        case "redis":
            return RedisStation(request.getfixturevalue("redis"))
        case _:
            return MemoryStation()


async def settled(bus: Bus, queue: str) -> None:
    """Wait until nothing waits in the queue."""

    async def is_empty() -> bool:
        return await bus.depth(queue) == 0

    await poll_until(is_empty)


async def test_messages_arrive_in_order_with_all_their_properties(station: Station) -> None:
    rich = Message(
        body=b"\x00\xff" * 10,
        content_type="application/json",
        content_encoding="utf-8",
        headers={"lang": "py", "eta": None, "retries": 3, "limits": [None, 2], "deep": {"ключ": "значение"}},
        correlation_id="c-1",
        reply_to="answers",
        priority=7,
        persistent=True,
    )
    async with station.connect() as bus, bus.consume(shared(), prefetch=10, max_batch=10) as batches:
        await bus.publish("q", [rich, *numbered(3)])
        first, *others = await take_and_ack(batches, 4)
    assert first.message == rich
    assert first.queue == "q"
    assert not first.redelivered
    assert numbers(others) == [0, 1, 2]


async def test_everything_that_has_arrived_is_one_batch(station: Station) -> None:
    async with station.connect() as bus:
        await bus.declare(shared())
        await bus.publish("q", numbered(25))
        async with bus.consume(shared(), prefetch=25, max_batch=10) as batches:
            await settled(bus, "q")
            taken = await take(batches, 25)
            sizes = [len(batch.deliveries) for batch in taken]
            assert max(sizes) <= 10
            # What is on its way from a broker may arrive in two parts.
            assert len(sizes) == 3 or (isinstance(station, RabbitMQStation) and len(sizes) <= 6)
            assert numbers(deliveries_of(taken)) == list(range(25))


async def test_prefetch_bounds_what_is_unsettled(station: Station) -> None:
    async with station.connect() as bus, bus.consume(shared(), prefetch=3, max_batch=10) as batches:
        await bus.publish("q", numbered(10))
        first = await take(batches, 3)
        assert await bus.depth("q") == 7
        with pytest.raises(TimeoutError):
            await take(batches, 1, timeout_seconds=0.2)
        await first[0].ack(first[0].deliveries[:1])
        (fourth,) = deliveries_of(await take(batches, 1))
        assert fourth.message.body == b"3"


async def test_acknowledged_messages_never_return(station: Station) -> None:
    async with station.connect() as bus:
        async with bus.consume(shared(), prefetch=10, max_batch=10) as batches:
            await bus.publish("q", numbered(5))
            await take_and_ack(batches, 5)
        async with bus.consume(shared(), prefetch=10, max_batch=10) as batches:
            await bus.publish("q", numbered(1, start=100))
            assert numbers(await take_and_ack(batches, 1)) == [100]


async def test_what_a_consumer_leaves_unsettled_goes_to_the_next(station: Station) -> None:
    async with station.connect() as bus:
        async with bus.consume(shared(), prefetch=10, max_batch=10) as batches:
            await bus.publish("q", numbered(6))
            taken = deliveries_of(await take(batches, 6))
            assert numbers(taken) == list(range(6))
        async with bus.consume(shared(), prefetch=10, max_batch=10) as batches:
            again = await take_and_ack(batches, 6)
    assert numbers(again) == list(range(6))
    assert all(delivery.redelivered for delivery in again)


async def test_any_subset_can_be_settled(station: Station) -> None:
    async with station.connect() as bus:
        async with bus.consume(shared(), prefetch=20, max_batch=20) as batches:
            await bus.publish("q", numbered(10))
            taken = await take(batches, 10)
            for batch in taken:
                await batch.ack([delivery for delivery in batch.deliveries if int(delivery.message.body) in (0, 1, 5)])
                await batch.ack([delivery for delivery in batch.deliveries if int(delivery.message.body) in (1, 8)])
        async with bus.consume(shared(), prefetch=20, max_batch=20) as batches:
            assert numbers(await take_and_ack(batches, 6)) == [2, 3, 4, 6, 7, 9]


async def test_settling_twice_is_harmless(station: Station) -> None:
    async with station.connect() as bus, bus.consume(shared(), prefetch=2, max_batch=2) as batches:
        await bus.publish("q", numbered(2))
        for batch in await take(batches, 2):
            await batch.ack()
            await batch.ack()
            await batch.requeue()
        await bus.publish("q", numbered(2, start=2))
        assert numbers(await take_and_ack(batches, 2)) == [2, 3]


async def test_requeued_messages_come_again(station: Station) -> None:
    async with station.connect() as bus, bus.consume(shared(), prefetch=10, max_batch=10) as batches:
        await bus.publish("q", numbered(4))
        for batch in await take(batches, 4):
            odd = [delivery for delivery in batch.deliveries if int(delivery.message.body) % 2]
            await batch.requeue(odd)
            await batch.ack()
        again = await take_and_ack(batches, 2)
        assert numbers(again) == [1, 3]
        assert all(delivery.redelivered for delivery in again)


async def test_crashed_consumer_loses_its_messages_to_others(station: Station) -> None:
    async with station.connect() as living, station.connect() as dying:
        async with dying.consume(shared(), prefetch=10, max_batch=2) as batches:
            await living.publish("q", numbered(6))
            first, *_ = await take(batches, 2)
            await first.ack(first.deliveries[:1])
            await settled(living, "q")
            await station.crash(dying)
            with pytest.raises(BusUnavailable):
                await dying.publish("q", numbered(1))
            assert not dying.connected
            async with living.consume(shared(), prefetch=10, max_batch=10) as others:
                again = await take_and_ack(others, 5)
        assert numbers(again) == [1, 2, 3, 4, 5]
        assert all(delivery.redelivered for delivery in again)


async def test_competing_consumers_share_without_doubles(station: Station) -> None:
    async with (
        station.connect() as one,
        station.connect() as other,
        one.consume(shared(), prefetch=5, max_batch=5) as first,
        other.consume(shared(), prefetch=5, max_batch=5) as second,
        asyncio.TaskGroup() as group,
    ):
        await one.publish("q", numbered(10))
        await settled(one, "q")
        left = group.create_task(take_and_ack(first, 5))
        right = group.create_task(take_and_ack(second, 5))
        assert sorted(numbers(await left + await right)) == list(range(10))


async def test_dead_letters_keep_the_message_and_name_reason_and_queue(station: Station) -> None:
    poison = Message(body=b"\x00", headers={"task": "x"}, content_type="application/json", correlation_id="7")
    async with station.connect() as bus, bus.consume(shared(), prefetch=1, max_batch=1) as batches:
        await bus.publish("q", [poison, *numbered(1)])
        (batch,) = await take(batches, 1)
        await batch.dead_letter(batch.deliveries[0], "field `key`: missing")
        # The queue moves on, though its prefetch is one.
        assert numbers(await take_and_ack(batches, 1)) == [0]
        async with bus.consume(shared(DEAD_LETTER), prefetch=1, max_batch=1) as dead:
            (letter,) = await take_and_ack(dead, 1)
        assert letter.message.headers == {"task": "x", "x-reason": "field `key`: missing", "x-source-queue": "q"}
        assert letter.message.body == poison.body
        assert letter.message.content_type == "application/json"
        assert letter.message.correlation_id == "7"


async def test_endless_reasons_are_cut(station: Station) -> None:
    async with station.connect() as bus, bus.consume(shared(), prefetch=1, max_batch=1) as batches:
        await bus.publish("q", numbered(1))
        (batch,) = await take(batches, 1)
        await batch.dead_letter(batch.deliveries[0], "x" * 1_000_000)
        async with bus.consume(shared(DEAD_LETTER), prefetch=1, max_batch=1) as dead:
            (letter,) = await take_and_ack(dead, 1)
        assert len(str(letter.message.headers["x-reason"])) < 10_000


async def serve(bus: Bus, queue: str, ready: asyncio.Event) -> None:
    """Answer every request with its body backwards."""
    async with bus.consume(shared(queue), prefetch=100, max_batch=50) as batches:
        ready.set()
        async for batch in batches:
            answers = [(delivery, Message(body=delivery.message.body[::-1])) for delivery in batch.deliveries]
            await bus.reply(answers)
            await batch.ack()


async def test_requests_get_their_own_answers(station: Station) -> None:
    async with station.connect() as server, station.connect() as client, asyncio.TaskGroup() as group:
        ready = asyncio.Event()
        serving = group.create_task(serve(server, "rpc", ready))
        await ready.wait()

        async def ask(number: int) -> bytes:
            return (await client.request("rpc", Message(body=f"{number:04}".encode()), timeout_seconds=60)).body

        asked = [group.create_task(ask(number)) for number in range(200)]
        assert [await answer for answer in asked] == [f"{number:04}"[::-1].encode() for number in range(200)]
        serving.cancel()


async def test_request_times_out_and_is_not_served_late(station: Station) -> None:
    async with station.connect() as bus:
        with pytest.raises(RequestTimeout, match="'rpc'"):
            await bus.request("rpc", Message(body=b"late"), timeout_seconds=0.05)
        await settled(bus, "rpc")
        async with bus.consume(shared("rpc"), prefetch=10, max_batch=10) as batches:
            await bus.publish("rpc", numbered(1))
            assert numbers(await take_and_ack(batches, 1)) == [0]


async def test_request_waits_for_its_first_server(station: Station) -> None:
    async with station.connect() as server, station.connect() as client, asyncio.TaskGroup() as group:
        asked = group.create_task(client.request("rpc", Message(body=b"abc"), timeout_seconds=60))

        async def is_waiting() -> bool:
            return await client.depth("rpc") == 1

        await poll_until(is_waiting)
        serving = group.create_task(serve(server, "rpc", asyncio.Event()))
        assert (await asked).body == b"cba"
        serving.cancel()


async def test_late_answers_reach_nobody(station: Station) -> None:
    async with station.connect() as bus, bus.consume(shared("rpc"), prefetch=10, max_batch=10) as batches:
        async with asyncio.TaskGroup() as group:
            group.create_task(expect_timeout(bus))
            (batch,) = await take(batches, 1)
        await bus.reply([(batch.deliveries[0], Message(body=b"late"))])
        await batch.ack()
        # The next request gets its own answer, not the late one.
        async with asyncio.TaskGroup() as group:
            group.create_task(answer_one(bus, batches, b"own"))
            assert (await bus.request("rpc", Message(body=b""), timeout_seconds=60)).body == b"own"


async def expect_timeout(bus: Bus) -> None:
    with pytest.raises(RequestTimeout):
        await bus.request("rpc", Message(body=b""), timeout_seconds=1.0)  # until then it must have been delivered


async def answer_one(bus: Bus, batches: AsyncIterator[Batch], body: bytes) -> None:
    (batch,) = await take(batches, 1)
    await bus.reply([(batch.deliveries[0], Message(body=body))])
    await batch.ack()


async def test_answering_what_asked_for_nothing_does_nothing(station: Station) -> None:
    async with station.connect() as bus, bus.consume(shared(), prefetch=10, max_batch=10) as batches:
        await bus.publish("q", numbered(1))
        (batch,) = await take(batches, 1)
        await bus.reply([(batch.deliveries[0], Message(body=b"?"))])
        await batch.ack()


async def test_broadcast_reaches_every_subscriber_there_is(station: Station) -> None:
    async with station.connect() as one, station.connect() as other:
        await one.broadcast("topic", Message(body=b"too early"))
        async with one.subscribe("topic") as mine, other.subscribe("topic") as theirs, other.subscribe("else") as apart:
            for message in numbered(3):
                await one.broadcast("topic", message)
            await one.broadcast("else", Message(body=b"apart"))
            async with asyncio.timeout(60):
                assert [(await anext(mine)).body for _ in range(3)] == [b"0", b"1", b"2"]
                assert [(await anext(theirs)).body for _ in range(3)] == [b"0", b"1", b"2"]
                assert (await anext(apart)).body == b"apart"


async def test_mandatory_without_a_queue_is_an_error_otherwise_nothing(station: Station) -> None:
    async with station.connect() as bus:
        await bus.publish("nobody", numbered(3))
        with pytest.raises(QueueNotFound, match="'nobody'"):
            await bus.publish("nobody", numbered(3), mandatory=True)
        async with bus.consume(shared(), prefetch=10, max_batch=10) as batches:
            await bus.publish("q", numbered(3), mandatory=True)
            assert numbers(await take_and_ack(batches, 3)) == [0, 1, 2]


async def test_declared_queue_keeps_messages_for_its_first_consumer(station: Station) -> None:
    async with station.connect() as bus:
        await bus.declare(shared())
        await bus.declare(shared())
        await bus.publish("q", numbered(2), mandatory=True)
        async with bus.consume(shared(), prefetch=10, max_batch=10) as batches:
            assert numbers(await take_and_ack(batches, 2)) == [0, 1]


async def test_exclusive_queue_lives_and_dies_with_its_connection(station: Station) -> None:
    mine = Queue(name="mine", exclusive=True)

    async with station.connect() as other:
        async with station.connect() as owner, owner.consume(mine, prefetch=10, max_batch=10) as batches:
            await other.publish("mine", numbered(1), mandatory=True)
            assert numbers(await take_and_ack(batches, 1)) == [0]
            with pytest.raises(QueueInUse):
                async with other.consume(mine, prefetch=1, max_batch=1):
                    pass
        with pytest.raises(QueueNotFound):
            await other.publish("mine", numbered(1), mandatory=True)
        assert await other.depth("mine") is None


async def test_exclusive_queue_dies_with_a_crash(station: Station) -> None:
    async with (
        station.connect() as other,
        station.connect() as owner,
        owner.consume(Queue(name="mine", exclusive=True), prefetch=1, max_batch=1),
    ):
        await station.crash(owner)

        async def is_gone() -> bool:
            return await other.depth("mine") is None

        await poll_until(is_gone)


async def test_depth_counts_what_waits(station: Station) -> None:
    async with station.connect() as bus:
        assert await bus.depth("q") is None
        await bus.declare(shared())
        assert await bus.depth("q") == 0
        await bus.publish("q", numbered(5))
        assert await bus.depth("q") == 5
        async with bus.consume(shared(), prefetch=2, max_batch=2) as batches:
            await take(batches, 2)
            assert await bus.depth("q") == 3


async def test_ten_thousand_messages_arrive_once_and_in_order(station: Station) -> None:
    total = 10_000
    async with (
        station.connect() as sender,
        station.connect() as receiver,
        receiver.consume(shared(), prefetch=500, max_batch=500) as batches,
        asyncio.TaskGroup() as group,
    ):
        taking = group.create_task(take_and_ack(batches, total, timeout_seconds=60))
        await sender.publish("q", numbered(total // 2))
        for start in range(total // 2, total, 500):
            await sender.publish("q", numbered(500, start=start))
        assert numbers(await taking) == list(range(total))


async def test_large_bodies_travel_whole(station: Station) -> None:
    bodies = [bytes([number]) * size for number, size in enumerate((0, 1, 131_063, 131_064, 131_072, 3_000_000))]
    async with station.connect() as bus, bus.consume(shared(), prefetch=10, max_batch=10) as batches:
        await bus.publish("q", [Message(body=body) for body in bodies])
        assert [delivery.message.body for delivery in await take_and_ack(batches, len(bodies))] == bodies


async def test_too_large_a_body_is_refused_before_anything_is_sent(station: Station) -> None:
    huge = Message(body=bytes(4 * 1024 * 1024 + 1))
    async with station.connect() as bus:
        await bus.declare(shared())
        with pytest.raises(MessageTooLarge):
            await bus.publish("q", [*numbered(2), huge])
        with pytest.raises(MessageTooLarge):
            await bus.request("q", huge, timeout_seconds=1)
        assert await bus.depth("q") == 0


async def test_publishing_nothing_does_nothing(station: Station) -> None:
    async with station.connect() as bus:
        await bus.publish("q", [], mandatory=True)
        await bus.reply([])


async def test_closed_bus_is_unavailable(station: Station) -> None:
    async with station.connect() as bus:
        assert bus.connected
    assert not bus.connected
    with pytest.raises(BusUnavailable):
        await bus.publish("q", numbered(1))
    with pytest.raises(BusUnavailable):
        await bus.request("q", Message(body=b""), timeout_seconds=1)


async def test_cancelled_publishers_leave_the_bus_usable(station: Station) -> None:
    async with station.connect() as bus, bus.consume(shared(), prefetch=5_000, max_batch=5_000) as batches:
        for turns in range(8):
            async with asyncio.TaskGroup() as group:
                publishing = group.create_task(bus.publish("q", numbered(300)))
                for _ in range(turns):
                    await asyncio.sleep(0)
                publishing.cancel()
        async with asyncio.timeout(60):
            await bus.publish("q", [Message(body=b"-1")])
            taken: list[Delivery] = []
            while not taken or taken[-1].message.body != b"-1":
                batch = await anext(batches)
                taken += batch.deliveries
                await batch.ack()
        # Each cancelled batch came as a prefix of itself, or not at all.
        for _, run in itertools.groupby(enumerate(numbers(taken)), lambda pair: pair[1] - pair[0]):
            assert next(run)[1] in (0, -1)


async def test_consumer_goes_on_after_its_queue_was_deleted(station: Station) -> None:
    async with station.connect() as bus, bus.consume(shared(), prefetch=10, max_batch=10) as batches:
        await bus.publish("q", numbered(2))
        taken = await take(batches, 2)
        await station.delete_queue("q")
        async with asyncio.TaskGroup() as group:
            taking = group.create_task(take_and_ack(batches, 1))

            async def is_back() -> bool:
                return await bus.depth("q") == 0

            await poll_until(is_back)
            for batch in taken:
                await batch.ack()  # what was delivered before the loss: settling it does nothing
            await bus.publish("q", numbered(1, start=7), mandatory=True)
            assert numbers(await taking) == [7]


@pytest.mark.parametrize("mortal_station", ["memory", "rabbitmq", "redis"])
async def test_everything_goes_on_after_the_broker_was_restarted(
    mortal_station: str, request: pytest.FixtureRequest
) -> None:
    station: Station = MemoryStation()
    if mortal_station == "rabbitmq":
        station = RabbitMQStation(request.getfixturevalue("mortal_rabbitmq"))
    elif mortal_station == "redis":
        station = RedisStation(request.getfixturevalue("mortal_redis"))
    mine = Queue(name="mine", exclusive=True)
    async with (
        station.connect() as bus,
        bus.consume(shared(), prefetch=10, max_batch=10) as batches,
        bus.consume(mine, prefetch=10, max_batch=10) as exclusive,
        bus.subscribe("topic") as heard,
        asyncio.TaskGroup() as group,
    ):
        await bus.publish("q", numbered(1))
        (unsettled,) = await take(batches, 1)
        asked = group.create_task(expect_unavailable(bus))
        await poll_until_depth(bus, "rpc", 1)
        await station.stop()
        await asked
        await poll_until(lambda: not bus.connected)
        with pytest.raises(BusUnavailable):
            await bus.publish("q", numbered(1))
        await unsettled.ack()
        waiting = [
            group.create_task(take_and_ack(batches, 1, timeout_seconds=120)),
            group.create_task(take_and_ack(exclusive, 1, timeout_seconds=120)),
        ]
        hearing = group.create_task(next_of(heard))
        await station.start()
        await poll_until(lambda: bus.connected, timeout=60)
        await publish_when_there(bus, "q")
        await publish_when_there(bus, "mine")
        assert [numbers(await taking) for taking in waiting] == [[7], [7]]
        async with asyncio.timeout(60):  # until the subscription is there again
            while not hearing.done():
                await bus.broadcast("topic", Message(body=b"heard"))
                await asyncio.wait([hearing], timeout=0.05)
        assert hearing.result().body == b"heard"


async def expect_unavailable(bus: Bus) -> None:
    with pytest.raises(BusUnavailable):
        await bus.request("rpc", Message(body=b""), timeout_seconds=60)


async def next_of(heard: AsyncIterator[Message]) -> Message:
    return await anext(heard)


async def poll_until_depth(bus: Bus, queue: str, depth: int) -> None:
    async def is_so() -> bool:
        return await bus.depth(queue) == depth

    await poll_until(is_so)


async def publish_when_there(bus: Bus, queue: str) -> None:
    """Publish one message as soon as a consumer has declared the queue again."""

    async def published() -> bool:
        try:
            await bus.publish(queue, numbered(1, start=7), mandatory=True)
        except QueueNotFound:
            return False
        return True

    await poll_until(published, timeout=60)
