"""An attempt of a trial in a process of its own, as executors run it: what it asks of the run, this process answers."""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, NoReturn, cast

import msgspec

from tradewind.core.states import EndCause, Outcome
from tradewind.sdk.runtime import Runtime
from tradewind.task_runner.protocol import AttemptResult

Execute = Callable[[Runtime], AttemptResult]


def run_apart(execute: Execute, runtime: Runtime) -> AttemptResult:
    """What `execute` gives in a forked process. One that ends without a word has failed."""
    began = datetime.now(UTC)
    ours, theirs = cast("tuple[Any, Any]", Pipe())
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _be_child(execute, theirs)
    theirs.close()
    with ours:
        result = _answered(ours, runtime)
    _, status = os.waitpid(pid, 0)
    if result is not None:
        return result
    code = os.waitstatus_to_exitcode(status)
    how = f"was ended by signal {-code}" if code < 0 else f"exited with code {code}"
    detail = f"the task's process {how} without a result"
    return AttemptResult(Outcome.FAILED, EndCause.USER_ERROR, detail, began, datetime.now(UTC), is_silent=True)


def _answered(pipe: "Connection[Any, Any]", runtime: Runtime) -> AttemptResult | None:
    """Answer questions until there is a result; None if the process is gone before."""
    while True:
        try:
            method, args, kwargs = cast("tuple[str, Any, Any]", pipe.recv())
        except (EOFError, ConnectionError):
            return None
        if not method:
            return msgspec.msgpack.decode(args, type=AttemptResult)
        try:
            pipe.send((True, getattr(runtime, method)(*args, **kwargs)))
        except Exception as exc:
            pipe.send((False, exc))


def _be_child(execute: Execute, pipe: "Connection[Any, Any]") -> NoReturn:
    code = 1
    try:
        result = execute(cast("Runtime", _Remote(pipe)))
        pipe.send(("", msgspec.msgpack.encode(result), None))
        code = 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class _Remote:
    """The run's values, which the process that tries the DAG holds."""

    def __init__(self, pipe: "Connection[Any, Any]") -> None:
        self._pipe = pipe

    def __getattr__(self, method: str) -> Any:
        def ask(*args: Any, **kwargs: Any) -> Any:
            self._pipe.send((method, args, kwargs))
            is_answer, value = cast("tuple[bool, Any]", self._pipe.recv())
            if not is_answer:
                raise value
            return value

        return ask
