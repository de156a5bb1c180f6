"""Claims: workers ask to run attempts; the store grants each to one of them, once."""

from collections.abc import Sequence

from tradewind.collector.answering import Answers
from tradewind.core.clock import Clock
from tradewind.core.rows import Claim, ClaimAnswer, GrantedRun, Verdict
from tradewind.db.store import CollectorStore
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.service.tokens import AttemptClaims, TokenSigner
from tradewind.wire.messages import ClaimItem, ClaimReply, ClaimRequest, ClaimVerdict, Grant


class ClaimHandler:
    """Grants claims, and mints the token that each granted attempt speaks with."""

    def __init__(self, *, store: CollectorStore, clock: Clock, signer: TokenSigner, telemetry: Telemetry) -> None:
        self._store = store
        self._clock = clock
        self._signer = signer
        self._verdicts = telemetry.counter("claim_verdicts_total", "Answers to claims", ("verdict",))
        self._log = get_logger()

    def check(self, request: ClaimRequest) -> None:
        """Every claim that can be decoded can be answered."""

    def retry(self, request: ClaimRequest) -> ClaimReply:
        return _same_for_all(request, Verdict.RETRY)

    def refusal(self, request: ClaimRequest) -> ClaimReply:
        return _same_for_all(request, Verdict.SUPERSEDED)

    async def answer(self, requests: Sequence[ClaimRequest]) -> Answers:
        """One transaction for all claims of all requests."""
        claims = _distinct_claims(requests)
        answers = await self._store.grant_claims(claims, self._clock()) if claims else ()
        verdicts = {claim: self._verdict(claim, answer) for claim, answer in zip(claims, answers, strict=True)}
        return Answers(replies=[self._reply(request, verdicts) for request in requests])

    def _reply(self, request: ClaimRequest, verdicts: dict[Claim, ClaimVerdict]) -> ClaimReply:
        return ClaimReply(items=tuple(self._item(request, item, verdicts) for item in request.items))

    def _item(self, request: ClaimRequest, item: ClaimItem, verdicts: dict[Claim, ClaimVerdict]) -> ClaimVerdict:
        found = verdicts.get(_claim(request, item))
        # Two workers claimed the same attempt within one batch: the second asks again and hears how the first fared.
        return found or ClaimVerdict(attempt_id=item.attempt_id, verdict=Verdict.RETRY)

    def _verdict(self, claim: Claim, answer: ClaimAnswer) -> ClaimVerdict:
        self._verdicts.labels(answer.verdict).inc()
        if answer.verdict is not Verdict.DONE or answer.run is None:
            self._log.info("claim.refused", verdict=answer.verdict, attempt_id=claim.attempt_id, worker=claim.worker_id)
            return ClaimVerdict(attempt_id=claim.attempt_id, verdict=answer.verdict)
        return ClaimVerdict(
            attempt_id=claim.attempt_id,
            verdict=answer.verdict,
            grant=_grant(answer.run, self._token(claim, answer.run)),
        )

    def _token(self, claim: Claim, run: GrantedRun) -> str:
        return self._signer.mint_attempt_token(
            AttemptClaims(
                attempt_id=claim.attempt_id,
                dag_id=claim.dag_id,
                run_id=claim.run_id,
                task_id=claim.task_id,
                map_index=claim.map_index,
                try_number=run.try_number,
            )
        )


def _same_for_all(request: ClaimRequest, verdict: Verdict) -> ClaimReply:
    return ClaimReply(items=tuple(ClaimVerdict(attempt_id=i.attempt_id, verdict=verdict) for i in request.items))


def _distinct_claims(requests: Sequence[ClaimRequest]) -> list[Claim]:
    """At most one claim per attempt: a doubled request is asked once, a competing one waits for the next batch."""
    claims: dict[object, Claim] = {}
    for request in requests:
        for item in request.items:
            claims.setdefault(item.attempt_id, _claim(request, item))
    return list(claims.values())


def _claim(request: ClaimRequest, item: ClaimItem) -> Claim:
    return Claim(
        dag_id=item.key.dag_id,
        run_id=item.key.run_id,
        task_id=item.key.task_id,
        map_index=item.key.map_index,
        attempt_id=item.attempt_id,
        worker_id=request.worker_id,
        incarnation=request.incarnation,
        nonce=item.nonce,
    )


def _grant(run: GrantedRun, token: str) -> Grant:
    return Grant(
        token=token,
        try_number=run.try_number,
        max_tries=run.max_tries,
        relative_fileloc=run.relative_fileloc,
        file_digest=run.file_digest,
        run_type=run.run_type,
        logical_date=run.logical_date,
        data_interval_start=run.data_interval_start,
        data_interval_end=run.data_interval_end,
        run_after=run.run_after,
        dag_run_start_date=run.dag_run_start_date,
        dag_run_queued_at=run.dag_run_queued_at,
        triggered_by=run.triggered_by,
        conf=run.conf,
        start_date=run.start_date,
        next_method=run.next_method,
        next_kwargs=run.next_kwargs,
        task_reschedule_count=run.task_reschedule_count,
        first_start_date=run.first_start_date,
        triggering_user_name=run.triggering_user_name,
        partition_key=run.partition_key,
        map_lengths=run.map_lengths,
        partition_date=run.partition_date,
        bundle_name=run.bundle_name,
        bundle_version=run.bundle_version,
        bundle_digest=run.bundle_digest,
    )
