"""Answers the API's questions to authors' own timetables, each in a child, bounded in time."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from tradewind.bus.port import Batch, Bus, Delivery, Message, Queue
from tradewind.core.errors import AdapterError, NotFound
from tradewind.core.timetables.asking import ANSWER_SECONDS
from tradewind.dag_processor.parse_client import ParseServerClient
from tradewind.dag_processor.parse_protocol import ParseReply, ParseRequest
from tradewind.dag_processor.settings import DagProcessorGroup
from tradewind.service.backoff import Jitter, retrying
from tradewind.service.dag_roots import DagRoot, resolve_dag_file
from tradewind.service.lifecycle import Stopped, entered_unless_stopped, for_each
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.wire.codec import UndecodableMessage, decode, encode
from tradewind.wire.messages import TimetableAnswer, TimetableQuestion
from tradewind.wire.queues import TIMETABLES


class QuestionLoop:
    """One dag processor's part of the questions: at most `request_processes` of them at once. Nobody waits for long, so
    that a lost one is not asked again by itself."""

    def __init__(
        self,
        *,
        limits: DagProcessorGroup,
        roots: Sequence[DagRoot],
        bus: Bus,
        parser: ParseServerClient,
        jitter: Jitter,
        telemetry: Telemetry,
    ) -> None:
        self._limits = limits
        self._seconds = min(ANSWER_SECONDS, limits.request_timeout_seconds)
        self._roots = roots
        self._bus = bus
        self._parser = parser
        self._jitter = jitter
        self._telemetry = telemetry
        self._undecodable = telemetry.counter(
            "timetable_questions_undecodable_total", "Questions sent to the dead-letter queue"
        )
        self._log = get_logger(loop="timetable_questions")

    async def run(self, stop: asyncio.Event) -> None:
        """Answer until `stop`."""
        async with asyncio.TaskGroup() as group:
            consume = partial(self._consume, group, stop)
            await retrying(
                consume, name="timetable-questions", stop=stop, jitter=self._jitter, telemetry=self._telemetry
            )

    async def _consume(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        count = self._limits.request_processes
        consuming = self._bus.consume(Queue(name=TIMETABLES), prefetch=count, max_batch=count)
        with suppress(Stopped):
            async with entered_unless_stopped(stop, consuming) as batches:
                await for_each(batches, partial(self._begin, group), stop)

    async def _begin(self, group: asyncio.TaskGroup, batch: Batch) -> None:
        for delivery in batch.deliveries:
            group.create_task(self._serve(batch, delivery), name=f"timetable question {delivery.tag}")

    async def _serve(self, batch: Batch, delivery: Delivery) -> None:
        try:
            answer = await self._answer(decode(delivery.message.body, TimetableQuestion))
            await self._bus.reply([(delivery, Message(body=encode(answer)))])
            await batch.ack([delivery])
        except UndecodableMessage as exc:
            self._undecodable.inc()
            self._log.error("timetable_question.undecodable", reason=str(exc))
            await batch.dead_letter(delivery, str(exc))
        except AdapterError as exc:
            self._log.warning("timetable_question.unanswered", error=str(exc))

    async def _answer(self, question: TimetableQuestion) -> TimetableAnswer:
        try:
            path, folder = resolve_dag_file(self._roots, question.relative_fileloc)
        except NotFound as exc:
            return TimetableAnswer(error=str(exc))
        prefix = next(root.prefix for root in self._roots if root.folder == folder)
        asked = ParseRequest(
            *(0, str(path), str(folder), prefix, question.relative_fileloc, self._seconds),
            timetable=encode(question),
        )
        return self._said(await self._parser.parse(asked))

    def _said(self, reply: ParseReply) -> TimetableAnswer:
        if reply.result is not None:
            return decode(reply.result.answer, TimetableAnswer)
        what = reply.detail or f"no answer within {self._seconds:g} s"
        return TimetableAnswer(error=f"{what}\n{reply.output.decode(errors='replace')}".strip())
