"""One attempt of a coroutine task, among others on the loop of its lane."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any, NoReturn, TypeVar

from tradewind.sdk.active import executing
from tradewind.sdk.async_operator import BaseAsyncOperator
from tradewind.sdk.context import Context
from tradewind.sdk.exceptions import AirflowTaskTerminated, AirflowTaskTimeout
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.runtime import Runtime
from tradewind.sdk.triggers.starting import start_trigger
from tradewind.task_runner.attempt.context import build_context
from tradewind.task_runner.attempt.execute import Execution
from tradewind.task_runner.protocol import AttemptRequest, AttemptResult

ValueT = TypeVar("ValueT")


class LaneExecution(Execution):
    """Only the coroutine itself runs on the loop: what comes before and after it (templates, XComs, hooks, callbacks)
    may block, so it runs in threads. The environment, which all attempts share, names none of them."""

    def __init__(
        self,
        request: AttemptRequest,
        task: BaseOperator,
        client: Runtime,
        started_at: datetime,
        threads: ThreadPoolExecutor,
    ) -> None:
        super().__init__(request, task, client, started_at)
        self._threads = threads
        self.is_told_to_stop = False

    async def run_in_lane(self) -> AttemptResult:
        """As `run`."""
        try:
            await self._execute_in_lane()
            error = None
        except asyncio.CancelledError as exc:
            # Its end is still to be reported, so the cancellation, if it was the lane's, ends here.
            error = exc
            if self.is_told_to_stop and (me := asyncio.current_task()) is not None:
                me.uncancel()
                error = AirflowTaskTerminated("the task was told to stop")
        except BaseException as exc:
            error = exc
        return await self.in_thread(lambda: self._conclude(error))

    async def finish_in_lane(self) -> None:
        """As `finish`."""
        await self.in_thread(self.finish)

    async def stop(self) -> None:
        """What the operator does when it is told to stop; the caller cancels the attempt afterwards."""
        self.is_told_to_stop = True
        await self.in_thread(self._on_kill)

    async def in_thread(self, function: Callable[[], ValueT]) -> ValueT:
        """What it gives, called in this context."""
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._threads, context.run, function)

    async def _execute_in_lane(self) -> None:
        task, context = await self.in_thread(self._begin_in_context)
        with executing(context):
            work = await self._work(task, context)
            await self.in_thread(lambda: self._end(task, context, work))

    def _begin_in_context(self) -> tuple[BaseOperator, Context]:
        self._context = context = build_context(self._request, self._task, self._client)
        with executing(context):
            return self._begin(context), context

    def _export(self, context: Context) -> None:
        """Nothing: the environment is everybody's."""

    def _time_for_notices(self) -> AbstractContextManager[None]:
        """Not limited here, where no signal would be heard: the lane waits no longer."""
        return nullcontext()

    async def _work(self, task: BaseOperator, context: Context) -> Callable[[], Any]:
        """Do it; the result, or what was raised, as a function."""
        if self._request.grant.next_method is not None or start_trigger(task) is not None:
            return lambda: self._call(context)
        if not isinstance(task, BaseAsyncOperator):
            raise TypeError(f"{type(task).__name__} is no async operator")
        try:
            result = await self._in_time(task, context)
        except Exception as exc:
            error = exc

            def fail() -> NoReturn:
                raise error

            return fail
        return lambda: result

    async def _in_time(self, task: BaseAsyncOperator, context: Context) -> Any:
        limit = task.execution_timeout
        if limit is None:
            return await task.aexecute(context)
        seconds = limit.total_seconds()
        timeout = asyncio.timeout(seconds)
        try:
            async with timeout:
                return await task.aexecute(context)
        except TimeoutError:
            if not timeout.expired():
                raise
            await self.in_thread(self._on_kill)
            raise AirflowTaskTimeout(f"execution_timeout of {seconds:g} s is over") from None
