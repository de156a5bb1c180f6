"""Waiting longer after each failure, up to a cap, with jitter that is passed in."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tradewind.core.clock import IdFactory
from tradewind.core.errors import AdapterError
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry

ResultT = TypeVar("ResultT")

Jitter = Callable[[], float]
"""Returns a number in [0, 1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Exponential delays: `initial_seconds`, times `factor` for each further failure, at most `cap_seconds`."""

    initial_seconds: float = 0.1
    factor: float = 2.0
    cap_seconds: float = 5.0
    jitter_share: float = 0.5
    """Share of the delay that jitter may take away: many waiters do not return in step."""

    def delay_seconds(self, failures: int, jitter: float) -> float:
        """Seconds to wait after this many failures in a row (1 or more); `jitter` in [0, 1)."""
        growth = self.factor ** min(failures - 1, 64)
        return min(self.cap_seconds, self.initial_seconds * growth) * (1.0 - self.jitter_share * jitter)


def jitter_from(new_id: IdFactory) -> Jitter:
    """Jitter drawn from the random end of fresh ids, so that a simulation that owns the ids owns the jitter."""
    return lambda: (new_id().int & 0xFFFF_FFFF) / 0x1_0000_0000


async def retrying(
    operation: Callable[[], Awaitable[ResultT]],
    *,
    name: str,
    stop: asyncio.Event,
    jitter: Jitter,
    telemetry: Telemetry,
    backoff: Backoff | None = None,
) -> ResultT:
    """Do `operation` until it succeeds, waiting after each retryable `AdapterError`; each wait is logged as
    `<name>.retried` and counted. Raises what is not retryable at once, and the last failure once `stop` is set."""
    waits = backoff or Backoff()
    failures = 0
    while True:
        try:
            return await operation()
        except AdapterError as exc:
            if not exc.retryable or stop.is_set():
                raise
            failures += 1
            delay = waits.delay_seconds(failures, jitter())
            telemetry.count_retry(name)
            get_logger().warning(f"{name}.retried", error=str(exc), failures=failures, delay_seconds=round(delay, 3))
            if await pause(stop, delay):
                raise
