"""What waits to be sent leaves in as few pieces as its kind allows."""

import asyncio

from aiormq.abc import ChannelFrame

from tradewind.bus.rabbitmq.driver import Joinable, JoiningQueue


def joinable(payload: bytes) -> Joinable:
    return Joinable(payload=payload, should_close=False, drain_future=asyncio.get_running_loop().create_future())


def filled(*frames: ChannelFrame, maxsize: int = 0) -> JoiningQueue:
    queue = JoiningQueue(maxsize)
    for frame in frames:
        queue.put_nowait(frame)
    return queue


def pieces(queue: JoiningQueue) -> list[bytes]:
    return [queue.get_nowait().payload for _ in range(queue.qsize()) if not queue.empty()]


async def test_what_is_queued_together_leaves_together() -> None:
    assert pieces(filled(joinable(b"a"), joinable(b"b"), joinable(b"c"))) == [b"abc"]


async def test_what_somebody_waits_for_leaves_alone_and_in_order() -> None:
    awaited = ChannelFrame(payload=b"-", should_close=False)
    assert pieces(filled(joinable(b"a"), awaited, joinable(b"b"), joinable(b"c"))) == [b"a", b"-", b"bc"]
    assert pieces(filled(awaited, joinable(b"a"))) == [b"-", b"a"]


async def test_a_piece_has_a_limit() -> None:
    large = b"x" * 40_000
    assert pieces(filled(joinable(large), joinable(large), joinable(b"a"))) == [large, large + b"a"]


async def test_whoever_waits_for_room_is_let_in_although_several_left_at_once() -> None:
    queue = filled(joinable(b"a"), joinable(b"b"), maxsize=2)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        for payload in (b"c", b"d", b"e"):
            group.create_task(queue.put(joinable(payload)), name="put")
        received = b""
        while len(received) < 5:
            received += (await queue.get()).payload
    assert received == b"abcde"


async def test_the_piece_still_waits_for_room_in_the_transport() -> None:
    piece = await filled(joinable(b"a"), joinable(b"b")).get()
    assert piece.should_drain
