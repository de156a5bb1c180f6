"""`Stats`: numbers that authors' code reports about itself. They go to the task's log at level DEBUG, under the
logger `tradewind.stats`, where a logging handler of a plugin can pick them up."""

import logging
import time
from typing import Any, Final, Self

log = logging.getLogger("tradewind.stats")


class Timer:
    """Measures a block; `duration` is in milliseconds once it is left."""

    def __init__(self, name: str | None, tags: dict[str, Any] | None = None) -> None:
        self._name, self._tags = name, tags
        self._began = 0.0
        self.duration: float | None = None

    def start(self) -> Self:
        """Begin to measure."""
        self._began = time.perf_counter()
        return self

    def stop(self, send: bool = True) -> None:
        """End measuring, and report it if `send`."""
        self.duration = (time.perf_counter() - self._began) * 1000.0
        if send and self._name is not None:
            Stats.timing(self._name, self.duration, tags=self._tags)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_raised: Any) -> None:
        self.stop()


class _Stats:
    """Counters, gauges and timings by name, each with tags."""

    def incr(self, stat: str, count: int = 1, rate: float = 1, *, tags: dict[str, Any] | None = None) -> None:
        """Count up."""
        log.debug("count %s +%s %s", stat, count, tags or {})

    def decr(self, stat: str, count: int = 1, rate: float = 1, *, tags: dict[str, Any] | None = None) -> None:
        """Count down."""
        log.debug("count %s -%s %s", stat, count, tags or {})

    def gauge(
        self, stat: str, value: float, rate: float = 1, delta: bool = False, *, tags: dict[str, Any] | None = None
    ) -> None:
        """Set a value, or change it by one if `delta`."""
        log.debug("gauge %s %s%s %s", stat, "by " if delta else "", value, tags or {})

    def timing(self, stat: str, dt: Any, *, tags: dict[str, Any] | None = None) -> None:
        """A duration in milliseconds, or a timedelta."""
        log.debug("timing %s %s %s", stat, dt, tags or {})

    def timer(self, stat: str | None = None, *args: Any, tags: dict[str, Any] | None = None, **kwargs: Any) -> Timer:
        """Measure a block."""
        return Timer(stat, tags)


Stats: Final = _Stats()
incr, decr, gauge, timing, timer = Stats.incr, Stats.decr, Stats.gauge, Stats.timing, Stats.timer
