"""Running one granted attempt: child, log, end."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from tradewind.core.clock import Clock
from tradewind.core.errors import NotFound
from tradewind.core.rows import Verdict
from tradewind.core.states import EndCause, Outcome
from tradewind.service.dag_roots import DagFileLocation
from tradewind.service.logging import get_logger
from tradewind.task_runner.bundles.port import Bundles, BundleUnavailable
from tradewind.task_runner.launcher import ChildEvent, Exit, Launcher, LaunchFailed, LogBytes, RunningAttempt
from tradewind.task_runner.log_streams.stream import LogRecords, LogSink, LogStream, LogStreamLimits, Spawn
from tradewind.task_runner.protocol import AttemptRequest, AttemptResult
from tradewind.task_runner.supervising.attempts import Attempt, Roster
from tradewind.task_runner.supervising.exits import ChildEnd, ended_in_overtime, result_of
from tradewind.task_runner.supervising.metrics import SupervisorMetrics
from tradewind.wire.messages import TaskFinished, TaskStarted

_DETAIL_MAX_CHARACTERS: Final = 2000


class AttemptRunner:
    """Runs attempts one by one, each in a task of its own; all of them share what is given here."""

    def __init__(
        self,
        *,
        roster: Roster,
        launcher: Launcher,
        log_sink: LogSink,
        clock: Clock,
        spawn: Spawn,
        bundles: Bundles,
        execution_api_url: str,
        worker_id: str,
        hostname: str,
        log_limits: LogStreamLimits,
        metrics: SupervisorMetrics,
    ) -> None:
        self._roster = roster
        self._launcher = launcher
        self._log_sink = log_sink
        self._clock = clock
        self._spawn = spawn
        self._bundles = bundles
        self._execution_api_url = execution_api_url
        self._worker_id = worker_id
        self._hostname = hostname
        self._log_limits = log_limits
        self._metrics = metrics
        self._log = get_logger(worker_id=worker_id)

    def prepare(self, relative_fileloc: str) -> None:
        """A task of this file is about to be claimed."""
        if relative_fileloc and (file := self._bundles.expected(relative_fileloc)) is not None:
            self._launcher.prepare(file)

    async def run(self, attempt: Attempt) -> None:
        """From the grant until the end is kept for reporting."""
        if attempt.offer.mark_success:
            self._end_marked(attempt)
            return
        try:
            file = await self._bundles.locate(attempt.grant)
        except NotFound as exc:
            self._end_unlaunched(attempt, EndCause.USER_ERROR, str(exc))
            return
        except BundleUnavailable as exc:
            self._metrics.bundle_refusals.inc()
            self._log.error("bundle.refused", attempt_id=str(attempt.offer.attempt_id), reason=str(exc))
            self._end_unlaunched(attempt, EndCause.NOT_STARTED, str(exc))
            return
        try:
            await self._run_in(attempt, file)
        finally:
            self._bundles.release(attempt.grant)

    async def _run_in(self, attempt: Attempt, file: DagFileLocation) -> None:
        try:
            child = await self._launcher.launch(self._request(attempt, file), file)
        except LaunchFailed as exc:
            self._end_unlaunched(attempt, EndCause.NOT_STARTED, str(exc))
            return
        await self._follow(attempt, child)

    def hand_back(self, attempt: Attempt) -> None:
        """Granted when it was too late to start it: it can be dispatched again at no cost."""
        self._end_unlaunched(attempt, EndCause.NOT_STARTED, "its worker was stopping when the claim was granted")

    def refuse(self, attempt: Attempt) -> None:
        """Granted after somebody had revoked it: it ends as cancelled, and nothing of it runs."""
        self._end_unlaunched(attempt, EndCause.CANCELLED, "revoked before it was started")

    async def _follow(self, attempt: Attempt, child: RunningAttempt) -> None:
        attempt.child = child
        if attempt.kill_cause is not None:
            child.kill(attempt.kill_grace_seconds)
        log = LogStream(
            attempt_id=attempt.offer.attempt_id,
            token=attempt.grant.token,
            sink=self._log_sink,
            clock=self._clock,
            spawn=self._spawn,
            limits=self._log_limits,
        )
        granted_at = asyncio.get_running_loop().time()
        started: TaskStarted | None = None
        conclusion: AttemptResult | Exit = Exit()
        events = child.events()
        async for event in events:
            match event:
                case LogBytes(data):
                    await log.feed(data)
                case TaskStarted():
                    started = event
                    self._metrics.launch_seconds.observe(asyncio.get_running_loop().time() - granted_at)
                case AttemptResult() | Exit():
                    conclusion = event
                    break
        end = ChildEnd(started=started, conclusion=conclusion, kill_cause=attempt.kill_cause)
        result = result_of(end, self._clock())
        overtime = result.overtime_seconds
        if overtime is None:
            self._roster.free_slot(attempt)
        else:
            self._roster.begin_overtime(attempt, overtime)
        if result is not conclusion:
            log.note("error", result.detail or str(result.cause))
        await self._keep_end(attempt, result, started, child.pid, log)
        if overtime is not None:
            await self._follow_overtime(attempt, events, log)

    async def _follow_overtime(self, attempt: Attempt, events: AsyncIterator[ChildEvent], log: LogStream) -> None:
        """Until the child is gone: whatever it does now, its attempt's end stands."""
        log.go_on()
        async for event in events:
            if isinstance(event, LogBytes):
                await log.feed(event.data)
            elif isinstance(event, Exit):
                if event.code != 0:
                    log.note("error", ended_in_overtime(event))
                break
        if not await log.close():
            self._log.warning("attempt.log_lost", attempt_id=str(attempt.offer.attempt_id))
        self._roster.end_overtime(attempt)

    async def _keep_end(
        self, attempt: Attempt, result: AttemptResult, started: TaskStarted | None, pid: int | None, log: LogStream
    ) -> None:
        sequence, records = await log.finish()
        finished = TaskFinished(
            key=attempt.offer.key,
            attempt_id=attempt.offer.attempt_id,
            outcome=result.outcome,
            cause=result.cause,
            detail=_clipped(result.detail),
            started_at=result.started_at or (started.started_at if started else None),
            ended_at=result.ended_at,
            xcoms=result.xcoms,
            log_sequence=sequence,
            log=records,
            rendered_fields=result.rendered_fields,
            pid=pid,
            hostname=(started.hostname if started else "") or self._hostname,
            effects=result.effects,
            is_silent=result.is_silent,
        )
        self._keep(attempt, finished)

    def _end_unlaunched(self, attempt: Attempt, cause: EndCause, detail: str) -> None:
        finished = TaskFinished(
            key=attempt.offer.key,
            attempt_id=attempt.offer.attempt_id,
            outcome=Outcome.FAILED,
            cause=cause,
            detail=_clipped(detail),
            started_at=None,
            ended_at=self._clock(),
            log=LogRecords(self._clock).note("error", detail),
            hostname=self._hostname,
            is_silent=True,
        )
        self._roster.free_slot(attempt)
        self._keep(attempt, finished)

    def _end_marked(self, attempt: Attempt) -> None:
        now = self._clock()
        finished = TaskFinished(
            key=attempt.offer.key,
            attempt_id=attempt.offer.attempt_id,
            outcome=Outcome.SUCCESS,
            cause=EndCause.NONE,
            detail=None,
            started_at=now,
            ended_at=now,
            log=LogRecords(self._clock).note("info", "marked as success, as was asked for: its code was not run"),
            hostname=self._hostname,
        )
        self._roster.free_slot(attempt)
        self._keep(attempt, finished)

    def _keep(self, attempt: Attempt, finished: TaskFinished) -> None:
        self._metrics.ends.labels(finished.outcome, finished.cause).inc()
        if finished.cause not in (EndCause.NONE, EndCause.USER_ERROR):
            self._log.info(
                "attempt.ended",
                attempt_id=str(finished.attempt_id),
                outcome=finished.outcome,
                cause=finished.cause,
                detail=finished.detail,
            )
        self._roster.keep_end(attempt, finished)
        if attempt.is_void:
            attempt.offer.ended(finished, Verdict.SUPERSEDED)

    def _request(self, attempt: Attempt, file: DagFileLocation) -> AttemptRequest:
        return AttemptRequest(
            key=attempt.offer.key,
            attempt_id=attempt.offer.attempt_id,
            grant=attempt.grant,
            dags_folder=str(file.root),
            execution_api_url=self._execution_api_url,
            worker_id=self._worker_id,
        )


def _clipped(detail: str | None) -> str | None:
    return None if detail is None else detail[:_DETAIL_MAX_CHARACTERS]
