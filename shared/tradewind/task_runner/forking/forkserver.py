"""The fork servers: `python -m tradewind.task_runner.forking.forkserver`, started by a launcher, never by hand.

The root process imports what every task needs, once. On demand it forks a server per DAG file, which imports that
file, once, and forks a fresh child per attempt: a child starts with everything in place and shares nothing that it
writes. The programs here are single-threaded, block, and use no event loop, so that a fork is safe and small.

Nothing outlives the launcher: its death ends the control stream of the root and of each server, which kill what they
forked and leave. A child dies with its server by a signal from the kernel (PR_SET_PDEATHSIG).
"""

import gc
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

from tradewind.sdk import aliases
from tradewind.sdk.dag_file import LoadedDagFile, import_timeout_of, load_dag_file
from tradewind.service.parent_death import die_with_parent
from tradewind.task_runner.attempt.dag_file_import import ahead_of_forks
from tradewind.task_runner.attempt.execute import REHEARSALS_BEFORE_FORKS, Rehearsal, preload
from tradewind.task_runner.forking.process_groups import (
    CHILD_MARK,
    become_subreaper,
    kill_orphans,
    prctl_death_signal,
    signal_group,
)
from tradewind.task_runner.forking.protocol import (
    PACKET_MAX_BYTES,
    Drain,
    Exited,
    Fork,
    Forked,
    FromServer,
    Importing,
    Ready,
    ServerStarted,
    Signal,
    StartServer,
    TasksApart,
    Unloadable,
    decode_to_server,
)
from tradewind.task_runner.protocol import AttemptRequest
from tradewind.task_runner.turns.child import flush_streams, run_child
from tradewind.task_runner.turns.isolation import demands_fork, suits_lane
from tradewind.wire.codec import UndecodableMessage, decode, encode

_OOM_SCORE: Final = "500"
_DEPENDENCIES_MAX: Final = 64
_REASON_MAX_CHARACTERS: Final = 2000
_NAMES_PER_PACKET: Final = 100
_ORPHANS_INTERVAL_MS: Final = 60_000
"""How often processes that tasks left behind are waited for when nothing else happens."""

FileStamp = tuple[str, int, int]


def main(argv: Sequence[str]) -> None:
    """argv: the number of the inherited control socket, the launcher's process id."""
    control = socket.socket(fileno=int(argv[0]))
    die_with_parent(int(argv[1]))
    _offer_to_the_oom_killer()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    control.set_inheritable(False)
    sys.stdout.reconfigure(line_buffering=True)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - a TextIOWrapper: nothing replaced it yet
    aliases.install()
    rehearsal = Rehearsal()
    rehearsal.run(REHEARSALS_BEFORE_FORKS)
    _prepare_decoders()
    _freeze()
    _serve_root(control, rehearsal)


def _prepare_decoders() -> None:
    """A decoder is made at the first use of its message: here, and not in every child."""
    for kind in (AttemptRequest, StartServer):
        with suppress(UndecodableMessage):
            decode(b"", kind)
    with suppress(UndecodableMessage):
        decode_to_server(b"")


def _freeze() -> None:
    """Collect, then hide what is left from the collector, which would otherwise write to every page of it."""
    gc.collect()
    gc.freeze()


def _serve_root(control: socket.socket, rehearsal: Rehearsal) -> None:
    root = os.getpid()
    while True:
        data, descriptors = _receive(control)
        if not data:
            return
        pid = os.fork()
        if pid == 0:
            control.close()
            _run_server(decode(data, StartServer), socket.socket(fileno=descriptors[0]), root, rehearsal)
        os.close(descriptors[0])


def _run_server(request: StartServer, control: socket.socket, root: int, rehearsal: Rehearsal) -> NoReturn:
    code = 1
    try:
        die_with_parent(root)  # until the import is over, which may never be
        DagFileServer(request, control, rehearsal).run()
        code = 0
    except ConnectionError:
        code = 0  # the launcher is gone
    except BaseException:
        traceback.print_exc()
    finally:
        _flush_and_exit(code)


