"""The launcher that forks: a root process, a fork server per DAG file, a fresh child per attempt.

Servers are kept as long as their file stays as it is, least recently used ones make way when there are too many or
when they hold too much memory. A file that cannot be imported ahead of the fork (it fails, or starts threads) gets a
server without it, whose children import it themselves: then the failure is the attempt's, and stands in its log.
"""

import asyncio
import itertools
import os
import resource
import socket
import sys
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tradewind.service.backoff import Backoff
from tradewind.service.child_environment import child_environment
from tradewind.service.dag_roots import DagFileLocation
from tradewind.service.logging import get_logger
from tradewind.task_runner.forking.packets import PacketChannel
from tradewind.task_runner.forking.servers import EndOfServer, FileServer, ServerLimits
from tradewind.task_runner.launcher import LaunchFailed, RunningAttempt
from tradewind.task_runner.memory.guard import Watched, guard_memory
from tradewind.task_runner.memory.limits import MemoryWatch
from tradewind.task_runner.protocol import AttemptRequest
from tradewind.wire.messages import TaskInstanceKey

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})

_DESCRIPTORS: Final = 65_536
_ROOT_WAIT_SECONDS: Final = 10.0
_ROOT_STABLE_SECONDS: Final = 10.0
_ROOT_STOP_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkLauncherLimits:
    """Bounds of a `ForkLauncher`."""

    import_timeout_seconds: float = 30.0
    servers: int = 16
    """DAG files that stay imported."""
    servers_bytes: int = 1024 * 1024 * 1024
    """Memory that all servers together may hold beyond what they share with the root."""
    parked_per_server: int = 2
    """Children forked ahead for the next attempts of a file."""
    parked: int = 4
    """Of all files together, those that await another attempt included; the most recently used ones have them."""
    tasks_per_child: int = 1
    """Attempts that one child may run, one after another; 0 = no limit."""
    child_bytes: int = 0
    """A child that takes more memory than this after an attempt runs no other; 0 = no limit."""
    child_growth_bytes: int = 0
    """Likewise of what it takes beyond what it began with."""
    memory_bytes: int = 0
    """A child that takes more memory than this, with the processes that it started, is killed; 0 = no limit."""
    async_notice_seconds: float = 0.0
    """A coroutine that keeps the others of its lane waiting so long is named; 0 = coroutines run as other tasks do."""
    async_stop_seconds: float = 10.0
    """Then it is stopped."""


@asynccontextmanager
async def open_fork_launcher(
    limits: ForkLauncherLimits | None = None, environment: Mapping[str, str] = NOTHING
) -> AsyncGenerator["ForkLauncher"]:
    """A `ForkLauncher` whose processes all end with the context; to their environment this is added."""
    _allow_many_descriptors()
    launcher = ForkLauncher(limits or ForkLauncherLimits(), environment)
    async with asyncio.TaskGroup() as group:
        keepers = [group.create_task(launcher.keep_root(), name="fork-root")]
        if launcher.limits.memory_bytes:
            guarding = guard_memory(launcher.limits.memory_bytes, launcher.running)
            keepers.append(group.create_task(guarding, name="memory-guard"))
        try:
            yield launcher
        finally:
            for keeper in keepers:
                keeper.cancel()


