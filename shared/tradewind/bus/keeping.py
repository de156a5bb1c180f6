"""Using what may be lost at any moment, again and again: a connection, a stretch of consuming."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

from tradewind.bus.port import BusUnavailable, QueueInUse
from tradewind.service.backoff import Backoff

_SHORT_LIFE_SECONDS: Final = 1.0
"""What is lost this soon after it began counts as a failure to begin: the next wait is longer."""


async def keep_using(
    use: Callable[[], Awaitable[None]],
    *,
    backoff: Backoff,
    on_loss: Callable[[str, float], None],
    jitter: Callable[[], float] = float,
) -> NoReturn:
    """Await `use` for ever: it returns, or raises `BusUnavailable` or `QueueInUse`, when what it uses is lost or
    cannot be had. `on_loss` is then told why and how many seconds it will be until the next time. Raises whatever
    else `use` raises."""
    loop = asyncio.get_running_loop()
    failures = 0
    while True:
        began = loop.time()
        try:
            await use()
            why = "it ended"
        except (BusUnavailable, QueueInUse) as exc:
            why = str(exc)
        failures = 1 if loop.time() - began > _SHORT_LIFE_SECONDS else failures + 1
        delay = backoff.delay_seconds(failures, jitter())
        on_loss(why, round(delay, 3))
        await asyncio.sleep(delay)
