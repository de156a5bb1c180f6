"""The fork servers: `python -m tradewind.task_runner.forkserver`, started by a launcher, never by hand.

The root process imports what every task needs, once. On demand it forks a server per DAG file, which imports that
file, once, and forks a fresh child per attempt: a child starts with everything in place and shares nothing that it
writes. The programs here are single-threaded, block, and use no event loop, so that a fork is safe and small.

Nothing outlives its parent: a launcher that dies shows as the end of the control stream, a server or root that dies
as a signal from the kernel (PR_SET_PDEATHSIG), and whoever leaves kills the process groups of its children first.
"""

import gc
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from tradewind.core.states import EndCause, Outcome
from tradewind.sdk import aliases
from tradewind.sdk.dag_file import LoadedDagFile, load_dag_file
from tradewind.service.parent_death import die_with_parent
from tradewind.task_runner.execute import preload, run_attempt
from tradewind.task_runner.forkserver_protocol import (
    PACKET_MAX_BYTES,
    Drain,
    Exited,
    Fork,
    Forked,
    FromServer,
    Ready,
    ServerStarted,
    Signal,
    StartServer,
    Unloadable,
    decode_to_server,
)
from tradewind.task_runner.frames import FrameTooLarge, frame, read_request
from tradewind.task_runner.process_groups import CHILD_MARK, become_subreaper, kill_orphans, signal_group
from tradewind.task_runner.protocol import AttemptResult
from tradewind.wire.codec import decode, encode
from tradewind.wire.messages import TaskStarted

_OOM_SCORE: Final = "500"
"""The kernel, short of memory, shall pick a task rather than what supervises it."""
_PRELOADED: Final = (
    "_strptime",
    "http.client",
    "pendulum",
    "tradewind.sdk.operators.bash",
    "tradewind.sdk.operators.empty",
    "tradewind.sdk.operators.python",
    "tradewind.sdk.task_decorator",
)
"""What most tasks import sooner or later: here once, and not in each child."""
_DEPENDENCIES_MAX: Final = 64
_REASON_MAX_CHARACTERS: Final = 2000
_HELD_BACK: Final = (signal.SIGTERM, signal.SIGCHLD)

FileStamp = tuple[str, int, int]


