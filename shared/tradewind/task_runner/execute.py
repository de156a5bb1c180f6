"""Running one attempt, in the process that was forked for it: context, templates, the operator, the outcome."""

import logging
import os
import signal
import socket
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any, Final
from uuid import UUID

from tradewind.core.states import EndCause, Outcome
from tradewind.sdk.active import executing
from tradewind.sdk.context import Context
from tradewind.sdk.dag_file import LoadedDagFile
from tradewind.sdk.dags import DAG
from tradewind.sdk.environment import context_to_airflow_vars
from tradewind.sdk.exceptions import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTerminated,
    AirflowTaskTimeout,
)
from tradewind.sdk.masking import MASKER
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.operators.python import PythonOperator, signature_of
from tradewind.sdk.runtime import install_runtime, remove_runtime
from tradewind.sdk.templating import template_texts
from tradewind.task_runner.child_log import task_log
from tradewind.task_runner.context import build_context, outputs_of
from tradewind.task_runner.execution_client import ExecutionClient
from tradewind.task_runner.protocol import AttemptRequest, AttemptResult
from tradewind.task_runner.rendered_fields import rendered_fields, storable
from tradewind.wire.messages import Grant, TaskInstanceKey, TaskStarted

Send = Callable[[TaskStarted | AttemptResult], None]

MAX_DETAIL_CHARACTERS: Final = 1000
MAX_TEMPLATES_COMPILED: Final = 200
"""Templates that a fork server compiles beforehand, about 0.3 ms each; a task beyond that compiles its own."""

REHEARSALS_BEFORE_FORKS: Final = 16
"""The interpreter specialises code after about eight runs."""

_DATE_KEYS: Final = ("logical_date", "data_interval_start", "data_interval_end", "dag_run")

log = logging.getLogger("tradewind.task")


def preload(loaded: LoadedDagFile) -> None:
    """Do in the fork server, once, what attempts of this file would otherwise do each by itself: import what they will
    need, and only that, since each fork pays for what was imported; compile templates; look at signatures."""
    tasks = [task for dag in loaded.dags.values() for task in dag.task_dict.values()]
    texts = list(islice((text for task in tasks for text in _texts(task)), MAX_TEMPLATES_COMPILED))
    if texts:
        import_module("tradewind.sdk.jinja_environments")
        import_module("tradewind.sdk.macros")
    for task in tasks:
        function = getattr(task, "python_callable", None)
        if function is not None:
            signature_of(function)
    if texts or any(map(_may_ask_for_dates, tasks)):
        import_module("pendulum")
    if any(param.schema for task in tasks for _, param in task.params.params()):
        import_module("jsonschema")


def _texts(task: BaseOperator) -> Iterator[str]:
    """The task's templates, each compiled when it is asked for."""
    for text in template_texts(task):
        from tradewind.sdk.jinja_environments import compile_beforehand

        compile_beforehand(text, task.get_template_env())
        yield text


def _may_ask_for_dates(task: BaseOperator) -> bool:
    """Whether the task may look at one of the context's datetimes. A wrong no costs the task an import."""
    function = getattr(task, "python_callable", None)
    if function is None:
        return not type(task).__module__.startswith("tradewind.sdk.operators.")
    parameters = signature_of(function).parameters
    named = any(name in _DATE_KEYS for name in parameters)
    names = getattr(getattr(function, "__code__", None), "co_names", ())
    anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    return named or anything or "get_current_context" in names


class Rehearsal:
    """A task that does nothing, run without a trace.

    Before the forks, some rounds of it: the interpreter rewrites code in place while it learns how it is used; learned
    by then, that is shared, instead of being copied page by page in every child. In a child that has nothing to do
    yet, one round: the pages that every attempt writes to are copied while nobody waits.
    """

    def __init__(self) -> None:
        with DAG("rehearsal") as dag:
            PythonOperator(task_id="nothing", python_callable=_nothing)
        now = datetime.now(UTC)
        grant = Grant("", 1, 0, "", "", "manual", now, now, now, now, now, now, "", b"{}", now)
        key = TaskInstanceKey("rehearsal", "nothing", "rehearsal", 1)
        self._loaded = LoadedDagFile(Path(), {dag.dag_id: dag})
        self._request = AttemptRequest(key, UUID(int=0), grant, "", "", "")

    def run(self, rounds: int = 1) -> None:
        """So many rounds; the environment is afterwards what it was."""
        environment = dict(os.environ)
        sink = os.open(os.devnull, os.O_WRONLY)
        try:
            for _ in range(rounds):
                run_attempt(self._request, self._loaded, _say_nothing, log_descriptor=sink)
        finally:
            os.close(sink)
            for name in [name for name in os.environ if name not in environment]:
                del os.environ[name]


