"""From a child's output to stored chunks."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

from tests.simulation.virtual_time import EPOCH
from tests.unit.supervisor.world import LogStore, attempt, in_virtual_time
from tradewind.task_runner.log_streams.stream import (
    TAIL_MAX_BYTES,
    LogRecords,
    LogSinkFailed,
    LogStream,
    LogStreamLimits,
)


def records(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def events(data: bytes) -> list[str]:
    return [record["event"] for record in records(data)]


def fed(*pieces: bytes) -> bytes:
    log = LogRecords(lambda: EPOCH)
    return b"".join(map(log.feed, pieces)) + log.finish()


def test_raw_lines_become_records() -> None:
    assert records(fed(b"one\ntwo\r\nlast")) == [
        {"timestamp": EPOCH.isoformat(), "level": "info", "event": event, "logger": "task.stdout"}
        for event in ("one", "two", "last")
    ]


def test_structured_lines_pass_as_they_are() -> None:
    line = b'{"timestamp":"t","level":"error","event":"e","logger":"l","exception":"a\\nb"}'
    assert fed(b"\x1e" + line + b"\n") == line + b"\n"


def test_any_cut_gives_the_same_records() -> None:
    data = b'raw\n\x1e{"event":"structured"}\n\xc3\xa9t\xc3\xa9\n\n\x1enot json\n\x1e[1]\n\xff\xfe\nend'
    whole = fed(data)
    assert events(whole) == ["raw", "structured", "été", "\x1enot json", "\x1e[1]", "\ufffd\ufffd", "end"]
    for cut in range(len(data)):
        assert fed(data[:cut], data[cut:]) == whole


def test_endless_line_is_cut() -> None:
    out = fed(*[b"x" * 50_000] * 10)
    assert sum(len(event) for event in events(out)) == 500_000
    assert max(len(event) for event in events(out)) <= 100_000


Run = Callable[[LogStream, LogStore], Coroutine[Any, Any, None]]


async def streaming(run: Run, limits: LogStreamLimits | None = None) -> LogStore:
    store = LogStore()
    async with asyncio.TaskGroup() as group:
        log = LogStream(
            attempt_id=attempt(1),
            token="token-1",
            sink=store,
            clock=lambda: EPOCH,
            spawn=lambda coroutine, name: group.create_task(coroutine, name=name),
            limits=limits or LogStreamLimits(),
        )
        await run(log, store)
    return store


async def everything(log: LogStream, store: LogStore) -> list[str]:
    """All events in order, the tail at its place; checks that numbers have no gap."""
    sequence, tail = await log.finish()
    assert len(tail) <= TAIL_MAX_BYTES + 1000
    numbers = [number for _, number in sorted(store.chunks)]
    assert numbers == list(range(len(numbers)))
    assert sequence == len(numbers)
    return events(b"".join(store.chunks[place] for place in sorted(store.chunks)) + tail)


@in_virtual_time
async def test_short_attempt_streams_nothing() -> None:
    async def run(log: LogStream, store: LogStore) -> None:
        await log.feed(b"one\n")
        await asyncio.sleep(0.4)
        assert await everything(log, store) == ["one"]
        assert store.calls == []

    await streaming(run)


@in_virtual_time
async def test_long_attempt_streams_what_it_wrote_before_and_after() -> None:
    async def run(log: LogStream, store: LogStore) -> None:
        await log.feed(b"one\n")
        await asyncio.sleep(0.6)
        assert events(store.chunks[1, 0]) == ["one"]
        await log.feed(b"two\n")
        await asyncio.sleep(1)
        await log.feed(b"three\n")
        assert await everything(log, store) == ["one", "two", "three"]

    await streaming(run)


@in_virtual_time
async def test_chunks_are_spaced_out() -> None:
    async def run(log: LogStream, store: LogStore) -> None:
        for number in range(1000):
            await log.feed(b"line %d\n" % number)
            await asyncio.sleep(0.01)
        assert 15 <= len(store.calls) <= 21
        assert len(await everything(log, store)) == 1000

    await streaming(run)


@in_virtual_time
async def test_much_output_streams_at_once_and_arrives_whole() -> None:
    async def run(log: LogStream, store: LogStore) -> None:
        lines = [b"line %06d %s\n" % (number, b"x" * 80) for number in range(30_000)]
        for start in range(0, len(lines), 500):
            await log.feed(b"".join(lines[start : start + 500]))
        seen = await everything(log, store)
        assert [event.split()[1] for event in seen] == [f"{number:06}" for number in range(30_000)]
        assert max(map(len, store.chunks.values())) <= TAIL_MAX_BYTES

    await streaming(run)


@in_virtual_time
async def test_lost_answers_store_each_chunk_once() -> None:
    async def run(log: LogStream, store: LogStore) -> None:
        store.loses_answers = 3
        await log.feed(b"one\n")
        await asyncio.sleep(10)
        await log.feed(b"two\n")
        await asyncio.sleep(10)
        assert store.calls == [(1, 0)] * 4 + [(1, 1)]
        assert await everything(log, store) == ["one", "two"]

    await streaming(run)


@in_virtual_time
async def test_store_that_is_away_holds_output_back_then_drops_it_and_says_so() -> None:
    async def run(log: LogStream, store: LogStore) -> None:
        store.failure = LogSinkFailed("away", retryable=True)
        loop = asyncio.get_running_loop()
        line = b"x" * 1000 + b"\n"
        for _ in range(5000):
            await log.feed(line)
        assert 5.0 <= loop.time() < 12.0
        assert log.dropped_bytes > 3_000_000
        store.failure = None
        await asyncio.sleep(20)
        await log.feed(b"back again\n")
        seen = await everything(log, store)
        assert seen[-1] == "back again"
        note = next(event for event in seen if "dropped" in event)
        assert seen.index(note) == len(seen) - 2
        assert int(note.split()[0]) > 3_000_000

    await streaming(run)


@in_virtual_time
async def test_end_without_the_store_keeps_the_tail_and_says_what_is_missing() -> None:
    async def run(log: LogStream, store: LogStore) -> None:
        store.failure = LogSinkFailed("away", retryable=True)
        for number in range(900):
            await log.feed(b"%06d %s\n" % (number, b"x" * 1000))
        sequence, tail = await log.finish()
        assert sequence >= 1
        seen = events(tail)
        assert "dropped" in seen[-1]
        assert seen[-2].startswith("000899 ")

    await streaming(run)


@in_virtual_time
async def test_refusal_stops_streaming_and_keeps_the_tail() -> None:
    async def run(log: LogStream, store: LogStore) -> None:
        store.failure = LogSinkFailed("not current", retryable=False)
        await log.feed(b"one\n")
        await asyncio.sleep(5)
        await log.feed(b"two\n")
        await asyncio.sleep(5)
        assert len(store.calls) == 1
        _, tail = await log.finish()
        assert events(tail)[-1] == "two"

    await streaming(run)


@in_virtual_time
async def test_note_follows_the_unfinished_line() -> None:
    async def run(log: LogStream, store: LogStore) -> None:
        await log.feed(b"half a line")
        log.note("error", "the end")
        assert await everything(log, store) == ["half a line", "the end"]

    await streaming(run)


@in_virtual_time
async def test_a_log_that_is_too_long_keeps_its_beginning_and_its_end_and_says_so() -> None:
    limits = LogStreamLimits(max_bytes=100_000)
    seen: list[str] = []

    async def run(log: LogStream, store: LogStore) -> None:
        for number in range(5000):
            await log.feed(f"line {number:06} {'x' * 80}\n".encode())
        log.note("error", "killed")
        seen.extend(await everything(log, store))

    store = await streaming(run, limits)

    lines = [event for event in seen if event.startswith("line ")]
    numbers = [int(line.split()[1]) for line in lines]
    missing = next(index for index, number in enumerate(numbers) if index != number)
    assert numbers == [*range(missing), *range(5000 - len(numbers) + missing, 5000)]
    told, dropped = [event for event in seen if not event.startswith("line ")][:2]
    assert told == (
        "the log is longer than 100000 bytes (TRADEWIND__TASK_RUNNER__MAX_LOG_BYTES): of the rest its end is kept"
    )
    record_bytes = len(fed(f"{lines[0]}\n".encode()))
    assert dropped == f"{(5000 - len(numbers)) * record_bytes} bytes of log dropped: it is too long"
    assert seen[-1] == "killed"
    assert sum(map(len, store.chunks.values())) < 100_000 + 100_000


@in_virtual_time
async def test_a_log_that_is_just_short_enough_says_nothing() -> None:
    line = b"x" * 1000 + b"\n"
    limits = LogStreamLimits(max_bytes=50 * len(fed(line)) + 1)
    seen: list[str] = []

    async def run(log: LogStream, store: LogStore) -> None:
        await log.feed(line * 50)
        seen.extend(await everything(log, store))

    await streaming(run, limits)
    assert len(seen) == 50
