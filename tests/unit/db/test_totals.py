"""Counts of long lists are made once for all who ask at the same time, and anew after some seconds."""

import asyncio

import pytest

from tradewind.db.totals import REMEMBERED_LISTS, REMEMBERED_SECONDS, Totals


class Counting:
    """A scan that can be held up, and a clock."""

    def __init__(self) -> None:
        self.scans = 0
        self.now = 0.0
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def count(self) -> int:
        self.scans += 1
        scan = self.scans
        await self.may_go_on.wait()
        return scan

    def seconds(self) -> float:
        return self.now


async def test_who_asks_while_it_counts_waits_for_its_answer() -> None:
    counting = Counting()
    totals = Totals(counting.seconds)
    counting.may_go_on.clear()
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(totals.get("list", counting.count), name=f"asks {n}") for n in range(5)]
        await asyncio.sleep(0)
        counting.may_go_on.set()
    assert {task.result() for task in asking} == {1}


async def test_each_list_is_counted_by_itself_and_anew_after_some_seconds() -> None:
    counting = Counting()
    totals = Totals(counting.seconds)
    assert [await totals.get(name, counting.count) for name in ("a", "b", "a")] == [1, 2, 1]
    counting.now = REMEMBERED_SECONDS
    assert await totals.get("a", counting.count) == 1
    counting.now += 0.1
    assert await totals.get("a", counting.count) == 3


async def test_a_count_that_fails_is_not_remembered() -> None:
    async def fail() -> int:
        raise ConnectionError

    counting = Counting()
    totals = Totals(counting.seconds)
    with pytest.raises(ConnectionError):
        await totals.get("a", fail)
    assert await totals.get("a", counting.count) == 1


async def test_so_many_lists_are_remembered() -> None:
    counting = Counting()
    totals = Totals(counting.seconds)
    for number in range(REMEMBERED_LISTS + 1):
        await totals.get(number, counting.count)
    scans = counting.scans
    await totals.get(REMEMBERED_LISTS, counting.count)
    assert counting.scans == scans
    await totals.get(0, counting.count)
    assert counting.scans == scans + 1
