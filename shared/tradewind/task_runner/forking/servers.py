"""One fork server, seen from the launcher: its children, those parked ahead of need, and whether it is current."""

import asyncio
import os
import signal
import socket
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from tradewind.service.dag_roots import DagFileLocation
from tradewind.task_runner.forking.children import ForkedChild
from tradewind.task_runner.forking.packets import PacketChannel
from tradewind.task_runner.forking.protocol import (
    Drain,
    Exited,
    Fork,
    Forked,
    Importing,
    Ready,
    ServerStarted,
    Signal,
    StartServer,
    TasksApart,
    Unloadable,
    decode_from_server,
)
from tradewind.task_runner.lane.lane_child import LaneChild
from tradewind.task_runner.launcher import Exit
from tradewind.task_runner.memory.limits import MemoryWatch
from tradewind.wire.messages import TaskInstanceKey

_LANES_MAX: Final = 4
"""Processes of one file's lane: one, and others while that one is blocked."""

Stamp = tuple[int, int]
"""mtime in nanoseconds, size in bytes."""


class ServerState(StrEnum):
    """A server's life: it imports its DAG file, forks, drains, is gone."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    GONE = "gone"


class EndOfServer(StrEnum):
    """Why a server left."""

    UNLOADABLE = "unloadable"
    """The file cannot be imported ahead of the fork; children that wait can be moved to a server that does not try."""
    IMPORT_TIMEOUT = "import_timeout"
    OTHER = "other"


def stamp_of(path: Path) -> Stamp | None:
    """The file's stamp; None if there is no such file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """What one server may do."""

    import_timeout_seconds: float
    parked_per_server: int
    tasks_per_child: int
    child_bytes: int
    child_growth_bytes: int
    async_notice_seconds: float
    """0 = there is no lane."""
    async_stop_seconds: float


