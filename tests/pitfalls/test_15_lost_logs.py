"""Row 15: a worker is gone, and with it the log of the task that it ran."""

import asyncio
from uuid import UUID

import pytest

from tests.simulation.virtual_time import run_in_virtual_time
from tradewind.service.clock import utc_now
from tradewind.task_runner.log_streams.stream import LogStream, LogStreamLimits

ATTEMPT = UUID(int=1)
LINES = 20


class Store:
    """Takes chunks as the execution API would."""

    def __init__(self) -> None:
        self.chunks: dict[int, bytes] = {}

    async def append(self, attempt_id: UUID, token: str, sequence: int, records: bytes) -> None:
        self.chunks.setdefault(sequence, records)


async def _stored_of_a_dead_worker(limits: LogStreamLimits) -> bytes:
    """A task prints a line a second, then its worker is killed."""
    store = Store()
    async with asyncio.TaskGroup() as group:
        stream = LogStream(
            attempt_id=ATTEMPT,
            token="token",
            sink=store,
            clock=utc_now,
            spawn=lambda work, name: group.create_task(_alone(work), name=name),
            limits=limits,
        )
        for number in range(LINES):
            await stream.feed(f"line {number}\n".encode())
            await asyncio.sleep(1.0)
        stored = b"".join(store.chunks.values())
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
    return stored


async def _alone(work: object) -> None:
    await work  # pyright: ignore[reportGeneralTypeIssues]


def stored(limits: LogStreamLimits) -> bytes:
    """What can be read afterwards."""
    seen: list[bytes] = []

    async def life() -> None:
        seen.append(await _stored_of_a_dead_worker(limits))

    run_in_virtual_time(life())
    return seen[0]


def test_what_was_printed_is_stored_while_the_task_runs() -> None:
    assert f"line {LINES - 1}".encode() in stored(LogStreamLimits())


@pytest.mark.parametrize("seconds", [1e6])
def test_kept_until_the_end_it_would_be_lost(seconds: float) -> None:
    assert stored(LogStreamLimits(stream_after_seconds=seconds)) == b""
