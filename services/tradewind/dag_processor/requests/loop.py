"""Takes requests, has them answered in children, and writes what came of them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final

import msgspec

from tradewind.bus.port import Bus, Message
from tradewind.core.clock import Clock
from tradewind.core.dag_requests import ATTEMPTS_MAX, DagRequest, RequestKind, delay_after
from tradewind.core.errors import AdapterError, NotFound
from tradewind.core.partitions.asked import AskedEvents
from tradewind.dag_processor.parse_client import ParseServerClient, ParseServerLost
from tradewind.dag_processor.parse_protocol import DIED, PARSED, TIMED_OUT, ParseReply, ParseRequest
from tradewind.dag_processor.requests.answers import Answer
from tradewind.dag_processor.settings import DagProcessorSettings
from tradewind.db.store import DagRequestStore
from tradewind.service.backoff import Jitter, retrying
from tradewind.service.dag_roots import DagRoot, resolve_dag_file
from tradewind.service.lifecycle import Stopped, entered_unless_stopped, for_each, pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.wire.codec import encode
from tradewind.wire.messages import DagRunsCreated, DagRunsRevised, DagsChanged
from tradewind.wire.queues import DAG_REQUESTS, EVENTS, RUNS

LEASE_MARGIN: Final = timedelta(seconds=30)
"""How much longer than an answer may take a request stays ours."""


class RequestLoop:
    """One dag processor's part of the requests."""

    def __init__(
        self,
        *,
        settings: DagProcessorSettings,
        roots: Sequence[DagRoot],
        store: DagRequestStore,
        bus: Bus,
        parser: ParseServerClient,
        clock: Clock,
        jitter: Jitter,
        telemetry: Telemetry,
        heard: Callable[[], None],
    ) -> None:
        """`heard` is called with every message that there are requests, for those of other kinds."""
        self._heard = heard
        self._limits = settings.dag_processor
        self._roots = roots
        self._store = store
        self._bus = bus
        self._parser = parser
        self._clock = clock
        self._jitter = jitter
        self._telemetry = telemetry
        self._arrived = asyncio.Event()
        self._running = 0
        self._answered = telemetry.counter("dag_requests_total", "Requests to authors' code", ("kind", "outcome"))
        self._log = get_logger(loop="requests")

    def wake_up(self) -> None:
        """There may be requests."""
        self._arrived.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Answer requests until `stop`; those under way then are taken by others when their lease is over."""
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(self._listen(stop), name="dag-requests")
            while not stop.is_set():
                for request in await self._take():
                    self._running += 1
                    group.create_task(self._serve(request, stop), name=f"{request.kind} of {request.dag_id}")
                await pause(stop, self._limits.request_interval_seconds, self._arrived)
            listening.cancel()

    async def _listen(self, stop: asyncio.Event) -> None:
        subscribe = partial(self._subscribe, stop)
        await retrying(subscribe, name="dag-requests", stop=stop, jitter=self._jitter, telemetry=self._telemetry)

    async def _subscribe(self, stop: asyncio.Event) -> None:
        with suppress(Stopped):
            async with entered_unless_stopped(stop, self._bus.subscribe(DAG_REQUESTS)) as messages:
                await for_each(messages, self._hear, stop)

    async def _hear(self, _message: Message) -> None:
        self.wake_up()
        self._heard()

    async def _take(self) -> Sequence[DagRequest]:
        free = self._limits.request_processes - self._running
        if free <= 0:
            return ()
        lease = timedelta(seconds=self._limits.request_timeout_seconds) + LEASE_MARGIN
        try:
            return await self._store.take_dag_requests(self._clock(), lease, free)
        except AdapterError as exc:
            self._log.warning("store.unavailable", error=str(exc), doing="take_dag_requests")
            return ()

    async def _serve(self, request: DagRequest, stop: asyncio.Event) -> None:
        try:
            reply = await self._reply_to(request)
            if reply is not None and not stop.is_set():
                await self._settle(request, reply)
        except AdapterError as exc:
            # The lease runs out, and somebody takes it again.
            self._log.warning("dag_request.unsettled", dag_id=request.dag_id, kind=request.kind, error=str(exc))
        finally:
            self._running -= 1
            self.wake_up()

    async def _reply_to(self, request: DagRequest) -> ParseReply | None:
        """None: the parse server ended; the request is taken again when the lease is over."""
        timeout = self._limits.request_timeout_seconds
        try:
            path, folder = resolve_dag_file(self._roots, request.relative_fileloc)
        except NotFound as exc:
            return ParseReply(0, DIED, detail=str(exc))
        prefix = next(root.prefix for root in self._roots if root.folder == folder)
        asked = ParseRequest(
            0, str(path), str(folder), prefix, request.relative_fileloc, timeout, msgspec.json.encode(request)
        )
        try:
            return await self._parser.parse(asked)
        except ParseServerLost:
            return None

    async def _settle(self, request: DagRequest, reply: ParseReply) -> None:
        error = _error(reply, self._limits.request_timeout_seconds)
        answer = None if error is not None or reply.result is None else decoded(reply.result.answer)
        error = error if answer is None else answer.error
        outcome = "answered" if error is None else "failed"
        self._answered.labels(request.kind, outcome).inc()
        if error is not None:
            detail = {"dag_id": request.dag_id, "kind": request.kind, "attempts": request.attempts, "error": error}
            self._log.error("dag_request.failed", **detail, **_subject(request))
        if request.kind is RequestKind.MAP_PARTITIONS:
            await self._settle_partitions(request, answer if error is None else None)
        elif request.kind is RequestKind.NEXT_RUN:
            await self._settle_next_run(request, answer if error is None else None)
        elif request.kind is RequestKind.RUN_WEIGHTS and answer is not None:
            await self._settle_weights(request, answer.weights)
        elif answer is None and reply.status != TIMED_OUT and request.attempts < ATTEMPTS_MAX:
            # The child was lost before it could say anything: not the fault of the callback.
            await self._postpone(request)
        else:
            await self._store.finish_dag_request(request)

    async def _settle_next_run(self, request: DagRequest, answer: Answer | None) -> None:
        if answer is None:
            await self._postpone(request)
        elif await self._store.set_next_run(request, answer.next_run) and answer.next_run is not None:
            self._log.info("timetable.answered", dag_id=request.dag_id, run_after=answer.next_run.run_after.isoformat())
            await self._bus.broadcast(EVENTS, Message(body=encode(DagsChanged((request.dag_id,)))))

    async def _settle_partitions(self, request: DagRequest, answer: Answer | None) -> None:
        if answer is None:
            await self._postpone(request)
        elif await self._store.answer_partition_request(request, answer.mapped):
            message = DagRunsCreated(dag_ids=(), asset_dag_ids=(request.dag_id,))
            await self._bus.publish(RUNS, [Message(body=encode(message))], confirm=False)

    async def _settle_weights(self, request: DagRequest, weights: Mapping[str, tuple[int, ...]]) -> None:
        dag_run_id = await self._store.set_run_weights(request, weights)
        if dag_run_id is not None:
            await self._bus.broadcast(EVENTS, Message(body=encode(DagRunsRevised((dag_run_id,)))))

    async def _postpone(self, request: DagRequest) -> None:
        await self._store.postpone_dag_request(request, self._clock() + delay_after(request.attempts))


def _subject(request: DagRequest) -> dict[str, object]:
    """What a request is about besides its DAG."""
    if request.kind is not RequestKind.MAP_PARTITIONS or request.reason is None:
        return {}
    events = msgspec.json.decode(request.reason, type=AskedEvents).events
    return {"asked": [(event.name, event.partition_key) for event in events]}


def decoded(answer: bytes) -> Answer:
    """An answer as the child wrote it."""
    return msgspec.json.decode(answer, type=Answer)


def _error(reply: ParseReply, timeout_seconds: float) -> str | None:
    """Why there is no answer; None = there is one."""
    if reply.status == PARSED and reply.result is not None:
        return None
    output = reply.output.decode(errors="replace").strip()
    why = f"no answer within {timeout_seconds:g} s" if reply.status == TIMED_OUT else reply.detail
    return f"{why}\n{output}" if output else why
