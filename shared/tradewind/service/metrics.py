"""The telemetry seam: a service's counters, gauges and histograms on the registry that it was given.

All names begin with the service's, so that several services of one process may share a registry.
"""

import asyncio
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS_BUCKETS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
SIZE_BUCKETS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

LOOP_BUSY_SINCE: Final = "loop_busy_since_seconds"
LOOP_LAST_TURN: Final = "loop_last_turn_seconds"
LOOP_INTERVAL: Final = "loop_interval_seconds"


class Telemetry:
    """Makes metrics named `tradewind_<service>_<name>` on one registry."""

    def __init__(self, registry: CollectorRegistry, *, service: str) -> None:
        self._registry = registry
        self._service = service
        self._retries = self.counter("retries_total", "Waits after a failure outside the process", ("operation",))
        self._busy_since = self.gauge(LOOP_BUSY_SINCE, "Loop clock when the turn under way began; 0 = idle", ("loop",))
        self._last_turn = self.gauge(LOOP_LAST_TURN, "Loop clock when the last turn ended", ("loop",))
        self._interval = self.gauge(LOOP_INTERVAL, "Longest wait between two turns; 0 = waits for messages", ("loop",))

    def counter(self, name: str, documentation: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(self._full(name), documentation, labels, registry=self._registry)

    def gauge(self, name: str, documentation: str, labels: Sequence[str] = ()) -> Gauge:
        return Gauge(self._full(name), documentation, labels, registry=self._registry)

    def seconds(self, name: str, documentation: str, labels: Sequence[str] = ()) -> Histogram:
        """A histogram of durations, from half a millisecond to ten seconds."""
        return Histogram(self._full(name), documentation, labels, registry=self._registry, buckets=SECONDS_BUCKETS)

    def sizes(self, name: str, documentation: str, labels: Sequence[str] = ()) -> Histogram:
        """A histogram of counts, from 1 to 1000."""
        return Histogram(self._full(name), documentation, labels, registry=self._registry, buckets=SIZE_BUCKETS)

    def count_retry(self, operation: str) -> None:
        """One more wait after a failed operation."""
        self._retries.labels(operation).inc()

    def loop(self, name: str, *, interval_seconds: float = 0.0) -> "LoopTelemetry":
        """Tells `/health` that this loop lives. `interval_seconds`: its longest wait between two turns; 0 = it waits
        for messages, however long."""
        self._interval.labels(name).set(interval_seconds)
        return LoopTelemetry(self._busy_since.labels(name), self._last_turn.labels(name))

    def _full(self, name: str) -> str:
        return f"tradewind_{self._service}_{name}"


class LoopTelemetry:
    """Marks the turns of one loop."""

    def __init__(self, busy_since: Gauge, last_turn: Gauge) -> None:
        self._busy_since = busy_since
        self._last_turn = last_turn

    @contextmanager
    def turn(self) -> Generator[None]:
        """One turn, from wake-up until the loop waits again."""
        loop = asyncio.get_running_loop()
        self._busy_since.set(loop.time())
        try:
            yield
        finally:
            self._busy_since.set(0.0)
            self._last_turn.set(loop.time())