def _nothing() -> str:
    return ""


def _say_nothing(_message: TaskStarted | AttemptResult) -> None:
    """Nobody waits for the result of a rehearsal."""


def run_attempt(request: AttemptRequest, loaded: LoadedDagFile, send: Send, *, log_descriptor: int = 1) -> None:
    """Run an attempt and report it: `TaskStarted` when user code is about to begin, then one `AttemptResult`.

    Never raises for what user code does. Runs in the main thread, since it uses signals: SIGTERM stops the task,
    SIGALRM is its `execution_timeout`.
    """
    MASKER.add(request.grant.token)
    with _sigterm_restored():
        with task_log(log_descriptor):
            result = _find_and_run(request, loaded, send)
        send(result)


def _find_and_run(request: AttemptRequest, loaded: LoadedDagFile, send: Send) -> AttemptResult:
    dag = loaded.dags.get(request.key.dag_id)
    task = dag.task_dict.get(request.key.task_id) if dag is not None else None
    if task is None:
        detail = _missing(request, loaded)
        log.error(detail)
        return AttemptResult(Outcome.FAILED, EndCause.USER_ERROR, detail, None, datetime.now(UTC))
    started_at = datetime.now(UTC)
    send(TaskStarted(request.attempt_id, os.getpid(), started_at, socket.gethostname()))
    client = ExecutionClient(request.execution_api_url, request.grant.token)
    token = install_runtime(client)
    try:
        return _Attempt(request, task, client, started_at).run()
    finally:
        remove_runtime(token)
        client.close()


def _missing(request: AttemptRequest, loaded: LoadedDagFile) -> str:
    key, file = request.key, request.grant.relative_fileloc
    if key.dag_id not in loaded.dags:
        return f"DAG {key.dag_id!r} is not in the file {file!r} any more"
    return f"task {key.task_id!r} is not in DAG {key.dag_id!r} of the file {file!r} any more"


