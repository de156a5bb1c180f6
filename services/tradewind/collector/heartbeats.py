"""Heartbeats: workers renew their leases and name their attempts; they hear which of them to kill."""

from collections.abc import Sequence
from uuid import UUID

from tradewind.collector.answering import Answers, Push
from tradewind.collector.ends import nudges
from tradewind.core.clock import Clock
from tradewind.core.rows import BeatAnswer, Verdict, WorkerBeat
from tradewind.db.store import CollectorStore
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.wire.messages import Heartbeat, HeartbeatReply, KillAttempts
from tradewind.wire.queues import worker_queue

WorkerKey = tuple[str, UUID]
"""(worker id, incarnation)."""


class HeartbeatHandler:
    """Records beats."""

    def __init__(self, *, store: CollectorStore, clock: Clock, telemetry: Telemetry) -> None:
        self._store = store
        self._clock = clock
        self._expired = telemetry.counter("heartbeats_expired_total", "Beats of workers that had been given up")
        self._lost = telemetry.counter("lost_grants_total", "Running attempts that their worker did not know of")
        self._kills = telemetry.counter("kills_total", "Attempts that workers were told to kill")
        self._log = get_logger()

    def check(self, request: Heartbeat) -> None:
        """Every heartbeat that can be decoded can be answered."""

    def retry(self, request: Heartbeat) -> HeartbeatReply:
        return HeartbeatReply(verdict=Verdict.RETRY)

    def refusal(self, request: Heartbeat) -> HeartbeatReply:
        """Not `expired`, which would make a worker kill what it runs for a beat that was garbled on its way."""
        return HeartbeatReply(verdict=Verdict.RETRY)

    async def answer(self, requests: Sequence[Heartbeat]) -> Answers:
        """One transaction for the latest beat of each worker."""
        latest = _latest_beats(requests)
        beats = [_beat(request) for request in latest.values()]
        answers = await self._store.record_beats(beats, self._clock()) if beats else ()
        by_worker = dict(zip(latest, answers, strict=True))
        pushes = [push for answer in answers for push in self._pushes(answer)]
        return Answers(replies=[_reply(by_worker[_key(request)]) for request in requests], pushes=pushes)

    def _pushes(self, answer: BeatAnswer) -> list[Push]:
        """The reply names what to kill already; the push reaches a worker whose reply is lost."""
        if answer.verdict is Verdict.EXPIRED:
            self._expired.inc()
            self._log.warning("worker.expired", worker=answer.worker_id, incarnation=answer.incarnation)
        self._lost.inc(len(answer.ended))
        pushes = nudges(answer.ended)
        if answer.kill:
            self._kills.inc(len(answer.kill))
            self._log.info("attempts.killed", worker=answer.worker_id, attempts=answer.kill)
            pushes.append(Push(worker_queue(answer.worker_id), KillAttempts(attempts=answer.kill)))
        return pushes


def _latest_beats(requests: Sequence[Heartbeat]) -> dict[WorkerKey, Heartbeat]:
    latest: dict[WorkerKey, Heartbeat] = {}
    for request in requests:
        known = latest.get(_key(request))
        if known is None or known.sequence < request.sequence:
            latest[_key(request)] = request
    return latest


def _key(request: Heartbeat) -> WorkerKey:
    return request.worker_id, request.incarnation


def _reply(answer: BeatAnswer) -> HeartbeatReply:
    return HeartbeatReply(verdict=answer.verdict, kill=answer.kill, drain=answer.drain)


def _beat(request: Heartbeat) -> WorkerBeat:
    return WorkerBeat(
        worker_id=request.worker_id,
        incarnation=request.incarnation,
        hostname=request.hostname,
        pid=request.pid,
        kind=request.kind,
        queues=request.queues,
        concurrency=request.concurrency,
        attempt_ids=request.attempts,
        sequence=request.sequence,
        leaving=request.leaving,
        tags=request.tags,
        pools=request.pools,
        draining=request.draining,
    )
