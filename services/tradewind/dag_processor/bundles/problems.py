"""What is wrong with bundles as a whole: shown to people as import errors, and in the metrics, until it is not."""

import asyncio
from collections.abc import Mapping, Sequence

from tradewind.core.clock import Clock
from tradewind.core.errors import AdapterError
from tradewind.db.bundles.store import BundleStore
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry


class BundleProblems:
    """Of all bundles that are configured. What the store did not take is written with the next report."""

    def __init__(
        self,
        names: Sequence[str],
        problems: Mapping[str, str],
        *,
        store: BundleStore,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._names = tuple(names)
        self._problems = dict(problems)
        self._store = store
        self._clock = clock
        self._is_written = False
        self._gauge = telemetry.gauge(
            "bundle_problems", "1: something is wrong with the bundle as a whole", ("bundle",)
        )
        self._log = get_logger(component="bundles")
        for name in names:
            self._gauge.labels(name).set(name in problems)
        for name, problem in problems.items():
            self._log.error("bundle.unusable", bundle=name, error=problem)

    async def report(self, name: str, problem: str | None) -> None:
        """What is wrong with a bundle now; None = nothing."""
        if problem != self._problems.get(name):
            self._is_written = False
            self._gauge.labels(name).set(problem is not None)
            if problem is None:
                del self._problems[name]
                self._log.info("bundle.usable", bundle=name)
            else:
                self._problems[name] = problem
                self._log.error("bundle.unusable", bundle=name, error=problem)
        await self.write()

    async def run(self, stop: asyncio.Event, interval_seconds: float) -> None:
        """Have the store know, until `stop`."""
        await self.write()
        while not await pause(stop, interval_seconds):
            await self.write()

    async def write(self) -> None:
        """Tell the store, unless it knows."""
        if self._is_written:
            return
        try:
            await self._store.configure_bundles(self._names, self._problems, self._clock())
        except AdapterError as exc:
            self._log.warning("store.unavailable", error=str(exc), doing="configure_bundles")
        else:
            self._is_written = True
