"""Ends: workers report how attempts ended; they are committed together, then the runs' owners are told."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from tradewind.collector.answering import Answers, Broadcast, Push, Unanswerable
from tradewind.core.clock import Clock
from tradewind.core.errors import DomainError
from tradewind.core.rows import (
    AttemptEndRecord,
    DeferralRecord,
    EndAnswer,
    EndedTaskInstance,
    EndEffectsRecord,
    Verdict,
)
from tradewind.core.states import EndCause, Outcome, TaskInstanceState
from tradewind.db.store import CollectorStore
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.wire.messages import (
    DagRunsCreated,
    Deferral,
    EndEffects,
    EndReply,
    EndReport,
    EndVerdict,
    LogsGrew,
    TaskFinished,
    TaskInstanceRef,
    TaskInstancesEnded,
    TriggersCreated,
)
from tradewind.wire.queues import EVENTS, LOG_NEWS, RUNS, scheduler_queue

OUTCOMES: Final = frozenset(outcome.value for outcome in Outcome)
CAUSES: Final = frozenset(cause.value for cause in EndCause)

EndKey = tuple[UUID, UUID]
"""(attempt id, incarnation): who reports the end of what."""


class EndHandler:
    """Records ends."""

    def __init__(self, *, store: CollectorStore, clock: Clock, telemetry: Telemetry) -> None:
        self._store = store
        self._clock = clock
        self._verdicts = telemetry.counter("end_verdicts_total", "Answers to ends", ("verdict",))
        self._refused = telemetry.counter("end_results_refused_total", "Results that the database cannot hold")
        self._log = get_logger()

    def check(self, request: EndReport) -> None:
        """An outcome or cause that is not known is answered `superseded`, so that the worker lets go; the attempt,
        which no heartbeat lists then, ends as lost."""
        for item in request.items:
            if item.outcome not in OUTCOMES or item.cause not in CAUSES:
                raise Unanswerable(f"unknown outcome {item.outcome!r} or cause {item.cause!r}")

    def retry(self, request: EndReport) -> EndReply:
        return EndReply(items=tuple(_verdict(item.attempt_id, Verdict.RETRY) for item in request.items))

    def refusal(self, request: EndReport) -> EndReply:
        return EndReply(items=tuple(_verdict(item.attempt_id, Verdict.SUPERSEDED) for item in request.items))

    async def answer(self, requests: Sequence[EndReport]) -> Answers:
        """One transaction for all ends of all reports."""
        records = _distinct_ends(requests)
        answers = await self._record(list(records.values()))
        verdicts = {key: answer.verdict for key, answer in zip(records, answers, strict=True)}
        for answer in answers:
            self._verdicts.labels(answer.verdict).inc()
        replies = [_reply(request, verdicts) for request in requests]
        pushes = [*nudges(_ended(answers)), *_asset_nudges(answers)]
        return Answers(replies=replies, pushes=pushes, broadcasts=[*_new_triggers(answers), *_log_news(requests)])

    async def _record(self, records: Sequence[AttemptEndRecord]) -> Sequence[EndAnswer]:
        """Record all together; if the database refuses a value among them, each alone, so that one does not block
        the others. Raises `DomainError` if it refuses an attempt even without its result."""
        if not records:
            return ()
        try:
            return await self._store.record_ends(records, self._clock())
        except DomainError as exc:
            if len(records) == 1:
                return await self._record_without_result(records[0], exc)
            return [answer for record in records for answer in await self._record([record])]

    async def _record_without_result(self, record: AttemptEndRecord, exc: DomainError) -> Sequence[EndAnswer]:
        self._refused.inc()
        self._log.error("result.refused", attempt_id=record.attempt_id, task_id=record.task_id, error=str(exc))
        bare = replace(
            record,
            outcome=Outcome.FAILED,
            cause=EndCause.USER_ERROR,
            detail=f"the result cannot be stored: {exc}",
            xcoms=(),
            rendered_fields=None,
            pid=None,
            hostname=None,
            effects=None,
        )
        return await self._store.record_ends([bare], self._clock())


def nudges(ended: Iterable[EndedTaskInstance]) -> list[Push]:
    """One message per owner about the task instances that ended; without an owner, the sweep will find it."""
    by_owner: dict[UUID, list[TaskInstanceRef]] = {}
    for item in ended:
        if item.owner is not None:
            by_owner.setdefault(item.owner, []).append(_ref(item))
    return [Push(scheduler_queue(owner), TaskInstancesEnded(items=tuple(refs))) for owner, refs in by_owner.items()]


def _asset_nudges(answers: Iterable[EndAnswer]) -> list[Push]:
    """Somebody is to look at the DAGs that wait for the assets of these ends."""
    dag_ids = tuple(dict.fromkeys(dag_id for answer in answers for dag_id in answer.asset_dag_ids))
    return [Push(RUNS, DagRunsCreated(dag_ids=(), asset_dag_ids=dag_ids))] if dag_ids else []


def _new_triggers(answers: Sequence[EndAnswer]) -> Sequence[Broadcast]:
    """Triggerers need not wait for their next look."""
    count = sum(answer.state is TaskInstanceState.DEFERRED for answer in answers)
    return (Broadcast(EVENTS, TriggersCreated(count)),) if count else ()


def _log_news(requests: Sequence[EndReport]) -> Sequence[Broadcast]:
    """Those who follow a log hear of its end; of logs that never streamed, their own look around tells them."""
    keys = tuple(item.key for request in requests for item in request.items if item.log_sequence)
    return (Broadcast(LOG_NEWS, LogsGrew(keys)),) if keys else ()


def _ref(item: EndedTaskInstance) -> TaskInstanceRef:
    return TaskInstanceRef(
        dag_run_id=item.id.dag_run_id,
        task_id=item.id.task_id,
        map_index=item.id.map_index,
        attempt_id=item.attempt_id,
        state=item.state,
        next_action_at=item.next_action_at,
        map_length=item.map_length,
        skipped=item.skipped,
    )


def _ended(answers: Iterable[EndAnswer]) -> Iterable[EndedTaskInstance]:
    for answer in answers:
        if answer.verdict is Verdict.DONE and answer.id is not None and answer.state is not None:
            yield EndedTaskInstance(
                id=answer.id,
                owner=answer.owner,
                attempt_id=answer.attempt_id,
                state=answer.state,
                next_action_at=answer.next_action_at,
                map_length=answer.map_length,
                skipped=answer.skipped,
            )


def _distinct_ends(requests: Sequence[EndReport]) -> dict[EndKey, AttemptEndRecord]:
    """At most one end per attempt: a doubled report is recorded once; another worker's word on the same attempt
    waits for the next batch."""
    records: dict[EndKey, AttemptEndRecord] = {}
    reporters: dict[UUID, UUID] = {}
    for request in requests:
        for item in request.items:
            if reporters.setdefault(item.attempt_id, request.incarnation) == request.incarnation:
                records.setdefault((item.attempt_id, request.incarnation), _record(request, item))
    return records


def _reply(request: EndReport, verdicts: dict[EndKey, Verdict]) -> EndReply:
    return EndReply(
        items=tuple(
            _verdict(i.attempt_id, verdicts.get((i.attempt_id, request.incarnation), Verdict.RETRY))
            for i in request.items
        )
    )


def _verdict(attempt_id: UUID, verdict: Verdict) -> EndVerdict:
    return EndVerdict(attempt_id=attempt_id, verdict=verdict)


def _record(request: EndReport, item: TaskFinished) -> AttemptEndRecord:
    return AttemptEndRecord(
        dag_id=item.key.dag_id,
        run_id=item.key.run_id,
        task_id=item.key.task_id,
        map_index=item.key.map_index,
        attempt_id=item.attempt_id,
        worker_id=request.worker_id,
        incarnation=request.incarnation,
        outcome=Outcome(item.outcome),
        cause=EndCause(item.cause),
        detail=item.detail,
        started_at=item.started_at,
        ended_at=item.ended_at,
        xcoms=item.xcoms,
        log_sequence=item.log_sequence,
        log=item.log,
        rendered_fields=item.rendered_fields,
        pid=item.pid,
        hostname=item.hostname,
        effects=None if item.effects is None else _effects(item.effects),
        is_silent=item.is_silent,
    )


def _effects(effects: EndEffects) -> EndEffectsRecord:
    deferral = effects.deferral
    return EndEffectsRecord(
        map_length=effects.map_length,
        rendered_map_index=effects.rendered_map_index,
        skipped=effects.skipped,
        reschedule_at=effects.reschedule_at,
        deferral=None if deferral is None else _deferral(deferral),
        retry_delay_seconds=effects.retry_delay_seconds,
        asset_events=effects.asset_events,
        human_input=effects.human_input,
    )


def _deferral(deferral: Deferral) -> DeferralRecord:
    return DeferralRecord(
        classpath=deferral.classpath,
        kwargs=deferral.kwargs,
        next_method=deferral.next_method,
        next_kwargs=deferral.next_kwargs,
        timeout_at=deferral.timeout_at,
        queue=deferral.queue,
    )
