"""A worker's side of the requests to the collector: who asks, in which encoding, and for how long."""

from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec

from tradewind.bus.port import Bus, Message
from tradewind.core.errors import AdapterError
from tradewind.service.backoff import Backoff
from tradewind.wire.codec import UndecodableMessage, decode, encode
from tradewind.wire.messages import (
    ClaimReply,
    ClaimRequest,
    EndReply,
    EndReport,
    Heartbeat,
    HeartbeatReply,
)
from tradewind.wire.queues import CLAIMS, ENDS, HEARTBEATS

ReplyT = TypeVar("ReplyT")

_PATIENCE: Final = Backoff(initial_seconds=2.0, factor=1.5, cap_seconds=10.0)
RESEND: Final = Backoff(initial_seconds=0.05, cap_seconds=5.0)
"""Between a request that failed and the next."""


class CollectorUnclear(AdapterError):
    """The answer makes no sense; asking again may give a better one."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerIdentity:
    """Who a supervisor is to the collector, besides its incarnation."""

    worker_id: str
    hostname: str
    pid: int
    kind: str
    """`celery`, `local`, `sequential` or `single`."""
    queues: tuple[str, ...]
    concurrency: int
    """Slots; 0 = no limit."""
    tags: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    """Pools that it takes tasks of; none = of all."""


class CollectorClient:
    """Every method raises `AdapterError`; `failures` in a row make it wait longer for the answer."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def claim(self, request: ClaimRequest, *, failures: int) -> ClaimReply:
        """Ask for permission to run."""
        return await self._ask(CLAIMS, request, ClaimReply, patience_seconds(failures))

    async def report(self, report: EndReport, *, failures: int) -> EndReply:
        """Hand ends over."""
        return await self._ask(ENDS, report, EndReply, patience_seconds(failures))

    async def beat(self, heartbeat: Heartbeat, *, timeout_seconds: float) -> HeartbeatReply:
        """Renew the lease."""
        return await self._ask(HEARTBEATS, heartbeat, HeartbeatReply, timeout_seconds)

    async def _ask(self, queue: str, request: msgspec.Struct, kind: type[ReplyT], timeout_seconds: float) -> ReplyT:
        reply = await self._bus.request(queue, Message(body=encode(request)), timeout_seconds=timeout_seconds)
        try:
            return decode(reply.body, kind)
        except UndecodableMessage as exc:
            raise CollectorUnclear(str(exc)) from exc


def patience_seconds(failures: int) -> float:
    """How long to wait for an answer after this many failures."""
    return _PATIENCE.delay_seconds(failures + 1, 0.0)