class _Forked:
    """A child that was forked and not waited for."""

    __slots__ = ("child_id", "process", "was_signalled")

    def __init__(self, child_id: int, process: int) -> None:
        self.child_id = child_id
        self.process = process
        """Its process descriptor."""
        self.was_signalled = False


class DagFileServer:
    """Imports one DAG file and forks a child per attempt.

    It has no signal handlers, which every child would have to undo: a process descriptor tells of each child's end.
    """

    def __init__(self, request: StartServer, control: socket.socket, rehearsal: Rehearsal) -> None:
        self._request = request
        self._rehearsal = rehearsal
        self._control = control
        self._pid = os.getpid()
        self._loaded: LoadedDagFile | None = None
        self._children: dict[int, _Forked] = {}
        self._draining = False
        self._die_with = prctl_death_signal()
        self._poller = select.poll()

    def run(self) -> None:
        """Serve until drained or until the launcher is gone."""
        become_subreaper()
        self._send(ServerStarted(self._pid))
        if not self._load():
            return
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(signum, signal.SIG_DFL)  # the DAG file may have changed them
        self._die_with(0)
        self._tell_of_tasks()
        self._send(Ready(_private_bytes(), self._dependencies()))
        _freeze()
        try:
            self._serve()
        finally:
            self._kill_children()

    def _load(self) -> bool:
        if not self._request.preload:
            return True
        try:
            with ahead_of_forks():
                self._loaded = self._import()
                preload(self._loaded)
        except BaseException as exc:
            reason = f"{type(exc).__name__}: {exc}"
        else:
            if _thread_count() == 1:
                return True
            reason = "its import starts threads"
        self._send(Unloadable(reason[:_REASON_MAX_CHARACTERS]))
        return False

    def _tell_of_tasks(self) -> None:
        """Which of them must not share a process, and which share one at once."""
        dags = {} if self._loaded is None else self._loaded.dags
        for dag in dags.values():
            tasks = dag.task_dict.items()
            if self._request.tasks_per_child != 1:
                self._tell_of(dag.dag_id, [task_id for task_id, task in tasks if demands_fork(task)], is_lane=False)
            if self._request.async_notice_seconds:
                self._tell_of(dag.dag_id, [task_id for task_id, task in tasks if suits_lane(task)], is_lane=True)

    def _tell_of(self, dag_id: str, task_ids: Sequence[str], *, is_lane: bool) -> None:
        for start in range(0, len(task_ids), _NAMES_PER_PACKET):
            self._send(TasksApart(dag_id, tuple(task_ids[start : start + _NAMES_PER_PACKET]), is_lane))

    def _import(self) -> LoadedDagFile:
        path, folder = Path(self._request.path), Path(self._request.dags_folder)
        allowed = import_timeout_of(path, folder)
        if allowed is not None:
            self._send(Importing(allowed))
        return load_dag_file(path, folder)

    def _serve(self) -> None:
        control = self._control.fileno()
        self._poller.register(control, select.POLLIN)
        while not (self._draining and not self._children):
            for descriptor, _ in self._poller.poll(_ORPHANS_INTERVAL_MS):
                if descriptor == control and not self._obey():
                    return
            self._reap()

    def _obey(self) -> bool:
        data, descriptors = _receive(self._control)
        if not data:
            return False
        match decode_to_server(data):
            case Fork() as message:
                self._fork(message, descriptors)
            case Signal() as message:
                self._signal(message)
            case Drain():
                self._draining = True
        return True

    def _fork(self, message: Fork, descriptors: Sequence[int]) -> None:
        child_id = message.child_id
        pid = os.fork()
        if pid == 0:
            self._become_child(message, *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        self._send(Forked(child_id, pid))
        process = os.pidfd_open(pid)
        self._poller.register(process, select.POLLIN)
        self._children[pid] = _Forked(child_id, process)

    def _become_child(self, message: Fork, connection: int, log: int) -> NoReturn:
        code = 1
        try:
            os.close(self._control.fileno())
            self._stand_alone(log)
            os.environ[CHILD_MARK] = self._mark(message.child_id)
            if not _has_arrived(connection):
                _rehearse(self._rehearsal)
            code = self._run_lane(connection) if message.is_lane else run_child(self._request, self._loaded, connection)
        except SystemExit as exc:
            code = exc.code if isinstance(exc.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            _flush_and_exit(code)

    def _run_lane(self, connection: int) -> NoReturn:
        # Imported here: only a lane pays for an event loop.
        from tradewind.task_runner.lane.child import run_lane
        from tradewind.task_runner.lane.watchdog import BlockLimits

        if self._loaded is None:
            raise AssertionError("a lane is forked by a server that has imported its file")
        limits = BlockLimits(
            notice_seconds=self._request.async_notice_seconds, stop_seconds=self._request.async_stop_seconds
        )
        run_lane(self._loaded, connection, limits)

    def _stand_alone(self, log: int) -> None:
        """An own session and process group, output to the log pipe, death with the server. Every page that is touched
        here is copied in every child: plain system calls only."""
        os.setsid()
        self._die_with(signal.SIGKILL)
        if os.getppid() != self._pid:
            os._exit(0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)

    def _signal(self, message: Signal) -> None:
        for pid, child in self._children.items():
            if child.child_id == message.child_id:
                child.was_signalled = True
                signal_group(pid, message.signum)

    def _reap(self) -> None:
        while self._children:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                return
            child = self._children.get(ended.si_pid)
            if child is None:
                os.waitpid(ended.si_pid, 0)  # an orphan of some child
            else:
                self._bury(ended, child)

    def _bury(self, ended: os.waitid_result, child: "_Forked") -> None:
        """The child is dead but not waited for, so its number is still its own: a safe moment to end what is left of
        it, unless it ended well by itself, when a process that it left behind may live on."""
        pid = ended.si_pid
        ended_well = ended.si_code == os.CLD_EXITED and ended.si_status == 0
        if child.was_signalled or not ended_well:
            signal_group(pid, signal.SIGKILL)
            kill_orphans(self._mark(child.child_id), spared=self._children)
        _, status, usage = os.wait4(pid, 0)
        del self._children[pid]
        self._poller.unregister(child.process)
        os.close(child.process)
        self._send(Exited(child.child_id, os.waitstatus_to_exitcode(status), usage.ru_maxrss))

    def _kill_children(self) -> None:
        """All of them, when nobody is left to report to."""
        for pid in self._children:
            signal_group(pid, signal.SIGKILL)
        for pid, child in self._children.items():
            os.waitpid(pid, 0)
            kill_orphans(self._mark(child.child_id), spared=self._children)

    def _mark(self, child_id: int) -> str:
        return f"{self._pid}.{child_id}"

    def _dependencies(self) -> tuple[FileStamp, ...]:
        folder = self._request.dags_folder.rstrip("/") + "/"
        stamps: list[FileStamp] = []
        for module in list(sys.modules.values()):
            path = getattr(module, "__file__", None)
            if isinstance(path, str) and path.startswith(folder) and path != self._request.path:
                with suppress(OSError):
                    status = Path(path).stat()
                    stamps.append((path, status.st_mtime_ns, status.st_size))
        return tuple(stamps[:_DEPENDENCIES_MAX])

    def _send(self, message: FromServer) -> None:
        self._control.send(encode(message))


def _has_arrived(connection: int) -> bool:
    """Whether there is something to do already."""
    poller = select.poll()
    poller.register(connection, select.POLLIN)
    return bool(poller.poll(0))


def _rehearse(rehearsal: Rehearsal) -> None:
    """A SIGTERM that comes meanwhile is for the attempt, not for the rehearsal: it is delivered afterwards."""
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
    try:
        rehearsal.run()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))


def _receive(control: socket.socket) -> tuple[bytes, list[int]]:
    data, descriptors, _, _ = socket.recv_fds(control, PACKET_MAX_BYTES, 2, socket.MSG_CMSG_CLOEXEC)
    return data, descriptors


def _offer_to_the_oom_killer() -> None:
    """Short of memory, the kernel shall pick a task, not its supervisor; whatever is forked inherits this."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)


def _thread_count() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _private_bytes() -> int:
    try:
        text = Path("/proc/self/smaps_rollup").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Private_"))


def _flush_and_exit(code: int) -> NoReturn:
    flush_streams()
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])
