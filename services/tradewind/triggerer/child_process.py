"""One child process that runs triggers, as its service sees it."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from tradewind.service.child_environment import DAGS_FOLDER_VARIABLE, child_environment
from tradewind.task_runner.frames import FrameReader, frame
from tradewind.triggerer.loop_cell import NOBODY, LoopCell, LoopReading
from tradewind.triggerer.protocol import (
    ChildReady,
    ChildSetup,
    FromChild,
    RunTrigger,
    StopTrigger,
    decode_from_child,
)
from tradewind.wire.messages import Message

READ_BYTES: Final = 1 << 18
END_SECONDS: Final = 2.0
"""How long a child may clean up before it is killed."""

Heard = Callable[["TriggerChild", FromChild], None]


class TriggerChild:
    """Starts with nothing to run; `end` or the end of its process ends it."""

    def __init__(self, setup: ChildSetup, heard: Heard) -> None:
        self.setup = setup
        self._heard = heard
        self._writer: asyncio.StreamWriter | None = None
        self._unsent: list[Message] = []
        self._wanted = asyncio.Event()
        self._process: Process | None = None
        self.cell = LoopCell.make()
        self.triggers: dict[int, RunTrigger] = {}
        """What it is to run."""
        self.blocker: int | None = None
        """Set on a child that one trigger has to itself, because it blocks or ends its process."""
        self.is_ready = False
        self.last_step = NOBODY
        """Whose step was under way when the process ended."""

    def start(self, request: RunTrigger) -> None:
        """Run this trigger."""
        self.triggers[request.id] = request
        self._send(request)

    def stop(self, request: StopTrigger) -> None:
        """End this trigger."""
        if self.triggers.pop(request.id, None) is not None:
            self._send(request)

    def end(self) -> None:
        """Let the process end: it may clean up, not long."""
        self._wanted.set()

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def wait(self, seconds: float) -> None:
        """Let this much time pass, or less if it is to end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wanted.wait()

    def read_cell(self) -> LoopReading:
        """How its loop stands."""
        return self.cell.read()

    async def run(self) -> int:
        """Live until `end`, or until the process ends; returns its exit code (negative: a signal's number)."""
        try:
            async with self._spawned() as (process, reader), asyncio.TaskGroup() as group:
                reading = group.create_task(self._read(reader), name="trigger-child-messages")
                ending = group.create_task(self._wanted.wait(), name="trigger-child-end")
                await asyncio.wait([reading, ending], return_when=asyncio.FIRST_COMPLETED)
                reading.cancel()
                ending.cancel()
            return process.returncode or 0
        finally:
            self.last_step = self.cell.read().trigger_id
            self.cell.close()

    def _send(self, message: Message) -> None:
        if self._writer is None:
            self._unsent.append(message)
        elif not self._writer.is_closing():
            self._writer.write(frame(message))

    @asynccontextmanager
    async def _spawned(self) -> AsyncGenerator[tuple[Process, asyncio.StreamReader]]:
        ours, theirs = socket.socketpair()
        with theirs:
            inherited = (theirs.fileno(), self.cell.descriptor)
            self._process = process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tradewind.triggerer.child"),
                *(str(inherited[0]), str(os.getpid()), str(inherited[1])),
                pass_fds=inherited,
                stdin=DEVNULL,
                stdout=DEVNULL,
                start_new_session=True,
                env={**child_environment(os.environ), DAGS_FOLDER_VARIABLE: self.setup.dags_folder},
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        self._writer = writer
        self._send(self.setup)
        unsent, self._unsent = self._unsent, []
        for message in unsent:
            self._send(message)
        try:
            yield process, reader
        finally:
            writer.transport.abort()
            await self._end(process)

    async def _end(self, process: Process) -> None:
        try:
            async with asyncio.timeout(END_SECONDS):
                await process.wait()
        except TimeoutError:
            pass
        finally:
            self.kill()
            await process.wait()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        frames = FrameReader()
        with suppress(ConnectionError):
            while data := await reader.read(READ_BYTES):
                for body in frames.feed(data):
                    message = decode_from_child(body)
                    if isinstance(message, ChildReady):
                        self.is_ready = True
                    else:
                        self._heard(self, message)
