import asyncio

from tradewind.dag_processor.parse_queue import BURST, ParseQueue


async def take_all(queue: ParseQueue, count: int) -> list[str | None]:
    return [await queue.take(asyncio.Event()) for _ in range(count)]


async def test_edited_files_come_before_listed_ones() -> None:
    queue = ParseQueue()
    queue.put("a.py", urgent=False)
    queue.put("b.py", urgent=False)
    queue.put("c.py", urgent=True)
    queue.put("b.py", urgent=True)
    assert await take_all(queue, 3) == ["c.py", "b.py", "a.py"]


async def test_a_file_in_flight_is_not_queued_again_until_it_is_done() -> None:
    queue = ParseQueue()
    queue.put("a.py", urgent=True)
    await queue.take(asyncio.Event())
    queue.put("a.py", urgent=True)
    queue.put("b.py", urgent=True)
    assert await queue.take(asyncio.Event()) == "b.py"
    queue.done("a.py")
    queue.put("a.py", urgent=True)
    assert await queue.take(asyncio.Event()) == "a.py"


async def test_a_file_that_its_own_parse_changes_is_refused_after_a_while() -> None:
    queue = ParseQueue()
    for _ in range(BURST):
        assert queue.put("a.py", urgent=True)
        await queue.take(asyncio.Event())
        queue.done("a.py")
    assert not queue.put("a.py", urgent=True)
    assert queue.put("b.py", urgent=True)


async def test_a_discarded_file_is_not_taken() -> None:
    queue = ParseQueue()
    queue.put("a.py", urgent=True)
    queue.put("b.py", urgent=False)
    queue.discard("a.py")
    assert await queue.take(asyncio.Event()) == "b.py"


async def test_waiting_for_a_file_ends_with_the_service() -> None:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        taken = group.create_task(ParseQueue().take(stop), name="take")
        stop.set()
    assert taken.result() is None