class _Attempt:
    """One execution of one task. The task is a copy: rendering changes it."""

    def __init__(
        self, request: AttemptRequest, task: BaseOperator, client: ExecutionClient, started_at: datetime
    ) -> None:
        self._request = request
        self._client = client
        self._task = task.prepare_for_execution()
        self._started_at = started_at
        self._context: Context = {}
        self._rendered: bytes | None = None
        self._xcoms: tuple[tuple[str, bytes], ...] = ()

    def run(self) -> AttemptResult:
        """The outcome, whatever happens."""
        try:
            with _sigterm_stops(self._task):
                error = self._try_to_execute()
        except AirflowTaskTerminated as exc:
            # The signal came just as the task had ended.
            error = exc
        outcome, cause = _judge(error)
        self._report(error, outcome)
        self._run_callbacks(error, outcome)
        return AttemptResult(
            outcome,
            cause,
            None if error is None else _detail(error),
            self._started_at,
            datetime.now(UTC),
            self._xcoms if outcome is Outcome.SUCCESS else (),
            self._rendered,
        )

    def _try_to_execute(self) -> BaseException | None:
        try:
            self._context = build_context(self._request, self._task, self._client)
            with executing(self._context):
                self._execute(self._context)
        except BaseException as exc:
            return exc
        return None

    def _execute(self, context: Context) -> None:
        task = self._task
        task.resolve_template_files()
        task.render_template_fields(context)
        self._rendered = rendered_fields(task)
        os.environ.update(context_to_airflow_vars(context, in_env_var_format=True))
        if task.pre_execute_hook is not None:
            task.pre_execute_hook(context)
        task.pre_execute(context)
        for callback in task.on_execute_callback:
            _call_back(callback, context, "on_execute_callback")
        result = self._execute_in_time(context)
        if task.post_execute_hook is not None:
            task.post_execute_hook(context, result)
        task.post_execute(context, result)
        self._xcoms = outputs_of(task, result)

    def _execute_in_time(self, context: Context) -> Any:
        timeout = self._task.execution_timeout
        if timeout is None:
            return self._task.execute(context)
        try:
            with _alarm(timeout.total_seconds()):
                return self._task.execute(context)
        except AirflowTaskTimeout:
            self._task.on_kill()
            raise

    def _report(self, error: BaseException | None, outcome: Outcome) -> None:
        if outcome is Outcome.SKIPPED:
            log.info("Task skipped: %s", error)
        elif error is not None:
            log.error("Task failed with exception", exc_info=error)

    def _run_callbacks(self, error: BaseException | None, outcome: Outcome) -> None:
        """The author's callbacks for this outcome. What they raise is logged and changes nothing."""
        name = self._callback_name(outcome)
        callbacks: list[Any] = getattr(self._task, name)
        if not callbacks:
            return
        if error is not None:
            self._context["exception"] = error
        with executing(self._context):
            for callback in callbacks:
                _call_back(callback, self._context, name)

    def _callback_name(self, outcome: Outcome) -> str:
        match outcome:
            case Outcome.SUCCESS:
                return "on_success_callback"
            case Outcome.SKIPPED:
                return "on_skipped_callback"
            case Outcome.FAILED if self._request.grant.try_number <= self._request.grant.max_tries:
                return "on_retry_callback"
            case _:
                return "on_failure_callback"


def _judge(error: BaseException | None) -> tuple[Outcome, EndCause]:
    match error:
        case None:
            return Outcome.SUCCESS, EndCause.NONE
        case AirflowSkipException():
            return Outcome.SKIPPED, EndCause.NONE
        case AirflowFailException() | AirflowSensorTimeout():
            return Outcome.FAILED_WITHOUT_RETRY, EndCause.USER_ERROR
        case AirflowTaskTimeout():
            return Outcome.FAILED, EndCause.TIMEOUT
        case AirflowTaskTerminated():
            return Outcome.FAILED, EndCause.KILLED
        case _:
            return Outcome.FAILED, EndCause.USER_ERROR


def _detail(error: BaseException) -> str:
    """One line, without secrets."""
    text = " ".join(str(error).split())
    line = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return storable(MASKER.redact(line))[:MAX_DETAIL_CHARACTERS]


def _call_back(callback: Any, context: Context, name: str) -> None:
    try:
        callback(context)
    except Exception:
        log.exception("Error when executing %s callback", name)


@contextmanager
def _sigterm_stops(task: BaseOperator) -> Generator[None]:
    """SIGTERM lets the operator clean up, then interrupts it. Once it has ended, by itself or by that, the signal does
    nothing: the outcome stands and is about to be reported."""
    pid = os.getpid()

    def on_sigterm(_signum: int, _frame: FrameType | None) -> None:
        if os.getpid() != pid:
            # A process that user code forked: it dies as it would have without us.
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
            return
        signal.signal(signal.SIGTERM, _do_nothing)
        log.warning("Task was told to stop (SIGTERM)")
        task.on_kill()
        raise AirflowTaskTerminated("the task was told to stop (SIGTERM)")

    signal.signal(signal.SIGTERM, on_sigterm)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, _do_nothing)


def _do_nothing(_signum: int, _frame: FrameType | None) -> None:
    """Not SIG_IGN, which processes started from here would inherit."""


@contextmanager
def _sigterm_restored() -> Generator[None]:
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _alarm(seconds: float) -> Generator[None]:
    def on_alarm(_signum: int, _frame: FrameType | None) -> None:
        raise AirflowTaskTimeout(f"execution_timeout of {seconds:g} s is over")

    if seconds <= 0:
        raise AirflowTaskTimeout(f"execution_timeout of {seconds:g} s is over")
    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
