"""All bundles of a dag processor: says which version a parse belongs to, and follows what no parse reads."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tradewind.core.errors import AdapterError
from tradewind.core.rows import DagFileParse
from tradewind.dag_processor.bundles.keeper import BundleKeeper
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger

PAUSE_SECONDS: Final = 1.0
"""Between two looks that events ask for: a program that writes to the folder all the time costs a listing a second."""


class Bundles:
    """One task at a time looks at folders."""

    def __init__(self, keepers: Sequence[BundleKeeper], *, refresh_interval_seconds: float) -> None:
        self._keepers = sorted(keepers, key=lambda keeper: len(keeper.prefix), reverse=True)
        self._refresh_interval_seconds = refresh_interval_seconds
        self._lock = asyncio.Lock()
        self._touched = asyncio.Event()

    def touch(self) -> None:
        """Something in the folders has changed."""
        self._touched.set()

    async def cover(self, parses: Sequence[DagFileParse]) -> list[DagFileParse]:
        """The parses, each with the version that holds what it read: stored now, if that is new."""
        async with self._lock:
            for keeper in self._keepers:
                if not all(keeper.covers(parse) for parse in parses if self._keeper(parse) is keeper):
                    await self._refresh(keeper)
            return [self._covered(parse) for parse in parses]

    async def run(self, stop: asyncio.Event) -> None:
        """Follow files that no parse reads, until `stop`: when events name something, else with each listing."""
        while not stop.is_set():
            self._touched.clear()
            async with self._lock:
                for keeper in self._keepers:
                    await self._refresh(keeper)
            await pause(stop, PAUSE_SECONDS)
            await pause(stop, self._refresh_interval_seconds, self._touched)

    def _covered(self, parse: DagFileParse) -> DagFileParse:
        keeper = self._keeper(parse)
        return replace(parse, bundle_name=keeper.name, bundle_version=keeper.version_of(parse))

    def _keeper(self, parse: DagFileParse) -> BundleKeeper:
        return next(keeper for keeper in self._keepers if parse.relative_fileloc.startswith(keeper.prefix))

    async def _refresh(self, keeper: BundleKeeper) -> None:
        try:
            await keeper.refresh()
        except AdapterError as exc:
            get_logger().warning("store.unavailable", error=str(exc), doing=f"storing the bundle {keeper.name}")