def main(argv: Sequence[str]) -> None:
    """argv: the number of the inherited control socket, the launcher's process id."""
    control = socket.socket(fileno=int(argv[0]))
    die_with_parent(int(argv[1]), signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    control.set_inheritable(False)
    sys.stdout.reconfigure(line_buffering=True)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - a TextIOWrapper: nothing replaced it yet
    aliases.install()
    for name in _PRELOADED:
        import_module(name)
    _freeze()
    _serve_root(control)


def _freeze() -> None:
    """Collect, then hide what is left from the collector, which would otherwise write to every page of it."""
    gc.collect()
    gc.freeze()


def _serve_root(control: socket.socket) -> None:
    root = os.getpid()
    while True:
        data, descriptors = _receive(control)
        if not data:
            return
        with _held_back_signals():
            pid = os.fork()
            if pid == 0:
                control.close()
                _run_server(decode(data, StartServer), socket.socket(fileno=descriptors[0]), root)
        os.close(descriptors[0])


def _run_server(request: StartServer, control: socket.socket, root: int) -> NoReturn:
    code = 1
    try:
        die_with_parent(root, signal.SIGTERM)
        DagFileServer(request, control).run()
        code = 0
    except BrokenPipeError:
        code = 0  # the launcher is gone
    except BaseException:
        traceback.print_exc()
    finally:
        _flush_and_exit(code)


class DagFileServer:
    """Imports one DAG file and forks a child per attempt."""

    def __init__(self, request: StartServer, control: socket.socket) -> None:
        self._request = request
        self._control = control
        self._pid = os.getpid()
        self._loaded: LoadedDagFile | None = None
        self._children: dict[int, int] = {}
        self._signalled: dict[int, bool] = {}
        self._draining = False
        self._wake_up, self._woken = socket.socketpair()
        self._wake_up.setblocking(False)
        self._woken.setblocking(False)

    def run(self) -> None:
        """Serve until drained or until the launcher is gone."""
        become_subreaper()
        self._listen_to_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD_BACK)
        self._send(ServerStarted(self._pid))
        if not self._load():
            return
        self._listen_to_signals()
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
            self._loaded = _load_dag_file(self._request)
            preload(self._loaded)
        except BaseException as exc:
            reason = f"{type(exc).__name__}: {exc}"
        else:
            if _thread_count() == 1:
                return True
            reason = "its import starts threads"
        self._send(Unloadable(reason[:_REASON_MAX_CHARACTERS]))
        return False

    def _listen_to_signals(self) -> None:
        """Again after the import: the DAG file may have changed them."""
        signal.set_wakeup_fd(self._wake_up.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _signum, _frame: None)
        signal.signal(signal.SIGTERM, self._on_sigterm)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _on_sigterm(self, _signum: int, _frame: FrameType | None) -> None:
        self._control.close()
        self._kill_children()
        os._exit(0)

    def _serve(self) -> None:
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        poller.register(self._woken, select.POLLIN)
        while not (self._draining and not self._children):
            for descriptor, _ in poller.poll():
                if descriptor == self._woken.fileno():
                    self._reap()
                elif not self._obey():
                    return

    def _obey(self) -> bool:
        data, descriptors = _receive(self._control)
        if not data:
            return False
        match decode_to_server(data):
            case Fork() as message:
                self._fork(message.child_id, socket.socket(fileno=descriptors[0]), descriptors[1])
            case Signal() as message:
                self._signal(message)
            case Drain():
                self._draining = True
        return True

    def _fork(self, child_id: int, connection: socket.socket, log: int) -> None:
        with _held_back_signals():
            pid = os.fork()
            if pid == 0:
                self._become_child(child_id, connection, log)
        connection.close()
        os.close(log)
        self._children[pid] = child_id
        self._send(Forked(child_id, pid))

    def _become_child(self, child_id: int, connection: socket.socket, log: int) -> NoReturn:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            self._control.close()
            os.environ[CHILD_MARK] = self._mark(child_id)
            _stand_alone(self._pid, log)
            code = _run_child(self._request, self._loaded, connection)
        except SystemExit as exc:
            code = exc.code if isinstance(exc.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            _flush_and_exit(code)

    def _signal(self, message: Signal) -> None:
        for pid, child_id in self._children.items():
            if child_id == message.child_id:
                self._signalled[pid] = True
                signal_group(pid, message.signum)

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            while self._woken.recv(4096):
                pass
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            self._bury(ended.si_pid)

    def _bury(self, pid: int) -> None:
        """The child is dead but not waited for, so its number is still its own: a safe moment to end what is left of
        it, unless it ended well by itself, when a process that it left behind may live on."""
        child_id = self._children.get(pid)
        if child_id is None:
            os.waitpid(pid, 0)  # an orphan of some child
            return
        if self._signalled.pop(pid, False) or not _has_ended_well(pid):
            signal_group(pid, signal.SIGKILL)
            kill_orphans(self._mark(child_id), spared=self._children)
        _, status, usage = os.wait4(pid, 0)
        del self._children[pid]
        self._send(Exited(child_id, os.waitstatus_to_exitcode(status), usage.ru_maxrss))

    def _kill_children(self) -> None:
        """All of them, when nobody is left to report to."""
        for pid in self._children:
            signal_group(pid, signal.SIGKILL)
        for pid, child_id in self._children.items():
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
            kill_orphans(self._mark(child_id), spared=self._children)

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


def _run_child(server: StartServer, loaded: LoadedDagFile | None, connection: socket.socket) -> int:
    """Await the request, run it, report; returns the exit code."""
    request = read_request(connection)
    if request is None:
        return 0

    def send(message: TaskStarted | AttemptResult) -> None:
        _flush_streams()
        connection.sendall(_frame_or_refusal(message))

    if loaded is None:
        try:
            loaded = _load_in_time(server)
        except BaseException as exc:
            traceback.print_exc()
            send(_import_failure(exc))
            return 1
    run_attempt(request, loaded, send)
    return 0


def _frame_or_refusal(message: TaskStarted | AttemptResult) -> bytes:
    try:
        return frame(message)
    except FrameTooLarge as exc:
        return frame(_failure(f"the result of the task is too large: {exc}"))


def _import_failure(exc: BaseException) -> AttemptResult:
    detail = f"the DAG file could not be imported: {type(exc).__name__}: {exc}"
    return _failure(detail, EndCause.TIMEOUT if isinstance(exc, TimeoutError) else EndCause.USER_ERROR)


def _failure(detail: str, cause: EndCause = EndCause.USER_ERROR) -> AttemptResult:
    return AttemptResult(Outcome.FAILED, cause, detail[:_REASON_MAX_CHARACTERS], None, datetime.now(UTC))


def _load_dag_file(server: StartServer) -> LoadedDagFile:
    return load_dag_file(Path(server.path), Path(server.dags_folder))


def _load_in_time(server: StartServer) -> LoadedDagFile:
    def on_alarm(_signum: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"importing {server.path} took more than {server.import_timeout_seconds:g} s")

    signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, server.import_timeout_seconds)
    try:
        return _load_dag_file(server)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _stand_alone(parent: int, log: int) -> None:
    """An own session and process group, default signals, output to the log pipe."""
    os.setsid()
    for signum in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, signal.SIG_DFL)
    die_with_parent(parent, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD_BACK)
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123 - a file of the kernel, opened as cheaply as can be
        file.write(_OOM_SCORE)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def _has_ended_well(pid: int) -> bool:
    status = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return status is not None and status.si_code == os.CLD_EXITED and status.si_status == 0


def _receive(control: socket.socket) -> tuple[bytes, list[int]]:
    data, descriptors, _, _ = socket.recv_fds(control, PACKET_MAX_BYTES, 2, socket.MSG_CMSG_CLOEXEC)
    return data, descriptors


@contextmanager
def _held_back_signals() -> Generator[None]:
    """Around a fork: a child must not run its parent's handlers before it has put its own in place."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD_BACK)


def _thread_count() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _private_bytes() -> int:
    try:
        text = Path("/proc/self/smaps_rollup").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Private_"))


def _flush_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()


def _flush_and_exit(code: int) -> NoReturn:
    _flush_streams()
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])
