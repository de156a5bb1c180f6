"""Requests in batches: one at a time as long as answers come quickly, a few at once when one is late."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NoReturn, TypeVar

ItemT = TypeVar("ItemT")

_LATE_SECONDS: Final = 0.25
_FLIGHTS_MAX: Final = 4


async def fly(
    next_batch: Callable[[], Awaitable[Sequence[ItemT]]],
    send: Callable[[Sequence[ItemT]], Awaitable[None]],
    *,
    name: str,
) -> NoReturn:
    """Send batch after batch until cancelled. What arrives while one is under way becomes the next one; a batch whose
    answer is late (lost, or the collector is away) holds nobody else up."""
    places = asyncio.Semaphore(_FLIGHTS_MAX)
    async with asyncio.TaskGroup() as group:
        while True:
            await places.acquire()
            batch = await next_batch()
            landed = asyncio.Event()
            group.create_task(_fly_one(send, batch, landed, places), name=name)
            try:
                async with asyncio.timeout(_LATE_SECONDS):
                    await landed.wait()
            except TimeoutError:
                continue


async def _fly_one(
    send: Callable[[Sequence[ItemT]], Awaitable[None]],
    batch: Sequence[ItemT],
    landed: asyncio.Event,
    places: asyncio.Semaphore,
) -> None:
    try:
        await send(batch)
    finally:
        landed.set()
        places.release()
