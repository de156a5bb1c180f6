"""Claiming: nothing runs before the collector has granted it."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from typing import NoReturn
from uuid import UUID

from tradewind.core.errors import AdapterError
from tradewind.core.rows import Verdict
from tradewind.service.logging import get_logger
from tradewind.task_runner.supervising.attempts import Attempt, Offer, Roster
from tradewind.task_runner.supervising.collector_client import RESEND, CollectorClient
from tradewind.task_runner.supervising.flights import fly
from tradewind.task_runner.supervising.metrics import SupervisorMetrics
from tradewind.wire.messages import ClaimItem, ClaimRequest, ClaimVerdict


class ClaimLoop:
    """Claims everything that waits, as far as there are slots. An unanswered claim is sent again as it was, with its
    nonce: if it had been granted, the same grant comes again."""

    def __init__(
        self,
        *,
        worker_id: str,
        roster: Roster,
        collector: CollectorClient,
        launch: Callable[[Attempt], None],
        expire: Callable[[UUID], None],
        metrics: SupervisorMetrics,
    ) -> None:
        self._worker_id = worker_id
        self._roster = roster
        self._collector = collector
        self._launch = launch
        self._expire = expire
        self._metrics = metrics
        self._nonces = itertools.count(1)
        self._log = get_logger(worker_id=worker_id)

    async def run(self) -> NoReturn:
        """Until cancelled."""
        await fly(self._next_batch, self.claim, name="claim")

    async def _next_batch(self) -> Sequence[Offer]:
        while True:
            await self._roster.registered.wait()
            await self._roster.work.wait()
            if self._roster.registered.is_set() and (taken := self._roster.take_claimable()):
                return taken

    async def claim(self, offers: Sequence[Offer]) -> None:
        """Claim these until each has an answer, or until the incarnation is given up: then they wait again."""
        incarnation = self._roster.incarnation
        open_claims = {
            offer.attempt_id: (offer, ClaimItem(offer.key, offer.attempt_id, next(self._nonces))) for offer in offers
        }
        failures = 0
        while open_claims and self._roster.incarnation == incarnation:
            request = ClaimRequest(self._worker_id, incarnation, tuple(item for _, item in open_claims.values()))
            try:
                reply = await self._collector.claim(request, failures=failures)
            except AdapterError as exc:
                self._log.warning("claim.unanswered", attempts=len(open_claims), failures=failures + 1, error=str(exc))
            else:
                for verdict in reply.items:
                    claim = open_claims.get(verdict.attempt_id)
                    if claim is not None and self._settle(claim[0], verdict, incarnation):
                        del open_claims[verdict.attempt_id]
            failures += 1
            if open_claims and self._roster.incarnation == incarnation:
                await asyncio.sleep(RESEND.delay_seconds(failures, 0.0))
        for offer, _ in open_claims.values():
            self._roster.unclaim(offer)

    def _settle(self, offer: Offer, answer: ClaimVerdict, incarnation: UUID) -> bool:
        """Whether the answer is final."""
        if self._roster.incarnation != incarnation:
            return False
        self._metrics.claims.labels(answer.verdict).inc()
        match answer.verdict:
            case Verdict.DONE if answer.grant is not None:
                self._launch(self._roster.start(offer, answer.grant))
                return True
            case Verdict.SUPERSEDED:
                self._log.info("claim.superseded", attempt_id=str(offer.attempt_id))
                self._roster.refuse(offer)
                return True
            case Verdict.EXPIRED:
                self._expire(incarnation)
                return False
            case _:
                return False
