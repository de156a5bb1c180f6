"""A worker of some pools only: messages of other pools' tasks are left to other workers."""

import asyncio
from collections.abc import Sequence
from typing import Final

from tradewind.bus.port import Batch, Delivery

_HOLD_SECONDS: Final = 0.1
_HOLD_AGAIN_SECONDS: Final = 1.0


class OtherPools:
    """Keeps messages of other pools for a moment and gives them back: so that they are not delivered to this worker
    again at once, longer if they have been given back before. One queue's; their number is bounded by its prefetch."""

    def __init__(self, pools: Sequence[str]) -> None:
        self._pools = frozenset(pools)

    def are_meant_by(self, pool: str) -> bool:
        """Whether a task of this pool is for another worker; "" = its message does not say, so it is not."""
        return bool(self._pools and pool) and pool not in self._pools

    async def give_back(self, batch: Batch, deliveries: Sequence[Delivery], *, leave: asyncio.Event) -> None:
        """After a while, or at once when the queue is left. Raises what the bus raises."""
        again = any(delivery.redelivered for delivery in deliveries)
        try:
            async with asyncio.timeout(_HOLD_AGAIN_SECONDS if again else _HOLD_SECONDS):
                await leave.wait()
        except TimeoutError:
            await batch.requeue(deliveries)
