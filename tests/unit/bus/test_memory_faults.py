"""The in-memory bus with a policy in its way: messages lost, doubled, delayed, overtaken."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from tests.polling import poll_until
from tradewind.bus.memory import MemoryBroker, MemoryBus
from tradewind.bus.port import Batch, BusUnavailable, Delivery, Message, Queue, RequestTimeout

QUEUE = Queue(name="q", durable=True)


class Scripted:
    """Plays one list of delays per message, then delivers everything at once; remembers what it was asked."""

    def __init__(self, *script: Sequence[float]) -> None:
        self._script = list(script)
        self.asked: list[tuple[str, bytes]] = []

    def __call__(self, queue: str, message: Message) -> Sequence[float]:
        self.asked.append((queue, message.body))
        return self._script.pop(0) if self._script else (0.0,)


@asynccontextmanager
async def consuming(broker: MemoryBroker) -> AsyncGenerator[tuple[MemoryBus, AsyncIterator[Batch]]]:
    bus = MemoryBus(broker)
    async with bus.consume(QUEUE, prefetch=100, max_batch=100) as batches:
        yield bus, batches
    await bus.close()


async def bodies(batches: AsyncIterator[Batch], count: int) -> list[bytes]:
    """This many bodies, acknowledged."""
    taken: list[Delivery] = []
    async with asyncio.timeout(5):
        while len(taken) < count:
            batch = await anext(batches)
            taken += batch.deliveries
            await batch.ack()
    return [delivery.message.body for delivery in taken]


def lettered(letters: str) -> list[Message]:
    return [Message(body=letter.encode()) for letter in letters]


async def test_policy_is_asked_for_each_message_by_queue() -> None:
    policy = Scripted()
    async with consuming(MemoryBroker(deliver=policy)) as (bus, _):
        await bus.publish("q", lettered("ab"))
        await bus.broadcast("topic", Message(body=b"nobody listens"))
    assert policy.asked == [("q", b"a"), ("q", b"b")]


async def test_lost_doubled_and_delayed_messages() -> None:
    policy = Scripted((), (0.0, 0.0), (0.02,), (0.0,))
    async with consuming(MemoryBroker(deliver=policy)) as (bus, batches):
        await bus.publish("q", lettered("abcd"))
        assert await bodies(batches, 4) == [b"b", b"b", b"d", b"c"]


async def test_policy_can_be_changed_on_the_way() -> None:
    broker = MemoryBroker()
    async with consuming(broker) as (bus, batches):
        await bus.publish("q", lettered("a"))
        broker.deliver = Scripted(())
        await bus.publish("q", lettered("bc"))
        assert await bodies(batches, 2) == [b"a", b"c"]


async def test_lost_request_or_answer_is_a_timeout() -> None:
    for script in ((), ((0.0,), ())):
        policy = Scripted(*script) if script else Scripted(())
        async with consuming(MemoryBroker(deliver=policy)) as (bus, batches), asyncio.TaskGroup() as group:
            answering = group.create_task(answer_all(bus, batches))
            with pytest.raises(RequestTimeout):
                await bus.request("q", Message(body=b"?"), timeout_seconds=0.05)
            answer = await bus.request("q", Message(body=b"?"), timeout_seconds=5)
            assert answer.body == b"!"
            answering.cancel()


async def answer_all(bus: MemoryBus, batches: AsyncIterator[Batch]) -> None:
    async for batch in batches:
        await bus.reply([(delivery, Message(body=b"!")) for delivery in batch.deliveries])
        await batch.ack()


async def test_doubled_answers_do_no_harm() -> None:
    policy = Scripted((0.0,), (0.0, 0.0))
    async with consuming(MemoryBroker(deliver=policy)) as (bus, batches), asyncio.TaskGroup() as group:
        answering = group.create_task(answer_all(bus, batches))
        assert (await bus.request("q", Message(body=b"?"), timeout_seconds=5)).body == b"!"
        answering.cancel()


async def test_each_subscriber_has_its_own_luck() -> None:
    broker = MemoryBroker(deliver=Scripted((), (0.0,)))
    one, other = MemoryBus(broker), MemoryBus(broker)
    async with one.subscribe("topic") as mine, other.subscribe("topic") as theirs:
        await one.broadcast("topic", Message(body=b"1"))
        await one.broadcast("topic", Message(body=b"2"))
        assert (await anext(mine)).body == b"2"
        assert [(await anext(theirs)).body for _ in range(2)] == [b"1", b"2"]
    await one.close()
    await other.close()


async def test_delayed_messages_die_with_the_broker() -> None:
    broker = MemoryBroker(deliver=Scripted((0.01,)))
    async with consuming(broker) as (bus, batches):
        await bus.publish("q", lettered("a"))
        broker.stop()
        broker.start()
        released = asyncio.Event()
        asyncio.get_running_loop().call_later(0.03, released.set)
        await released.wait()
        await bus.publish("q", lettered("b"))
        assert await bodies(batches, 1) == [b"b"]


async def test_delayed_messages_outlive_their_senders() -> None:
    broker = MemoryBroker(deliver=Scripted((0.01,)))
    sender = MemoryBus(broker)
    async with consuming(broker) as (_, batches):
        await sender.publish("q", lettered("a"))
        sender.crash()
        assert await bodies(batches, 1) == [b"a"]


async def test_crashed_handle_is_dead_for_good() -> None:
    broker = MemoryBroker()
    dead, living = MemoryBus(broker), MemoryBus(broker)
    async with dead.consume(QUEUE, prefetch=10, max_batch=1) as batches, dead.subscribe("topic") as heard:
        await living.publish("q", lettered("ab"))
        batch = await anext(batches)
        dead.crash()
        dead.crash()
        attempts = (
            anext(batches),
            anext(heard),
            batch.ack(),
            batch.requeue(),
            batch.dead_letter(batch.deliveries[0], "?"),
            dead.publish("q", lettered("c")),
            dead.request("q", Message(body=b""), timeout_seconds=1),
            dead.reply([]),
            dead.broadcast("topic", Message(body=b"")),
            dead.depth("q"),
            dead.declare(QUEUE),
        )
        for attempt in attempts:
            with pytest.raises(BusUnavailable):
                await attempt
    assert not dead.connected
    assert broker.queue_depths == {"q": 2}
    await living.close()


async def test_waiting_consumer_and_requester_learn_of_the_crash() -> None:
    bus = MemoryBus(MemoryBroker())

    async def expect_end(batches: AsyncIterator[Batch]) -> None:
        with pytest.raises(BusUnavailable):
            await anext(batches)

    async def expect_no_answer() -> None:
        with pytest.raises(BusUnavailable):
            await bus.request("other", Message(body=b""), timeout_seconds=60)

    async with bus.consume(QUEUE, prefetch=1, max_batch=1) as batches, asyncio.TaskGroup() as group:
        group.create_task(expect_end(batches))
        group.create_task(expect_no_answer())
        await poll_until(lambda: "other" in bus.broker.queue_depths)
        bus.crash()


async def test_full_queue_refuses() -> None:
    bus = MemoryBus(MemoryBroker(max_queue_length=3))
    await bus.declare(QUEUE)
    await bus.publish("q", lettered("ab"))
    with pytest.raises(BusUnavailable, match="full"):
        await bus.publish("q", lettered("cd"))
    assert await bus.depth("q") == 2
    await bus.close()


async def test_same_calls_give_the_same_history() -> None:
    async def history() -> list[tuple[int, bytes, bool]]:
        broker = MemoryBroker(deliver=Scripted((0.0,), (0.002,), (0.0, 0.001), ()))
        seen: list[tuple[int, bytes, bool]] = []
        async with consuming(broker) as (bus, batches):
            await bus.publish("q", lettered("abcde"))
            while len(seen) < 5:
                batch = await anext(batches)
                seen += [(each.tag, each.message.body, each.redelivered) for each in batch.deliveries]
        return seen

    assert await history() == await history()
