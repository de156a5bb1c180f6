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
        self._problems = {(name, "entry"): problem for name, problem in problems.items()}
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

    async def report(self, name: str, about: str, problem: str | None) -> None:
        """What is wrong with a bundle now, and with what of it; None = nothing."""
        key = (name, about)
        if problem != self._problems.get(key):
            self._is_written = False
            if problem is None:
                del self._problems[key]
                self._log.info("bundle.usable", bundle=name, about=about)
            else:
                self._problems[key] = problem
                self._log.error("bundle.unusable", bundle=name, about=about, error=problem)
            self._gauge.labels(name).set(name in self._texts())
        await self.write()

    def _texts(self) -> dict[str, str]:
        texts: dict[str, str] = {}
        for (name, _), problem in sorted(self._problems.items()):
            texts[name] = f"{texts[name]}\n{problem}" if name in texts else problem
        return texts

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
            await self._store.configure_bundles(self._names, self._texts(), self._clock())
        except AdapterError as exc:
            self._log.warning("store.unavailable", error=str(exc), doing="configure_bundles")
        else:
            self._is_written = True