class ForkLauncher:
    """See `open_fork_launcher`."""

    def __init__(self, limits: ForkLauncherLimits, environment: Mapping[str, str]) -> None:
        self.limits = limits
        self._environment = {**child_environment(os.environ), **environment}
        self._server_limits = ServerLimits(
            import_timeout_seconds=limits.import_timeout_seconds,
            parked_per_server=limits.parked_per_server,
            tasks_per_child=limits.tasks_per_child,
            child_bytes=limits.child_bytes,
            child_growth_bytes=limits.child_growth_bytes,
            async_notice_seconds=limits.async_notice_seconds,
            async_stop_seconds=limits.async_stop_seconds,
        )
        self._memory = MemoryWatch()
        self._child_ids = itertools.count(1)
        self._root: PacketChannel | None = None
        self._root_up = asyncio.Event()
        self._servers: OrderedDict[Path, FileServer] = OrderedDict()
        self._leaving: dict[int, FileServer] = {}
        self._log = get_logger(component="fork-launcher")

    def prepare(self, file: DagFileLocation) -> None:
        if self._root is None:
            return
        try:
            self._server(file, self._root).park()
        except OSError as exc:
            self._log.warning("dag_file.not_prepared", path=str(file.path), error=str(exc))
        self._make_room()

    def running(self) -> Iterator[Watched]:
        """Children that have an attempt."""
        for server in (*self._servers.values(), *self._leaving.values()):
            yield from server.running

    def is_for_lane(self, key: TaskInstanceKey) -> bool:
        names = (key.dag_id, key.task_id)
        return any(names in server.lane_tasks for server in self._servers.values())

    async def launch(self, request: AttemptRequest, file: DagFileLocation) -> RunningAttempt:
        if self._root is None:
            await self._wait_for_root()
        if self._root is None:
            raise LaunchFailed("the process that forks children is not running")
        try:
            server = self._server(file, self._root)
            if self.limits.async_notice_seconds and not server.imported.is_set():
                await server.imported.wait()
                return await self.launch(request, file)
            if (request.key.dag_id, request.key.task_id) in server.lane_tasks:
                return server.lane().start(request)
            child = server.take(request.key)
        except OSError as exc:
            raise LaunchFailed(f"no socket or pipe can be had for a child: {exc}") from exc
        turn = child.assign(request)
        asyncio.get_running_loop().call_soon(self._refill, server)
        return turn

    def _refill(self, server: FileServer) -> None:
        """Fork children ahead for the next attempts: not before this one's was woken, from which it would take the
        processor."""
        with suppress(OSError):
            server.park()
        self._make_room()

    async def keep_root(self) -> None:
        """Run the root process, again whenever it ends, until cancelled."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            since = loop.time()
            await self._run_root()
            failures = 1 if loop.time() - since > _ROOT_STABLE_SECONDS else failures + 1
            delay = Backoff().delay_seconds(failures, 0.0)
            self._log.error("fork_root.ended", failures=failures, delay_seconds=delay)
            await asyncio.sleep(delay)

    async def _run_root(self) -> None:
        ended = asyncio.Event()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = await _start_root(theirs, self._environment)
        self._root = PacketChannel(ours, on_packet=lambda _data: None, on_end=ended.set)
        self._root_up.set()
        try:
            await ended.wait()
        finally:
            self._root.close()
            self._root = None
            self._root_up.clear()
            self._close_servers()
            await _end_process(process)

    async def _wait_for_root(self) -> None:
        try:
            async with asyncio.timeout(_ROOT_WAIT_SECONDS):
                await self._root_up.wait()
        except TimeoutError:
            raise LaunchFailed("the process that forks children does not start") from None

    def _server(self, file: DagFileLocation, root: PacketChannel) -> FileServer:
        server = self._servers.get(file.path)
        if server is not None and not server.is_current:
            self._retire(server)
            server = None
        if server is None:
            server = self._servers[file.path] = self._start_server(file, root, preload=True)
        self._servers.move_to_end(file.path)
        return server

    def _start_server(self, file: DagFileLocation, root: PacketChannel, *, preload: bool) -> FileServer:
        return FileServer(
            file=file,
            preload=preload,
            root=root,
            limits=self._server_limits,
            memory=self._memory,
            next_child_id=self._child_ids.__next__,
            on_end=self._on_server_end,
        )

    def _retire(self, server: FileServer) -> None:
        """Let it finish what it runs, and no more."""
        del self._servers[server.file.path]
        self._leaving[id(server)] = server
        server.drain()

    def _make_room(self) -> None:
        held = sum(server.private_bytes for server in self._servers.values())
        while len(self._servers) > 1 and (len(self._servers) > self.limits.servers or held > self.limits.servers_bytes):
            oldest = next(iter(self._servers.values()))
            held -= oldest.private_bytes
            self._retire(oldest)
        excess = sum(len(server.parked) for server in self._servers.values()) - self.limits.parked
        for server in self._servers.values():
            if excess <= 0:
                return
            excess -= server.unpark(excess)

    def _on_server_end(self, server: FileServer, end: EndOfServer, reason: str) -> None:
        self._leaving.pop(id(server), None)
        is_current = self._servers.get(server.file.path) is server
        if is_current:
            del self._servers[server.file.path]
        if end is EndOfServer.IMPORT_TIMEOUT:
            for child in server.unforked():
                child.on_import_timeout(reason)
        elif end is EndOfServer.UNLOADABLE and self._root is not None:
            self._log.warning("dag_file.not_preloaded", path=str(server.file.path), reason=reason)
            self._replace(server, self._root, keep=is_current)

    def _replace(self, server: FileServer, root: PacketChannel, *, keep: bool) -> None:
        """Go on with a server that leaves the import to its children."""
        successor = self._start_server(server.file, root, preload=False)
        successor.adopt(server.unforked())
        if keep:
            self._servers[server.file.path] = successor
        else:
            self._leaving[id(successor)] = successor
            successor.drain()

    def _close_servers(self) -> None:
        for server in [*self._servers.values(), *self._leaving.values()]:
            server.close()
        self._servers.clear()
        self._leaving.clear()


def _allow_many_descriptors() -> None:
    """Each child takes four for a moment and two for its life; the usual soft limit of 1024 is history's."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _start_root(control: socket.socket, environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    """Output of imports goes to this service's stderr; its stdout is for its own log."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tradewind.task_runner.forking.forkserver",
        str(control.fileno()),
        str(os.getpid()),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        env=environment,
        pass_fds=(control.fileno(),),
        start_new_session=True,
    )


async def _end_process(process: asyncio.subprocess.Process) -> None:
    """It leaves by itself once its control stream has ended."""
    try:
        async with asyncio.timeout(_ROOT_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
