"""Waiting in tests: until something holds, never for a fixed time."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable


async def poll_until(
    predicate: Callable[[], bool] | Callable[[], Awaitable[bool]],
    timeout: float = 30.0,  # noqa: ASYNC109 - the budget of a whole poll, reported in the failure
    *,
    interval: float = 0.01,
) -> None:
    """Return once the predicate (plain or async) holds; fails the test with its name after `timeout` seconds.

    What is awaited takes a fraction of a second; the limit only keeps a test that fails from hanging, so that it leaves
    room for a machine with much else to do.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while True:
        answer = predicate()
        if await answer if inspect.isawaitable(answer) else answer:
            return
        if loop.time() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {inspect.getsource(predicate).strip()}")
        await asyncio.sleep(interval)
