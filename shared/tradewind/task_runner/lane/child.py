"""The program of a lane's process: takes requests, runs each as a task of one event loop, reports."""

import asyncio
import logging
import os
import socket
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final, NoReturn
from uuid import UUID

import msgspec

from tradewind.core.states import EndCause, Outcome
from tradewind.sdk.dag_file import LoadedDagFile
from tradewind.sdk.operator import BaseOperator
from tradewind.task_runner.attempt.execute import overtime_seconds, runtime_of, what_is_missing
from tradewind.task_runner.execution_api.client import ExecutionClient
from tradewind.task_runner.frames import FrameReader, FrameTooLarge
from tradewind.task_runner.lane.execution import LaneExecution
from tradewind.task_runner.lane.messages import AttemptEnd, AttemptGone, CancelAttempt, decode_to_lane
from tradewind.task_runner.lane.outbox import Outbox
from tradewind.task_runner.lane.output import AttemptLog, output_by_context, write_to
from tradewind.task_runner.lane.watchdog import TASK_PREFIX, BlockLimits, Watchdog, kill_own_process
from tradewind.task_runner.protocol import AttemptRequest, AttemptResult
from tradewind.wire.messages import TaskStarted

_READ_BYTES: Final = 256 * 1024
_THREADS: Final = 16
"""For what surrounds the coroutines."""

log = logging.getLogger("tradewind.task")


def run_lane(loaded: LoadedDagFile, connection: int, limits: BlockLimits) -> NoReturn:
    """Serve until the supervisor closes the connection. What still runs then is not waited for."""
    sock = socket.socket(fileno=connection)
    sock.setblocking(False)
    try:
        asyncio.run(_Lane(loaded, sock, limits).serve())
    except BaseException:
        # A task that somebody's coroutine has started called `sys.exit()`, say.
        traceback.print_exc()
    os._exit(1)  # unless it has left already; threads are not waited for


class _Lane:
    def __init__(self, loaded: LoadedDagFile, connection: socket.socket, limits: BlockLimits) -> None:
        self._loaded = loaded
        self._connection = connection
        self._limits = limits
        self._threads = ThreadPoolExecutor(_THREADS, "lane")
        self._hostname = socket.gethostname()
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._executions: dict[UUID, LaneExecution] = {}

    async def serve(self) -> None:
        loop = asyncio.get_running_loop()
        self._outbox = Outbox(self._connection)
        frames = FrameReader()
        with output_by_context():
            Watchdog(self._limits, self._outbox, log.warning, die=kill_own_process).start()
            async with asyncio.TaskGroup() as group:
                while data := await loop.sock_recv(self._connection, _READ_BYTES):
                    for body in frames.feed(data):
                        self._obey(group, body)
                os._exit(0)

    def _obey(self, group: asyncio.TaskGroup, body: bytes) -> None:
        match decode_to_lane(body):
            case AttemptRequest() as request:
                task = group.create_task(self._run(request), name=f"{TASK_PREFIX}{request.attempt_id}")
                self._tasks[request.attempt_id] = task
            case CancelAttempt(attempt_id) if attempt_id in self._tasks:
                group.create_task(self._cancel(attempt_id), name=f"cancel-{attempt_id}")
            case CancelAttempt():
                pass  # it has ended

    async def _cancel(self, attempt_id: UUID) -> None:
        execution = self._executions.get(attempt_id)
        if execution is None or execution.is_told_to_stop:
            return
        await execution.stop()
        task = self._tasks.get(attempt_id)
        if task is not None:
            task.cancel()

    async def _run(self, request: AttemptRequest) -> None:
        own = AttemptLog(request.attempt_id, request.grant.token, self._outbox)
        write_to(own)
        try:
            await self._find_and_run(request, own)
        except Exception as exc:
            # What a process of its own would end with: others go on.
            log.exception("Error outside of the task")
            self._end(request, _failure(f"{type(exc).__name__}: {exc}"), own)
        finally:
            self._tasks.pop(request.attempt_id, None)
            self._executions.pop(request.attempt_id, None)

    async def _find_and_run(self, request: AttemptRequest, own: AttemptLog) -> None:
        dag = self._loaded.dags.get(request.key.dag_id)
        task = dag.task_dict.get(request.key.task_id) if dag is not None else None
        if task is None:
            detail = what_is_missing(request, self._loaded)
            log.error(detail)
            self._end(request, _failure(detail), own)
            return
        started_at = datetime.now(UTC)
        await self._outbox.put_now(TaskStarted(request.attempt_id, os.getpid(), started_at, self._hostname))
        client = ExecutionClient(request.execution_api_url, request.grant.token)
        try:
            with runtime_of(client):
                await self._execute(request, task, client, started_at, own)
        finally:
            client.close()

    async def _execute(
        self,
        request: AttemptRequest,
        task: BaseOperator,
        client: ExecutionClient,
        started_at: datetime,
        own: AttemptLog,
    ) -> None:
        execution = LaneExecution(request, task, client, started_at, self._threads)
        self._executions[request.attempt_id] = execution
        result = await execution.run_in_lane()
        if not execution.has_notices:
            await execution.finish_in_lane()
            self._end(request, result, own)
        elif result.outcome != Outcome.SUCCESS:
            await self._give_notices(execution)
            self._end(request, result, own)
        else:
            self._end(request, msgspec.structs.replace(result, overtime_seconds=overtime_seconds()), own)
            client.hand_in(request.key, result.xcoms)
            await self._give_notices(execution)
            own.flush()
            self._outbox.put(AttemptGone(request.attempt_id))

    async def _give_notices(self, execution: LaneExecution) -> None:
        """For as long as they may take; a thread that goes on after that has no other say."""
        try:
            async with asyncio.timeout(overtime_seconds()):
                await execution.finish_in_lane()
        except TimeoutError:
            log.error("[core] task_success_overtime of %g s is over", overtime_seconds())

    def _end(self, request: AttemptRequest, result: AttemptResult, own: AttemptLog) -> None:
        own.flush()
        try:
            self._outbox.put(AttemptEnd(request.attempt_id, result))
        except FrameTooLarge as exc:
            failure = _failure(f"the result of the task is too large: {exc}")
            self._outbox.put(AttemptEnd(request.attempt_id, failure))


def _failure(detail: str) -> AttemptResult:
    return AttemptResult(Outcome.FAILED, EndCause.USER_ERROR, detail[:2000], None, datetime.now(UTC), is_silent=True)
