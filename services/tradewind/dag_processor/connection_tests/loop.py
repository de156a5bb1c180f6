"""Takes tests from the API, runs each in a child, and answers."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple

from tradewind.bus.port import Bus, Message
from tradewind.sdk.exceptions import AirflowRuntimeError
from tradewind.service.backoff import Jitter, retrying
from tradewind.service.child_environment import child_environment
from tradewind.service.lifecycle import Stopped, entered_unless_stopped, for_each, pause
from tradewind.service.logging import get_logger
from tradewind.service.metrics import Telemetry
from tradewind.task_runner.execution_api.client import ExecutionClient
from tradewind.wire.queues import DAG_REQUESTS

AT_ONCE: Final = 4
HOOK_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 15.0
"""Between looks for tests of which no message came."""
REQUEST_SECONDS: Final = 10.0
COMMAND: Final = (sys.executable, "-m", "tradewind.dag_processor.connection_tests.child")


class Answer(NamedTuple):
    """What a hook said."""

    is_good: bool
    message: str


class ConnectionTestLoop:
    """One dag processor's part of the tests."""

    def __init__(
        self,
        *,
        execution_api_url: str,
        mint_token: Callable[[], str],
        bus: Bus,
        jitter: Jitter,
        telemetry: Telemetry,
        hook_seconds: float = HOOK_SECONDS,
    ) -> None:
        self._url = execution_api_url
        self._mint_token = mint_token
        self._bus = bus
        self._jitter = jitter
        self._telemetry = telemetry
        self._hook_seconds = hook_seconds
        self._arrived = asyncio.Event()
        self._running = 0
        self._log = get_logger(loop="connection_tests")

    async def run(self, stop: asyncio.Event) -> None:
        """Test until `stop`; tests under way then are reported as lost when their time is over."""
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(self._listen(stop), name="connection-tests-heard")
            testing: set[asyncio.Task[None]] = set()
            while not stop.is_set():
                while self._running < AT_ONCE and (test := await self._taken()) is not None:
                    self._running += 1
                    task = group.create_task(self._serve(test), name=f"connection test {test['id']}")
                    testing.add(task)
                    task.add_done_callback(testing.discard)
                await pause(stop, LOOK_SECONDS, self._arrived)
            for task in (listening, *testing):
                task.cancel()

    async def _listen(self, stop: asyncio.Event) -> None:
        subscribe = partial(self._subscribe, stop)
        await retrying(subscribe, name="connection-tests", stop=stop, jitter=self._jitter, telemetry=self._telemetry)

    async def _subscribe(self, stop: asyncio.Event) -> None:
        with suppress(Stopped):
            async with entered_unless_stopped(stop, self._bus.subscribe(DAG_REQUESTS)) as messages:
                await for_each(messages, self._hear, stop)

    async def _hear(self, _message: Message) -> None:
        self._arrived.set()

    async def _taken(self) -> Mapping[str, Any] | None:
        try:
            return await asyncio.to_thread(self._asked, ExecutionClient.take_connection_test)
        except AirflowRuntimeError as exc:
            self._log.warning("connection_tests.unreachable", error=str(exc))
            return None

    async def _serve(self, test: Mapping[str, Any]) -> None:
        try:
            answer = await hook_answer(test["connection"], self._hook_seconds)
            self._log.info("connection.tested", conn_id=test["connection"]["conn_id"], is_good=answer.is_good)
            say = partial(
                ExecutionClient.answer_connection_test,
                test_id=test["id"],
                is_good=answer.is_good,
                message=answer.message,
            )
            await asyncio.to_thread(self._asked, say)
        except AirflowRuntimeError as exc:
            self._log.warning("connection_test.unanswered", error=str(exc))
        finally:
            self._running -= 1
            self._arrived.set()

    def _asked(self, ask: Callable[[ExecutionClient], Any]) -> Any:
        client = ExecutionClient(self._url, self._mint_token(), tries=1, timeout_seconds=REQUEST_SECONDS)
        try:
            return ask(client)
        finally:
            client.close()


async def hook_answer(connection: Mapping[str, Any], hook_seconds: float) -> Answer:
    """Let the hook try a connection, in a process of its own that gets so much time."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=child_environment(os.environ), start_new_session=True
    )
    try:
        async with asyncio.timeout(hook_seconds):
            said, _ = await process.communicate(json.dumps(dict(connection)).encode())
    except TimeoutError:
        return Answer(is_good=False, message=f"The hook gave no answer within {hook_seconds:g} s")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        await process.wait()
    if not said:
        return Answer(is_good=False, message=f"The process of the hook died with exit code {process.returncode}")
    return Answer(**json.loads(said))
