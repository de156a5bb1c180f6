"""What a lane has to say to its supervisor: frames from any thread, written when the socket takes them."""

import asyncio
import socket
import threading
from typing import Final
from uuid import UUID

import msgspec

from tradewind.task_runner.frames import frame
from tradewind.task_runner.lane.messages import AttemptOutput

_OUTPUT_MAX_BYTES: Final = 16 * 1024 * 1024
"""Output beyond this is dropped until the supervisor has read: waiting here would block the loop."""


class Outbox:
    """The socket must not block. Frames go out in the order in which they were put."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._lock = threading.RLock()  # a signal handler of the same thread may interrupt a `put`
        self._pending = bytearray()
        self._is_flush_due = False
        self._is_stuck = False
        self._emptied = asyncio.Event()

    def put(self, message: msgspec.Struct) -> None:
        """Send it soon; raises `FrameTooLarge`."""
        self._add(frame(message))

    def put_output(self, attempt_id: UUID, data: bytes) -> bool:
        """Send output soon; False = it was dropped."""
        if len(self._pending) > _OUTPUT_MAX_BYTES:
            return False
        self._add(frame(AttemptOutput(attempt_id, data)))
        return True

    async def put_now(self, message: msgspec.Struct) -> None:
        """Return once the supervisor can read it, whatever becomes of this process."""
        self.put(message)
        self.flush()
        while self._is_stuck:
            self._emptied.clear()
            await self._emptied.wait()

    def flush(self) -> None:
        """Write what the socket takes; from any thread."""
        with self._lock:
            self._is_flush_due = False
            try:
                while self._pending:
                    del self._pending[: self._connection.send(self._pending)]
            except BlockingIOError:
                self._is_stuck = True
                self._loop.call_soon_threadsafe(self._wait_for_room)
                return
            except OSError:
                self._pending.clear()  # the supervisor is gone, as the reader sees
            if self._is_stuck:
                self._loop.call_soon_threadsafe(self._note_empty)

    def _add(self, data: bytes) -> None:
        with self._lock:
            self._pending += data
            if not self._is_flush_due:
                self._is_flush_due = True
                self._loop.call_soon_threadsafe(self.flush)

    def _wait_for_room(self) -> None:
        self._loop.add_writer(self._connection.fileno(), self.flush)

    def _note_empty(self) -> None:
        self._is_stuck = bool(self._pending)
        if not self._is_stuck:
            self._loop.remove_writer(self._connection.fileno())
            self._emptied.set()
