"""The service's side of the parse server: keeps one running and gives it files to parse."""

import asyncio
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from tradewind.core.errors import AdapterError
from tradewind.dag_processor.parse_protocol import ALLOWED, READY, ParseReply, ParseRequest
from tradewind.dag_processor.stored_values import ReaderAccess
from tradewind.service.backoff import Backoff, Jitter
from tradewind.service.child_environment import DAGS_FOLDER_VARIABLE, child_environment
from tradewind.service.lifecycle import pause
from tradewind.service.logging import get_logger
from tradewind.task_runner.frames import FrameReader, frame
from tradewind.wire.codec import decode

ANSWER_MARGIN_SECONDS: Final = 10.0
"""The server stops a file at its timeout; if nothing is heard for this much longer, the server itself is stuck."""
READ_BYTES: Final = 1 << 18
STEADY_SECONDS: Final = 10.0
"""A server that lived for this long had started well."""


class ParseServerLost(AdapterError):
    """The parse server ended while it had the file; nothing is known of the file."""

    def __init__(self) -> None:
        super().__init__("the parse server ended", retryable=True)


class ParseServerClient:
    """One parse server at a time; it is started again when it ends."""

    def __init__(self, *, jitter: Jitter, access: ReaderAccess, dags_folder: Path) -> None:
        """`dags_folder`: of the deployment; plugins and policies are found beside it, whatever bundle a file is of."""
        self._jitter = jitter
        self._access = access
        self._dags_folder = dags_folder
        self._backoff = Backoff(cap_seconds=10.0)
        self._waiting: dict[int, asyncio.Future[ParseReply]] = {}
        self._timeouts: dict[int, asyncio.Timeout] = {}
        self._next_id = 0
        self._writer: asyncio.StreamWriter | None = None
        self._ready = asyncio.Event()
        self._restart_wanted = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Keep a server running until `stop`; its children end with it."""
        try:
            await self._keep_running(stop)
        finally:
            self._ready.set()  # whoever still waits for a server learns that there is none

    async def _keep_running(self, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while not stop.is_set():
            began = loop.time()
            async with self._process() as (process, reader):
                await self._serve(process, reader, stop)
            if stop.is_set() or self._restart_wanted.is_set():
                failures = 0
                continue
            failures = 1 if loop.time() - began > STEADY_SECONDS else failures + 1
            delay = self._backoff.delay_seconds(failures, self._jitter())
            get_logger().error("parse_server.ended", exit_code=process.returncode, delay_seconds=round(delay, 3))
            await pause(stop, delay)

    async def parse(self, request: ParseRequest) -> ParseReply:
        """Have a file parsed (its number and its access to stored values are filled in); raises `ParseServerLost`."""
        await self._ready.wait()
        writer = self._writer
        if writer is None:
            raise ParseServerLost
        self._next_id += 1
        request_id = self._next_id
        self._waiting[request_id] = answer = asyncio.get_running_loop().create_future()
        try:
            writer.write(frame(self._completed(request, request_id)))
            async with asyncio.timeout(request.timeout_seconds + ANSWER_MARGIN_SECONDS) as timeout:
                self._timeouts[request_id] = timeout
                return await answer
        except (TimeoutError, ConnectionError) as exc:
            self.restart()
            raise ParseServerLost from exc
        finally:
            del self._waiting[request_id]
            self._timeouts.pop(request_id, None)

    def restart(self) -> None:
        """End the server; another starts at once. Files that it had are lost to their callers."""
        self._restart_wanted.set()
        writer, self._writer = self._writer, None
        if writer is not None:
            self._ready.clear()  # who asks from now on waits for the next one
            writer.transport.abort()

    @asynccontextmanager
    async def _process(self) -> AsyncGenerator[tuple[Process, asyncio.StreamReader]]:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tradewind.dag_processor.parse_server",
                str(theirs.fileno()),
                str(os.getpid()),
                pass_fds=[theirs.fileno()],
                stdin=DEVNULL,
                start_new_session=True,
                env={**child_environment(os.environ), DAGS_FOLDER_VARIABLE: str(self._dags_folder)},
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        self._restart_wanted.clear()
        self._writer = writer
        try:
            yield process, reader
        finally:
            self._ready.clear()
            self._writer = None
            writer.transport.abort()
            self._fail_waiting()
            await _end(process)

    async def _serve(self, process: Process, reader: asyncio.StreamReader, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._read(reader), name="parse-replies")
            stopping = group.create_task(stop.wait(), name="parse-server-stop")
            await asyncio.wait([reading, stopping], return_when=asyncio.FIRST_COMPLETED)
            reading.cancel()
            stopping.cancel()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        frames = FrameReader()
        with suppress(ConnectionError):
            while data := await reader.read(READ_BYTES):
                for body in frames.feed(data):
                    self._answer(decode(body, ParseReply))

    def _answer(self, reply: ParseReply) -> None:
        if reply.status == READY:
            self._ready.set()
            return
        if reply.status == ALLOWED:
            if (timeout := self._timeouts.get(reply.request_id)) is not None:
                timeout.reschedule(asyncio.get_running_loop().time() + reply.timeout_seconds + ANSWER_MARGIN_SECONDS)
            return
        waiting = self._waiting.get(reply.request_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)

    def _completed(self, request: ParseRequest, request_id: int) -> ParseRequest:
        url, token = self._access.execution_api_url, self._access.mint_token()
        return msgspec.structs.replace(request, request_id=request_id, execution_api_url=url, token=token)

    def _fail_waiting(self) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ParseServerLost())


async def _end(process: Process) -> None:
    """The closed socket ends it; a stuck one is killed."""
    try:
        async with asyncio.timeout(1.0):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
