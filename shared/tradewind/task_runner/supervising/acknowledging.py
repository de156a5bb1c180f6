"""Acknowledging deliveries apart from whoever decides about them: what was decided meanwhile is one call per batch."""

import asyncio
from typing import Final, NoReturn

from tradewind.bus.port import Batch, Delivery
from tradewind.core.errors import AdapterError
from tradewind.service.logging import get_logger

_FLUSH_SECONDS: Final = 5.0


class Acknowledger:
    """Note what is done with, at any time; `run` tells the bus. What the bus cannot be told is delivered again, which
    does no harm. The number of unsettled deliveries bounds what is held here."""

    def __init__(self) -> None:
        self._noted: list[tuple[Batch, Delivery]] = []
        self._has_noted = asyncio.Event()

    def note(self, batch: Batch, delivery: Delivery) -> None:
        """It is done with."""
        self._noted.append((batch, delivery))
        self._has_noted.set()

    async def run(self) -> NoReturn:
        """Until cancelled."""
        while True:
            await self._has_noted.wait()
            await self._acknowledge()

    async def flush(self) -> None:
        """Acknowledge what is noted now; gives up after some seconds."""
        try:
            async with asyncio.timeout(_FLUSH_SECONDS):
                await self._acknowledge()
        except TimeoutError:
            get_logger().warning("deliveries.unacknowledged", deliveries=len(self._noted))

    async def _acknowledge(self) -> None:
        noted, self._noted = self._noted, []
        self._has_noted.clear()
        groups: dict[int, tuple[Batch, list[Delivery]]] = {}
        for batch, delivery in noted:
            groups.setdefault(id(batch), (batch, []))[1].append(delivery)
        for batch, deliveries in groups.values():
            try:
                await batch.ack(deliveries)
            except AdapterError as exc:
                get_logger().warning("deliveries.unacknowledged", deliveries=len(deliveries), error=str(exc))
