"""Settling deliveries apart from whoever decides about them: whatever was decided meanwhile is one call per batch."""

import asyncio
from typing import Final, NoReturn

from tradewind.bus.port import Batch, Delivery
from tradewind.core.errors import AdapterError
from tradewind.service.logging import get_logger

_FLUSH_SECONDS: Final = 5.0


class Acknowledger:
    """Note what becomes of deliveries, at any time; `run` tells the bus. What the bus cannot be told is delivered
    again, which does no harm. The number of unsettled deliveries bounds what is held here."""

    def __init__(self) -> None:
        self._noted: list[tuple[Batch, Delivery, bool]] = []
        self._has_noted = asyncio.Event()

    def note(self, batch: Batch, delivery: Delivery, *, requeue: bool = False) -> None:
        """It is done with, or is to go back to its queue."""
        self._noted.append((batch, delivery, requeue))
        self._has_noted.set()

    async def run(self) -> NoReturn:
        """Until cancelled."""
        while True:
            await self._has_noted.wait()
            await self._settle_noted()

    async def flush(self) -> None:
        """Settle what is noted now; gives up after some seconds."""
        try:
            async with asyncio.timeout(_FLUSH_SECONDS):
                await self._settle_noted()
        except TimeoutError:
            get_logger().warning("deliveries.unsettled", deliveries=len(self._noted))

    async def _settle_noted(self) -> None:
        noted, self._noted = self._noted, []
        self._has_noted.clear()
        groups: dict[tuple[int, bool], tuple[Batch, list[Delivery]]] = {}
        for batch, delivery, requeue in noted:
            groups.setdefault((id(batch), requeue), (batch, []))[1].append(delivery)
        for (_, requeue), (batch, deliveries) in groups.items():
            try:
                await (batch.requeue(deliveries) if requeue else batch.ack(deliveries))
            except AdapterError as exc:
                get_logger().warning("deliveries.unsettled", deliveries=len(deliveries), error=str(exc))
