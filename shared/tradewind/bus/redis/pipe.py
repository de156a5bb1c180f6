"""Many commands on one connection, without waiting for each other's replies.

Whatever is sent in one turn of the event loop leaves in one piece. Replies are matched to commands by their order.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

from redis.exceptions import ResponseError

from tradewind.bus.port import BusUnavailable
from tradewind.bus.redis.driver import Command, Connection, Reply, broker_errors, packed
from tradewind.service.logging import get_logger

_MAX_BUFFERED_BYTES: Final = 256 * 1024
"""Callers wait while more than this waits to be written."""

Answer = asyncio.Future[Reply]


class Pipe:
    """One connection that is connected. `run` must run for anything to happen."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._outgoing: list[bytes] = []
        self._buffered = 0
        self._unanswered: deque[Answer | None] = deque()
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._failure: BusUnavailable | None = None

    async def run(self) -> None:
        """Write and read until the connection is lost, then fail what waits and raise `BusUnavailable`."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write(), name="redis-write")
                group.create_task(self._read(), name="redis-read")
        except* BusUnavailable as lost:
            self._fail(str(lost.exceptions[0]))
        finally:
            self._fail("the connection to the broker was closed")
        if self._failure is not None:
            raise self._failure

    async def ask(self, commands: Sequence[Command]) -> list[Reply]:
        """Send these in order and await all replies. Raises `BusUnavailable` if one is an error, or the connection is
        lost."""
        answers = await self.send(commands)
        with broker_errors():
            return [await answer for answer in answers]

    async def send(self, commands: Sequence[Command]) -> list[Answer]:
        """Send these in order; returns where their replies will be, errors as exceptions (`ResponseError`)."""
        loop = asyncio.get_running_loop()
        answers: list[Answer] = [loop.create_future() for _ in commands]
        for command, answer in zip(commands, answers, strict=True):
            self._enqueue(command, answer)
            await self._wait_for_room()
        return answers

    async def post(self, commands: Sequence[Command]) -> None:
        """Send these in order; nobody awaits the replies. Errors among them are logged."""
        for command in commands:
            self._enqueue(command, None)
            await self._wait_for_room()

    def _enqueue(self, command: Command, answer: Answer | None) -> None:
        if self._failure is not None:
            raise self._failure
        data = packed(command)
        self._outgoing.append(data)
        self._buffered += len(data)
        self._unanswered.append(answer)
        self._wake.set()

    async def _wait_for_room(self) -> None:
        while self._buffered > _MAX_BUFFERED_BYTES:
            if self._failure is not None:
                raise self._failure
            self._room.clear()
            await self._room.wait()

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            outgoing, self._outgoing = self._outgoing, []
            written, self._buffered = self._buffered, 0
            with broker_errors():
                await self._connection.send_packed_command(outgoing, check_health=False)
            if written > _MAX_BUFFERED_BYTES:
                self._room.set()

    async def _read(self) -> None:
        while True:
            with broker_errors():
                try:
                    reply = await self._connection.read_response(disconnect_on_error=False)
                except ResponseError as exc:
                    reply = exc
            if not self._unanswered:
                raise BusUnavailable(f"the broker spoke unasked: {reply}")
            answer = self._unanswered.popleft()
            if answer is None:
                if isinstance(reply, ResponseError):
                    get_logger().warning("broker.refused", error=str(reply))
            elif not answer.done():
                _settle(answer, reply)

    def _fail(self, why: str) -> None:
        if self._failure is None:
            self._failure = BusUnavailable(why)
        while self._unanswered:
            answer = self._unanswered.popleft()
            if answer is not None and not answer.done():
                _settle(answer, self._failure)
        self._room.set()


def _settle(answer: Answer, reply: Reply) -> None:
    if isinstance(reply, Exception):
        answer.set_exception(reply)
        answer.exception()  # whoever asked may have gone away: then nobody retrieves it, which is no mistake
    else:
        answer.set_result(reply)
