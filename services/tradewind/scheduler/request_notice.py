"""Tells dag processors that authors' code is to be asked something."""

from tradewind.bus.port import Bus, Message
from tradewind.core.errors import AdapterError
from tradewind.service.logging import get_logger
from tradewind.wire.codec import encode
from tradewind.wire.messages import DagRequestsCreated
from tradewind.wire.queues import DAG_REQUESTS


class RequestNotice:
    """A nudge: what is lost, the dag processors' own look at the rows finds."""

    def __init__(self, *, bus: Bus) -> None:
        self._bus = bus
        self._log = get_logger()

    async def send(self, count: int) -> None:
        """After the commit of so many requests; without any, nothing is sent."""
        if not count:
            return
        try:
            await self._bus.broadcast(DAG_REQUESTS, Message(body=encode(DagRequestsCreated(count=count))))
        except AdapterError as exc:
            self._log.warning("bus.unavailable", sending="dag_requests_created", error=str(exc))
