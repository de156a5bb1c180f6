"""The parse server: a small process that has imported the SDK once and forks a child for each DAG file.

`python -m tradewind.dag_processor.parse_server <fd> <pid>`: the number of a connected socket, over which requests and
replies go (`parse_protocol`), and the service's process id. User code runs in the children only. A child has a session
of its own, dies with the server, and is killed with everything that it started when its time is over. The server ends
when the socket closes.
"""

import faulthandler
import gc
import os
import selectors
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Final, NoReturn

from tradewind.dag_processor.dependencies import installed_folders
from tradewind.dag_processor.parse_child import parse_file
from tradewind.dag_processor.parse_protocol import (
    ALLOWED,
    DIED,
    MAX_OUTPUT_BYTES,
    PARSED,
    READY,
    TIMED_OUT,
    ParseReply,
    ParseRequest,
    ParseResult,
)
from tradewind.dag_processor.requests.child import answer_in
from tradewind.dag_processor.requests.timetables import said_by
from tradewind.dag_processor.stored_reader import reading_stored_values
from tradewind.sdk.aliases import install
from tradewind.sdk.entry_points import installed_groups
from tradewind.service.parent_death import die_with_parent
from tradewind.task_runner.attempt.child_log import LogPipe, OutputStream
from tradewind.task_runner.forking.process_groups import signal_group
from tradewind.task_runner.frames import FrameReader, FrameTooLarge, frame
from tradewind.wire.codec import UndecodableMessage, decode, encode

KILL_DELAY_SECONDS: Final = 0.2
"""Between the dump of a hanging child's stack and its end."""
READ_BYTES: Final = 1 << 16
PRELOADED: Final = (
    "tradewind.sdk.operators.bash",
    "tradewind.sdk.operators.empty",
    "tradewind.sdk.operators.python",
    "tradewind.sdk.dag_decorator",
    "tradewind.sdk.task_decorator",
    "pendulum",
    "json",
    "subprocess",
    "tempfile",
    "textwrap",
)
"""What most DAG files import: here once, and not in each child. Together about 2 MB."""


@dataclass(slots=True)
class _Child:
    """A file being parsed."""

    request: ParseRequest
    pid: int
    process: int
    result: int
    output: int
    started_at: float
    received: bytearray = field(default_factory=bytearray)
    printed: bytearray = field(default_factory=bytearray)
    timed_out: bool = False
    allowed: float | None = None
    """What it said before its result: the seconds that a policy allows, 0 for none that does."""

    @property
    def deadline(self) -> float:
        return self.started_at + (self.allowed or self.request.timeout_seconds) + KILL_DELAY_SECONDS


_SECONDS: Final = struct.Struct("d")


