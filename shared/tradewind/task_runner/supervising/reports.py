"""Reporting ends: each is kept until the collector has given a final answer, however long that takes."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NoReturn
from uuid import UUID

import msgspec

from tradewind.bus.port import MessageTooLarge
from tradewind.core.errors import AdapterError
from tradewind.core.rows import Verdict
from tradewind.core.states import EndCause, Outcome
from tradewind.service.logging import get_logger
from tradewind.task_runner.supervising.attempts import KeptEnd, Roster
from tradewind.task_runner.supervising.collector_client import RESEND, CollectorClient
from tradewind.task_runner.supervising.flights import fly
from tradewind.task_runner.supervising.metrics import SupervisorMetrics
from tradewind.wire.messages import EndReport, TaskFinished

_REPORT_MAX_BYTES: Final = 4 * 1024 * 1024
_REPORT_MAX_ITEMS: Final = 500


class ReportLoop:
    """Reports every end that waits, in as few messages as their size allows."""

    def __init__(
        self,
        *,
        worker_id: str,
        roster: Roster,
        collector: CollectorClient,
        expire: Callable[[UUID], None],
        metrics: SupervisorMetrics,
    ) -> None:
        self._worker_id = worker_id
        self._roster = roster
        self._collector = collector
        self._expire = expire
        self._metrics = metrics
        self._log = get_logger(worker_id=worker_id)

    async def run(self) -> NoReturn:
        """Until cancelled."""
        await fly(self._next_batch, self.report, name="report")

    async def _next_batch(self) -> Sequence[KeptEnd]:
        await self._roster.reports.wait()
        return self._roster.take_unsent(_REPORT_MAX_BYTES, _REPORT_MAX_ITEMS)

    async def report(self, ends: Sequence[KeptEnd]) -> None:
        """Report these until each has its final answer, or until their incarnation is given up."""
        open_ends = {end.finished.attempt_id: end for end in ends}
        incarnation = ends[0].incarnation
        failures = 0
        while open_ends and self._roster.incarnation == incarnation:
            report = EndReport(self._worker_id, incarnation, tuple(end.finished for end in open_ends.values()))
            try:
                reply = await self._collector.report(report, failures=failures)
            except MessageTooLarge as exc:
                open_ends = self._shrink(open_ends, exc)
            except AdapterError as exc:
                self._log.warning("report.unanswered", attempts=len(open_ends), failures=failures + 1, error=str(exc))
            else:
                for verdict in reply.items:
                    end = open_ends.get(verdict.attempt_id)
                    if end is not None and self._settle(end, verdict.verdict):
                        del open_ends[verdict.attempt_id]
            failures += 1
            if open_ends and self._roster.incarnation == incarnation:
                await asyncio.sleep(RESEND.delay_seconds(failures, 0.0))

    def _settle(self, end: KeptEnd, verdict: str) -> bool:
        """Whether the answer is final."""
        self._metrics.end_verdicts.labels(verdict).inc()
        match verdict:
            case Verdict.DONE | Verdict.SUPERSEDED:
                if verdict == Verdict.SUPERSEDED:
                    self._log.info("end.superseded", attempt_id=str(end.finished.attempt_id))
                self._roster.drop_end(end)
                end.offer.ended(end.finished, verdict)
                return True
            case Verdict.EXPIRED:
                self._expire(end.incarnation)
                return False
            case _:
                return False

    def _shrink(self, ends: dict[UUID, KeptEnd], exc: MessageTooLarge) -> dict[UUID, KeptEnd]:
        """A message that no bus takes would be sent for ever: the largest end gives up what it carries."""
        largest = max(ends.values(), key=lambda end: end.size_bytes)
        self._log.error("end.too_large", attempt_id=str(largest.finished.attempt_id), error=str(exc))
        smaller = self._roster.replace_end(largest, _without_payload(largest.finished))
        return {**ends, smaller.finished.attempt_id: smaller}


def _without_payload(finished: TaskFinished) -> TaskFinished:
    return msgspec.structs.replace(
        finished,
        outcome=Outcome.FAILED,
        cause=EndCause.USER_ERROR,
        detail="the result (XComs, rendered fields, effects) is larger than the message bus takes",
        xcoms=(),
        log=b"",
        rendered_fields=None,
        effects=None,
    )