class FileServer:
    """The launcher's end of the server of one DAG file. Tells `on_end` once, when the server is gone."""

    def __init__(
        self,
        *,
        file: DagFileLocation,
        preload: bool,
        root: PacketChannel,
        limits: ServerLimits,
        memory: MemoryWatch,
        next_child_id: Callable[[], int],
        on_end: Callable[["FileServer", EndOfServer, str], None],
    ) -> None:
        self.file = file
        self.preload = preload
        self.state = ServerState.STARTING
        self.private_bytes = 0
        self.parked: deque[ForkedChild] = deque()
        self._stamps: dict[Path, Stamp | None] = {file.path: stamp_of(file.path)}
        self._limits = limits
        self._memory = memory
        self._next_child_id = next_child_id
        self._on_end = on_end
        self._pid: int | None = None
        self._reason = ""
        self._end = EndOfServer.OTHER
        self._children: dict[int, ForkedChild | LaneChild] = {}
        self._apart: dict[tuple[str, str], None] = {}
        self.lane_tasks: dict[tuple[str, str], None] = {}
        """(dag_id, task_id) of coroutines that run side by side."""
        self.imported = asyncio.Event()
        """What its tasks are like is known, or will never be."""
        self._lanes: list[LaneChild] = []
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._their_end: socket.socket | None = theirs
        self._channel = PacketChannel(ours, on_packet=self._on_packet, on_end=self._on_channel_end)
        self._await_import(limits.import_timeout_seconds)
        start = StartServer(
            str(file.path),
            str(file.root),
            preload,
            limits.import_timeout_seconds,
            limits.tasks_per_child,
            limits.child_bytes,
            limits.child_growth_bytes,
            limits.async_notice_seconds,
            limits.async_stop_seconds,
        )
        root.send(start, (theirs.fileno(),))

    def _await_import(self, seconds: float) -> None:
        self._import_seconds = seconds
        self._import_timer = asyncio.get_running_loop().call_later(seconds, self._on_import_timeout)

    @property
    def is_current(self) -> bool:
        """Whether what it imported is what stands on disk now."""
        return all(stamp_of(path) == stamp for path, stamp in self._stamps.items())

    @property
    def is_busy(self) -> bool:
        """Whether a child of it runs an attempt."""
        return len(self._children) > len(self.parked)

    @property
    def running(self) -> Iterator[ForkedChild | LaneChild]:
        """Children that have an attempt."""
        return (child for child in self._children.values() if child.is_running)

    def take(self, key: TaskInstanceKey) -> ForkedChild:
        """A child for an attempt: a parked one if there is one that suits. Raises OSError when no sockets are left."""
        if self._apart and (key.dag_id, key.task_id) in self._apart:
            return self._take_fresh()
        return self.parked.popleft() if self.parked else self._fork()

    def lane(self) -> LaneChild:
        """The process where coroutines run; another one while that is blocked. Raises OSError when no sockets are
        left."""
        self._lanes = [lane for lane in self._lanes if not lane.is_leaving]
        free = [lane for lane in self._lanes if not lane.is_blocked]
        if free or len(self._lanes) >= _LANES_MAX:
            return (free or self._lanes)[0]
        lane = LaneChild(self._next_child_id(), self._signal)
        self._lanes.append(lane)
        self._children[lane.child_id] = lane
        self._channel.send(Fork(lane.child_id, is_lane=True), lane.their_descriptors())
        return lane

    def _take_fresh(self) -> ForkedChild:
        for child in self.parked:
            if child.is_fresh:
                self.parked.remove(child)
                return child
        return self._fork()

    def park(self) -> None:
        """Fork ahead what may wait here; raises OSError when no sockets are left."""
        while self.state in (ServerState.STARTING, ServerState.READY) and (
            len(self.parked) < self._limits.parked_per_server
        ):
            self.parked.append(self._fork())

    def unpark(self, count: int) -> int:
        """Give up this many parked children at most; returns how many."""
        dropped = min(count, len(self.parked))
        for _ in range(dropped):
            self.parked.pop().abandon()
        return dropped

    def adopt(self, children: Iterator[ForkedChild]) -> None:
        """Fork these, which another server was to fork."""
        for child in children:
            self._fork_child(child)

    def unforked(self) -> Iterator[ForkedChild]:
        """Children with an attempt that the server never forked; they are no longer its own."""
        for child_id, child in list(self._children.items()):
            if isinstance(child, ForkedChild) and child.pid is None and not child.is_gone:
                del self._children[child_id]
                yield child

    def drain(self) -> None:
        """Fork no more; leave once the last child has."""
        if self.state in (ServerState.STARTING, ServerState.READY):
            self.state = ServerState.DRAINING
            self.unpark(len(self.parked))
            for lane in self._lanes:
                lane.leave()
            self._channel.send(Drain())

    def close(self) -> None:
        """End it at once, with all of its children."""
        self._channel.close()
        self._on_channel_end()

    def _fork(self) -> ForkedChild:
        child = ForkedChild(self._next_child_id(), self._signal, self._on_free)
        self._fork_child(child)
        return child

    def _on_free(self, child: ForkedChild) -> None:
        """It can run another attempt: the one that ran last is the warmest."""
        if self.state is ServerState.READY:
            self.parked.appendleft(child)
        else:
            child.abandon()

    def _fork_child(self, child: ForkedChild) -> None:
        child.send_signal, child.on_free = self._signal, self._on_free
        self._children[child.child_id] = child
        self._channel.send(Fork(child.child_id), child.their_descriptors())

    def _signal(self, child_id: int, signum: int) -> None:
        self._channel.send(Signal(child_id, signum))

    def _on_packet(self, data: bytes) -> None:
        match decode_from_server(data):
            case Forked(child_id, pid):
                self._children[child_id].on_forked(pid)
            case Exited() as exited:
                self._on_exited(exited)
            case ServerStarted(pid):
                self._pid = pid
                self._close_their_end()
            case Importing(seconds):
                self._import_timer.cancel()
                self._await_import(seconds)
            case TasksApart(dag_id, task_ids, is_lane):
                names = self.lane_tasks if is_lane else self._apart
                names.update(dict.fromkeys((dag_id, task_id) for task_id in task_ids))
            case Ready() as ready:
                self._on_ready(ready)
            case Unloadable(reason):
                self._end, self._reason = EndOfServer.UNLOADABLE, reason

    def _on_ready(self, ready: Ready) -> None:
        self._import_timer.cancel()
        self.private_bytes = ready.private_bytes
        self._stamps.update({Path(path): (mtime, size) for path, mtime, size in ready.dependencies})
        self.imported.set()
        if self.state is ServerState.STARTING:
            self.state = ServerState.READY

    def _on_exited(self, exited: Exited) -> None:
        child = self._children.pop(exited.child_id)
        if isinstance(child, ForkedChild) and child in self.parked:
            self.parked.remove(child)
        if exited.code >= 0:
            child.on_exited(Exit(code=exited.code))
        else:
            killed = -exited.code == signal.SIGKILL
            is_starved = killed and self._memory.explains_kill(exited.max_rss_kb)
            detail = ""
            if is_starved:
                taken = f"{exited.max_rss_kb / 1024:,.0f} MiB"
                detail = f"the kernel killed the task for want of memory (SIGKILL); it had taken {taken} at most"
            child.on_exited(Exit(signal=-exited.code, out_of_memory=is_starved, detail=detail))

    def _on_import_timeout(self) -> None:
        if self.state is ServerState.READY:
            return
        self._end = EndOfServer.IMPORT_TIMEOUT
        self._reason = f"importing {self.file.path} took more than {self._import_seconds:g} s"
        if self._pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        self.close()

    def _on_channel_end(self) -> None:
        if self.state is ServerState.GONE:
            return
        if self.state is ServerState.STARTING and self.preload and self._end is EndOfServer.OTHER:
            self._end, self._reason = EndOfServer.UNLOADABLE, "its import ended the process"
        self.state = ServerState.GONE
        self.imported.set()
        self._import_timer.cancel()
        self._close_their_end()
        self.unpark(len(self.parked))
        self._on_end(self, self._end, self._reason)
        for child in list(self._children.values()):
            self._lose(child)
        self._children.clear()

    def _lose(self, child: ForkedChild | LaneChild) -> None:
        """The server's death took the child with it (the kernel saw to that); what is left of its group goes too."""
        if child.pid is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
        child.on_exited(Exit(signal=signal.SIGKILL) if child.pid is not None else Exit())

    def _close_their_end(self) -> None:
        if self._their_end is not None:
            self._their_end.close()
            self._their_end = None