class _Allowance:
    """What a child says first on the pipe of its result, once: how many seconds it may take."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._is_said = False

    def allow(self, seconds: float) -> None:
        """0: as many as the service wants. Only the first word counts."""
        if not self._is_said:
            self._is_said = True
            os.write(self._pipe, _SECONDS.pack(seconds))
            if seconds:
                faulthandler.dump_traceback_later(seconds, file=2)


class ParseServer:
    """One thread that waits for requests, output and the ends of children."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._selector = selectors.DefaultSelector()
        self._children: dict[int, _Child] = {}
        self._frames = FrameReader()
        self._pid = os.getpid()
        self._installed = installed_folders()

    def run(self) -> None:
        """Serve until the service closes the socket; children that still run are killed."""
        self._selector.register(self._control, selectors.EVENT_READ)
        self._send(ParseReply(request_id=0, status=READY))
        try:
            while self._turn():
                pass
        finally:
            for child in self._children.values():
                signal_group(child.pid, signal.SIGKILL)

    def _turn(self) -> bool:
        for key, _events in self._selector.select(self._seconds_to_deadline()):
            if key.fileobj is self._control:
                if not self._receive():
                    return False
                continue
            child: _Child = key.data
            if key.fd == child.process:
                self._finish(child)
            elif child.pid in self._children:
                self._read(child, key.fd)
        now = time.monotonic()
        for child in list(self._children.values()):
            if not child.timed_out and now >= child.deadline:
                child.timed_out = True
                signal_group(child.pid, signal.SIGKILL)
        return True

    def _seconds_to_deadline(self) -> float | None:
        deadlines = [child.deadline for child in self._children.values() if not child.timed_out]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _receive(self) -> bool:
        data = self._control.recv(READ_BYTES)
        for body in self._frames.feed(data):
            self._start(decode(body, ParseRequest))
        return bool(data)

    def _start(self, request: ParseRequest) -> None:
        result_out, result_in = os.pipe()
        output_out, output_in = os.pipe()
        try:
            pid = os.fork()
        except OSError as exc:
            for descriptor in (result_out, result_in, output_out, output_in):
                os.close(descriptor)
            self._send(ParseReply(request_id=request.request_id, status=DIED, detail=f"it could not be started: {exc}"))
            return
        if pid == 0:
            self._become_child(request, result_in, output_in)
        os.close(result_in)
        os.close(output_in)
        child = _Child(request, pid, os.pidfd_open(pid), result_out, output_out, time.monotonic())
        self._children[pid] = child
        for descriptor in (child.process, child.result, child.output):
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ, child)

    def _become_child(self, request: ParseRequest, result_in: int, output_in: int) -> NoReturn:
        code = 1
        try:
            os.setsid()
            die_with_parent(self._pid)
            self._let_go()
            _redirect(output_in)
            faulthandler.enable(2)
            faulthandler.dump_traceback_later(request.timeout_seconds, file=2)
            allowance = _Allowance(result_in)
            result = encode(self._result_of(request, allowance.allow))
            faulthandler.cancel_dump_traceback_later()
            allowance.allow(0.0)
            with os.fdopen(result_in, "wb") as pipe:
                pipe.write(result)
            sys.stdout.flush()
            sys.stderr.flush()
            code = 0
        finally:
            os._exit(code)

    def _result_of(self, request: ParseRequest, allow: Callable[[float], object]) -> ParseResult:
        if not request.question and not request.timetable:
            return parse_file(request, self._installed, allow)
        path, root = Path(request.path), Path(request.root)
        with reading_stored_values(request):
            question, timetable = request.question, request.timetable
            answer = answer_in(path, root, question) if question else said_by(path, root, timetable)
        return ParseResult(file_digest="", specs=(), stacktrace=None, dependencies={}, answer=answer)

    def _let_go(self) -> None:
        self._selector.close()
        self._control.close()
        for other in self._children.values():
            for descriptor in (other.process, other.result, other.output):
                os.close(descriptor)

    def _read(self, child: _Child, descriptor: int) -> None:
        data = _read_available(descriptor)
        if data == b"":
            self._selector.unregister(descriptor)
        elif data is not None:
            self._keep(child, descriptor, data)

    def _keep(self, child: _Child, descriptor: int, data: bytes) -> None:
        if descriptor == child.result:
            child.received += data
            self._note_allowance(child)
        else:
            child.printed += data
            del child.printed[:-MAX_OUTPUT_BYTES]

    def _note_allowance(self, child: _Child) -> None:
        if child.allowed is None and len(child.received) >= _SECONDS.size:
            (child.allowed,) = _SECONDS.unpack_from(child.received)
            del child.received[: _SECONDS.size]
            if child.allowed:
                number = child.request.request_id
                self._send(ParseReply(request_id=number, status=ALLOWED, timeout_seconds=child.allowed))

    def _finish(self, child: _Child) -> None:
        """The child is a zombie: end what it started, take what it left in its pipes, reap it, answer."""
        signal_group(child.pid, signal.SIGKILL)
        for descriptor in (child.result, child.output):
            while data := _read_available(descriptor):
                self._keep(child, descriptor, data)
        _pid, wait_status = os.waitpid(child.pid, 0)
        del self._children[child.pid]
        registered = self._selector.get_map()
        for descriptor in (child.process, child.result, child.output):
            if descriptor in registered:
                self._selector.unregister(descriptor)
            os.close(descriptor)
        self._send(_reply(child, os.waitstatus_to_exitcode(wait_status)))

    def _send(self, reply: ParseReply) -> None:
        try:
            data = frame(reply)
        except FrameTooLarge as exc:
            data = frame(ParseReply(reply.request_id, DIED, detail=f"the DAGs that it defines are too large: {exc}"))
        self._control.sendall(data)


def _reply(child: _Child, exit_code: int) -> ParseReply:
    result = _decoded(child.received) if exit_code == 0 else None
    status = PARSED if result else TIMED_OUT if child.timed_out else DIED
    return ParseReply(
        request_id=child.request.request_id,
        status=status,
        timeout_seconds=child.allowed or 0.0,
        result=result,
        detail="" if result else _exit_text(exit_code),
        output=bytes(child.printed),
        duration_seconds=time.monotonic() - child.started_at,
    )


def _decoded(received: bytearray) -> ParseResult | None:
    try:
        return decode(bytes(received), ParseResult)
    except UndecodableMessage:
        return None


def _exit_text(exit_code: int) -> str:
    if exit_code >= 0:
        return f"its process ended with exit code {exit_code}"
    name = signal.Signals(-exit_code).name
    hint = " (out of memory?)" if -exit_code == signal.SIGKILL else ""
    return f"its process was ended by {name}{hint}"


def _read_available(descriptor: int) -> bytes | None:
    """b"" at the end of the pipe, None if nothing is there at the moment."""
    try:
        return os.read(descriptor, READ_BYTES)
    except BlockingIOError:
        return None


def _redirect(output: int) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    pipe = LogPipe(1)
    sys.stdout, sys.stderr = OutputStream(pipe, 1), OutputStream(pipe, 2)  # secrets masked


def main() -> None:
    """Entry point: `argv[1]` is the number of the control socket, `argv[2]` the service's process id."""
    die_with_parent(int(sys.argv[2]), signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    install()
    for name in PRELOADED:
        import_module(name)
    installed_groups()  # here, where nobody records what a file reads
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as control:
        ParseServer(control).run()


if __name__ == "__main__":
    main()
