"""Asks authors' own timetables about runs that people want; their code runs in a child of a dag processor."""

from collections.abc import Sequence
from datetime import datetime

from tradewind.api.errors import BadRequest, Unanswered
from tradewind.api.models.dag_runs import TriggerDAGRunPostBody
from tradewind.bus.port import Bus, Message
from tradewind.core.backfills import DATES_MAX, BackfillRequest
from tradewind.core.errors import AdapterError
from tradewind.core.spec import DagSpec
from tradewind.core.timetables.asking import PATIENCE_SECONDS, Asked
from tradewind.core.timetables.from_spec import is_custom
from tradewind.core.timetables.values import DataInterval, NextRun
from tradewind.wire.codec import decode, encode
from tradewind.wire.messages import TimetableAnswer, TimetableQuestion
from tradewind.wire.queues import TIMETABLES


class OwnTimetables:
    """Every method raises `BadRequest` with what the author's code raised, and `Unanswered` if no dag processor answers
    in time."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def with_interval(self, spec: DagSpec, body: TriggerDAGRunPostBody) -> TriggerDAGRunPostBody:
        """The request with the data interval that the DAG's own timetable infers, unless there is another way to it."""
        if body.logical_date is None or body.data_interval_start is not None or not is_custom(spec.timetable):
            return body
        (run,) = await self._ask(spec, Asked.MANUAL_INTERVAL, body.logical_date, body.logical_date, 1)
        assert run.data_interval is not None
        start, end = run.data_interval
        return body.model_copy(update={"data_interval_start": start, "data_interval_end": end})

    async def past_runs(self, spec: DagSpec, request: BackfillRequest) -> Sequence[NextRun]:
        """The runs of a backfill, in the timetable's order; at most one more than a backfill may have."""
        return await self._ask(spec, Asked.PAST_RUNS, request.from_date, request.to_date, DATES_MAX + 1)

    async def _ask(self, spec: DagSpec, kind: Asked, first: datetime, last: datetime, limit: int) -> list[NextRun]:
        question = TimetableQuestion(spec.dag_id, spec.relative_fileloc, kind, first, last, limit)
        try:
            reply = await self._bus.request(
                TIMETABLES, Message(body=encode(question)), timeout_seconds=PATIENCE_SECONDS
            )
        except AdapterError as exc:
            text = (
                f"The timetable of the DAG {spec.dag_id!r} is of its author's own class, and no dag processor answers"
            )
            raise Unanswered(f"{text}: {exc}") from exc
        answer = decode(reply.body, TimetableAnswer)
        if answer.error is not None:
            raise BadRequest(f"The timetable of the DAG {spec.dag_id!r} failed: {answer.error}")
        return [NextRun(run_after, DataInterval(start, end)) for run_after, start, end in answer.runs]
