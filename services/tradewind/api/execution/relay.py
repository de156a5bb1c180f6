"""Asks the collector, over the bus, what a worker asks it: a process that has no way to the broker is a worker of one
attempt, and the API speaks for it. Nothing of it is kept here: leases, grants and ends are rows."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from tradewind.api.errors import RequestTooLarge, Unanswered
from tradewind.bus.port import Bus, MessageTooLarge
from tradewind.core.errors import AdapterError
from tradewind.core.rows import Verdict
from tradewind.db.api.attempt_leases import Lease
from tradewind.service.logging import get_logger
from tradewind.service.tokens import AttemptClaims
from tradewind.task_runner.supervising.collector_client import RESEND, CollectorClient
from tradewind.wire.messages import (
    ClaimItem,
    ClaimRequest,
    ClaimVerdict,
    EndReport,
    Heartbeat,
    HeartbeatReply,
    TaskFinished,
    TaskInstanceKey,
)

TRIES: Final = 3
BEAT_SECONDS: Final = 3.0
"""To wait for the answer to a heartbeat: a lease has ten."""
KIND: Final = "single"
"""As whatever else is a worker of one attempt."""
ONLY_CLAIM: Final = 1
"""The nonce: a lease claims once, and asking again is the same claim."""

ReplyT = TypeVar("ReplyT")


def key_of(claims: AttemptClaims) -> TaskInstanceKey:
    """The try that an attempt belongs to."""
    return TaskInstanceKey(claims.dag_id, claims.task_id, claims.run_id, claims.try_number, claims.map_index)


class Relay:
    """Every method raises `Unanswered` if no collector answers: the caller asks again."""

    def __init__(self, bus: Bus) -> None:
        self._collector = CollectorClient(bus)

    async def beat(self, lease: Lease, *, hostname: str, pid: int, sequence: int, holds: bool) -> HeartbeatReply:
        """Register or renew the lease; a later beat has a higher sequence."""
        message = _heartbeat(lease, hostname=hostname, pid=pid, sequence=sequence, holds=holds)
        return await _asked(
            lambda _: self._collector.beat(message, timeout_seconds=BEAT_SECONDS), lambda reply: reply.verdict
        )

    async def leave(self, lease: Lease, *, hostname: str, pid: int) -> None:
        """Give the lease up; if that is not heard, it runs out."""
        message = _heartbeat(lease, hostname=hostname, pid=pid, sequence=0, holds=False, leaving=True)
        try:
            await self._collector.beat(message, timeout_seconds=BEAT_SECONDS)
        except AdapterError as exc:
            get_logger().warning("lease.left_to_run_out", attempt_id=str(lease.attempt_id), error=str(exc))

    async def claim(self, lease: Lease, claims: AttemptClaims) -> ClaimVerdict:
        """Ask for permission to run the attempt."""
        item = ClaimItem(key_of(claims), lease.attempt_id, ONLY_CLAIM)
        request = ClaimRequest(lease.worker_id, lease.incarnation, (item,))

        async def ask(failures: int) -> ClaimVerdict:
            (verdict,) = (await self._collector.claim(request, failures=failures)).items
            return verdict

        return await _asked(ask, lambda verdict: verdict.verdict)

    async def report(self, lease: Lease, finished: TaskFinished) -> str:
        """Hand the attempt's end over; the verdict. Raises `RequestTooLarge`."""
        report = EndReport(lease.worker_id, lease.incarnation, (finished,))

        async def ask(failures: int) -> str:
            (verdict,) = (await self._collector.report(report, failures=failures)).items
            return verdict.verdict

        return await _asked(ask, lambda verdict: verdict)


async def _asked(ask: Callable[[int], Awaitable[ReplyT]], verdict_of: Callable[[ReplyT], str]) -> ReplyT:
    """The first answer that is final."""
    for failures in range(TRIES):
        if failures:
            await asyncio.sleep(RESEND.delay_seconds(failures, 0.0))
        try:
            reply = await ask(failures)
        except MessageTooLarge as exc:
            raise RequestTooLarge(f"The end of the attempt is larger than the message bus takes: {exc}") from exc
        except AdapterError as exc:
            get_logger().warning("collector.silent", failures=failures + 1, error=str(exc))
        else:
            if verdict_of(reply) != Verdict.RETRY:
                return reply
    raise Unanswered("No collector answers at the moment: try again")


def _heartbeat(
    lease: Lease, *, hostname: str, pid: int, sequence: int, holds: bool, leaving: bool = False
) -> Heartbeat:
    return Heartbeat(
        worker_id=lease.worker_id,
        incarnation=lease.incarnation,
        sequence=sequence,
        hostname=hostname,
        pid=pid,
        kind=KIND,
        queues=(),
        concurrency=1,
        attempts=(lease.attempt_id,) if holds else (),
        leaving=leaving,
    )
