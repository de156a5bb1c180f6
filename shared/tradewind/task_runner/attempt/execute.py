"""Running one attempt, in the process that was forked for it: context, templates, the operator, the outcome."""

import logging
import os
import socket
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import UUID

import msgspec

from tradewind.core.states import EndCause, Outcome
from tradewind.sdk import serde
from tradewind.sdk.active import executing
from tradewind.sdk.configuration import conf
from tradewind.sdk.context import Context
from tradewind.sdk.dag_file import LoadedDagFile
from tradewind.sdk.dags import DAG
from tradewind.sdk.environment import context_to_airflow_vars
from tradewind.sdk.exceptions import (
    AirflowRuntimeError,
    AirflowTaskTerminated,
    AirflowTaskTimeout,
    DagRunTriggerException,
)
from tradewind.sdk.listeners import LISTENERS, TaskRunnerMarker
from tradewind.sdk.masking import MASKER
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.operators.python import PythonOperator, run_through, signature_of
from tradewind.sdk.plugins import loaded_plugins
from tradewind.sdk.policies import loaded_policies
from tradewind.sdk.runtime import Runtime, install_runtime, remove_runtime
from tradewind.sdk.state import TaskInstanceState
from tradewind.sdk.templating import template_texts
from tradewind.sdk.triggers.starting import deferral_at_start, start_trigger
from tradewind.task_runner.attempt.child_log import task_log
from tradewind.task_runner.attempt.context import build_context
from tradewind.task_runner.attempt.mapping import instance_of, map_length_of, rendered_map_index, task_ids_mapped_over
from tradewind.task_runner.attempt.notices import call_back, give_notice, notice_is_due
from tradewind.task_runner.attempt.outcomes import PLAIN_SUCCESS, WAITING, Judgement, detail, judge
from tradewind.task_runner.attempt.outputs import outputs_of
from tradewind.task_runner.attempt.rendered_fields import rendered_fields
from tradewind.task_runner.attempt.signals import alarm, sigterm_restored, sigterm_stops
from tradewind.task_runner.execution_api.client import ExecutionClient
from tradewind.task_runner.protocol import AttemptRequest, AttemptResult
from tradewind.wire.messages import EndEffects, Grant, TaskInstanceKey, TaskStarted

if TYPE_CHECKING:
    from tradewind.sdk.retry_policy import RetryPolicy

Send = Callable[[TaskStarted | AttemptResult], None]

MAX_TEMPLATES_COMPILED: Final = 200
"""Templates that a fork server compiles beforehand, about 0.3 ms each; a task beyond that compiles its own."""

REHEARSALS_BEFORE_FORKS: Final = 16
"""The interpreter specialises code after about eight runs."""

_DATE_KEYS: Final = ("logical_date", "data_interval_start", "data_interval_end", "dag_run")

log = logging.getLogger("tradewind.task")


def preload(loaded: LoadedDagFile) -> None:
    """Do in the fork server, once, what attempts of this file would otherwise do each by itself: import what they will
    need, and only that, since each fork pays for what was imported; compile templates; look at signatures."""
    for dag in loaded.dags.values():
        task_ids_mapped_over(dag)
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
        """So many rounds; the environment is afterwards what it was. None where the code of others would be called: a
        task that there is not must not be heard of."""
        if _others_are_called():
            return
        environment = dict(os.environ)
        sink = os.open(os.devnull, os.O_WRONLY)
        try:
            for _ in range(rounds):
                run_attempt(self._request, self._loaded, _say_nothing, log_descriptor=sink)
        finally:
            os.close(sink)
            for name in [name for name in os.environ if name not in environment]:
                del os.environ[name]


def _others_are_called() -> bool:
    """Whether running a task calls listeners, links, policies or an XCom backend of this deployment."""
    rules = loaded_policies()
    has_policy = rules is not None and rules.has("get_airflow_context_vars")
    return has_policy or bool(LISTENERS or loaded_plugins() or conf.get("core", "xcom_backend", fallback=None))


def _nothing() -> str:
    return ""


def _say_nothing(_message: TaskStarted | AttemptResult) -> None:
    """Nobody waits for the result of a rehearsal."""


def run_attempt(request: AttemptRequest, loaded: LoadedDagFile, send: Send, *, log_descriptor: int = 1) -> None:
    """Run an attempt and report it: `TaskStarted` when user code is about to begin, then one `AttemptResult`. Callbacks
    and listeners of a success are called after that, all others before: a failure may not be retried meanwhile.

    Never raises for what user code does. Runs in the main thread, since it uses signals: SIGTERM stops the task,
    SIGALRM is its `execution_timeout`.
    """
    MASKER.add(request.grant.token)
    with sigterm_restored():
        with task_log(log_descriptor):
            result = _find_and_run(request, loaded, send)
        if result is not None:
            send(result)


def _find_and_run(request: AttemptRequest, loaded: LoadedDagFile, send: Send) -> AttemptResult | None:
    """The result; None if it was sent already: somebody was to be told of a success, which must hold up nothing."""
    dag = loaded.dags.get(request.key.dag_id)
    task = dag.task_dict.get(request.key.task_id) if dag is not None else None
    if task is None:
        detail = what_is_missing(request, loaded)
        log.error(detail)
        return AttemptResult(Outcome.FAILED, EndCause.USER_ERROR, detail, None, datetime.now(UTC))
    started_at = datetime.now(UTC)
    send(TaskStarted(request.attempt_id, os.getpid(), started_at, socket.gethostname()))
    client = ExecutionClient(request.execution_api_url, request.grant.token)
    try:
        with runtime_of(client):
            attempt = Execution(request, task, client, started_at)
            result = attempt.run()
            if result.outcome != Outcome.SUCCESS or not attempt.has_notices:
                attempt.finish()
                return result
            send(msgspec.structs.replace(result, overtime_seconds=overtime_seconds()))
            client.hand_in(request.key, result.xcoms)
            attempt.finish()
    finally:
        client.close()
    return None


def execute_attempt(
    request: AttemptRequest, task: BaseOperator, runtime: Runtime, started_at: datetime
) -> AttemptResult:
    """Run an attempt with this runtime behind it, whoever it belongs to; as `run_attempt`, without saying anything."""
    with runtime_of(runtime):
        attempt = Execution(request, task, runtime, started_at)
        result = attempt.run()
        attempt.finish()
        return result


@contextmanager
def runtime_of(runtime: Runtime) -> Generator[None]:
    """Whoever asks for the current one meanwhile is given this."""
    token = install_runtime(runtime)
    try:
        yield
    finally:
        remove_runtime(token)


def what_is_missing(request: AttemptRequest, loaded: LoadedDagFile) -> str:
    """Why the attempt has no task to run."""
    key, file = request.key, request.grant.relative_fileloc
    if key.dag_id not in loaded.dags:
        return f"DAG {key.dag_id!r} is not in the file {file!r} any more"
    return f"task {key.task_id!r} is not in DAG {key.dag_id!r} of the file {file!r} any more"


class Execution:
    """One execution of one task. The task is a copy: rendering changes it."""

    def __init__(self, request: AttemptRequest, task: BaseOperator, client: Runtime, started_at: datetime) -> None:
        self._request = request
        self._client = client
        self._task = task.prepare_for_execution()
        self._started_at = started_at
        self._context: Context = {}
        self._rendered: bytes | None = None
        self._rendered_map_index: str | None = None
        self._map_length: int | None = None
        self._xcoms: tuple[tuple[str, bytes], ...] = ()
        self._asset_events: tuple[bytes, ...] = ()
        self._judgement = PLAIN_SUCCESS
        self._component = TaskRunnerMarker() if LISTENERS else None

    def run(self) -> AttemptResult:
        """The outcome, whatever happens. `finish` is due afterwards."""
        if self._component is not None:
            LISTENERS.notify("on_starting", component=self._component)
        try:
            with sigterm_stops(self._on_kill):
                error = self._try_to_execute()
        except AirflowTaskTerminated as exc:
            # The signal came just as the task had ended.
            error = exc
        return self._conclude(error)

    def _conclude(self, error: BaseException | None) -> AttemptResult:
        judgement = PLAIN_SUCCESS if error is None else judge(error, self._task)
        if judgement.outcome is Outcome.FAILED and (policy := self._task.retry_policy) is not None:
            judgement = self._judge_by_policy(judgement, policy)
        self._report(judgement)
        self._judgement = judgement
        if not self._is_silent and not self._task.is_mapped:
            try:
                self._complete(judgement)
            except BaseException:
                log.exception("Error after the task's end")
        return AttemptResult(
            judgement.outcome,
            judgement.cause,
            None if judgement.error is None else detail(judgement.error),
            self._started_at,
            datetime.now(UTC),
            self._xcoms if judgement.outcome is Outcome.SUCCESS else (),
            self._rendered,
            self._effects(judgement),
            self._is_silent,
        )

    @property
    def has_notices(self) -> bool:
        """Whether somebody is to be told of the end."""
        will_retry = self._will_retry(self._judgement)
        return not self._is_silent and notice_is_due(self._judgement, self._task, will_retry=will_retry)

    def finish(self) -> None:
        """Tell whoever is to be told of the end. Nothing here changes it."""
        try:
            if self.has_notices:
                with self._time_for_notices():
                    self._give_notices(self._judgement)
        except BaseException:
            # A callback that exits, say: the outcome stands.
            log.exception("Error after the task's end")
        if self._component is not None:
            LISTENERS.notify("before_stopping", component=self._component)

    def _time_for_notices(self) -> AbstractContextManager[None]:
        return alarm(overtime_seconds(), "[core] task_success_overtime")

    @property
    def _is_silent(self) -> bool:
        """Told to stop, it does not know whether it has failed: another attempt may follow, or a person has marked
        it."""
        return isinstance(self._judgement.error, AirflowTaskTerminated)

    def _on_kill(self) -> None:
        if not self._task.is_mapped:
            self._task.on_kill()

    def _try_to_execute(self) -> BaseException | None:
        try:
            self._context = build_context(self._request, self._task, self._client)
            with executing(self._context):
                self._execute(self._context)
        except BaseException as exc:
            return exc
        return None

    def _prepare(self, context: Context) -> BaseOperator:
        """The task as it is executed: the instance that is meant, its fields rendered."""
        if self._task.is_mapped:
            self._task = instance_of(self._task, context)
        task = self._task
        if task.inlets or task.outlets:
            # Imported here: most tasks have neither.
            from tradewind.task_runner.attempt.asset_events import check_assets

            check_assets([*task.inlets, *task.outlets], self._client)
        task.resolve_template_files()
        task.render_template_fields(context)
        self._rendered = rendered_fields(task)
        self._export(context)
        return task

    def _export(self, context: Context) -> None:
        os.environ.update(context_to_airflow_vars(context, in_env_var_format=True))

    def _execute(self, context: Context) -> None:
        task = self._begin(context)
        self._end(task, context, lambda: self._execute_in_time(context))

    def _begin(self, context: Context) -> BaseOperator:
        """All that comes before the task's work."""
        task = self._prepare(context)
        if LISTENERS:
            LISTENERS.notify(
                "on_task_instance_running", previous_state=TaskInstanceState.QUEUED, task_instance=context.get("ti")
            )
        if task.pre_execute_hook is not None:
            run_through(task.pre_execute_hook, context)
        task.pre_execute(context)
        if task.on_execute_callback:
            call_back(task.on_execute_callback, context, "on_execute_callback")
        if task.map_index_template is not None:
            with suppress(Exception):
                # Rendered again at the end: the task may add to the context what the template asks for.
                self._rendered_map_index = rendered_map_index(task, context)
        return task

    def _end(self, task: BaseOperator, context: Context, work: Callable[[], Any]) -> None:
        """The task's work, which may have been done already, and what comes after it."""
        try:
            result = work()
        except DagRunTriggerException as exc:
            # Imported here: few tasks ask for this.
            from tradewind.task_runner.attempt.dag_run_triggers import trigger_dag_run

            trigger_dag_run(exc, context.get("ti"), self._client)
        else:
            self._take_result(task, context, result)
        if task.map_index_template is not None:
            self._rendered_map_index = rendered_map_index(task, context)
        if task.outlets:
            # Imported here: most tasks have no outlets.
            from tradewind.task_runner.attempt.asset_events import asset_events_of

            self._asset_events = asset_events_of(task.outlets, cast("Any", context)["outlet_events"])

    def _take_result(self, task: BaseOperator, context: Context, result: Any) -> None:
        if task.post_execute_hook is not None:
            run_through(task.post_execute_hook, context, result)
        task.post_execute(context, result)
        self._map_length = map_length_of(task, result, self._request.key.map_index)
        self._xcoms = outputs_of(task, result, context.get("ti"))

    def _execute_in_time(self, context: Context) -> Any:
        timeout = self._task.execution_timeout
        if timeout is None:
            return self._call(context)
        try:
            with alarm(timeout.total_seconds()):
                return self._call(context)
        except AirflowTaskTimeout:
            self._task.on_kill()
            raise

    def _call(self, context: Context) -> Any:
        """The task's work; after a deferral, the method that it named."""
        next_method = self._request.grant.next_method
        if next_method is None:
            if (start := start_trigger(self._task)) is not None:
                raise deferral_at_start(self._task, start, context)
            return self._task.execute(context)
        values = serde.deserialize(msgspec.json.decode(self._request.grant.next_kwargs or b"{}"))
        return self._task.resume_execution(next_method, values, context)

    def _judge_by_policy(self, judgement: Judgement, policy: "RetryPolicy") -> Judgement:
        """The same failure, as the task's retry policy has it."""
        from tradewind.task_runner.attempt.retry_policies import judge_by_policy

        if judgement.error is None or judgement.cause is EndCause.KILLED:
            return judgement
        grant = self._request.grant
        return judge_by_policy(judgement, policy, grant.try_number, grant.max_tries, self._context)

    def _report(self, judgement: Judgement) -> None:
        if judgement.outcome is Outcome.SKIPPED:
            log.info("Task skipped: %s", judgement.error)
        elif judgement.error is not None:
            log.error("Task failed with exception", exc_info=judgement.error)
        elif judgement.outcome in WAITING:
            log.info("Pausing task as %s", judgement.outcome.upper())

    def _complete(self, judgement: Judgement) -> None:
        """What travels with the end though it does not change it."""
        task = self._task
        if getattr(task, "overwrite_rtif_after_execution", False):
            self._rendered = rendered_fields(task)
        if task.map_index_template is not None and judgement.outcome is not Outcome.SUCCESS:
            with suppress(Exception):
                self._rendered_map_index = rendered_map_index(task, self._context)
        if task.operator_extra_links or loaded_plugins():
            self._push_links(judgement)
        if judgement.outcome is Outcome.SUCCESS and _clears_kept_values():
            with suppress(AirflowRuntimeError):
                self._client.delete_task_state(None)

    def _give_notices(self, judgement: Judgement) -> None:
        task = self._task
        give_notice(judgement, task, self._context, will_retry=self._will_retry(judgement))
        if self._asset_events and LISTENERS and judgement.outcome is Outcome.SUCCESS:
            # Imported here: few deployments listen to assets.
            from tradewind.task_runner.attempt.asset_notices import tell_of_assets

            tell_of_assets(self._asset_events, task.outlets, self._context.get("ti"))

    def _push_links(self, judgement: Judgement) -> None:
        """With the end where that carries XComs, else at once."""
        from tradewind.task_runner.attempt.extra_links import link_xcoms

        links = link_xcoms(self._task, self._context.get("ti"))
        if judgement.outcome is Outcome.SUCCESS:
            self._xcoms = (*self._xcoms, *links)
            return
        key = self._request.key
        with suppress(AirflowRuntimeError):
            for name, text in links:
                self._client.set_xcom(key.dag_id, key.run_id, key.task_id, name, key.map_index, text)

    def _will_retry(self, judgement: Judgement) -> bool:
        grant = self._request.grant
        return judgement.outcome is Outcome.FAILED and grant.try_number <= grant.max_tries

    def _effects(self, judgement: Judgement) -> EndEffects | None:
        """All that the end changes; None for most ends."""
        effects = judgement.effects
        if self._rendered_map_index is not None:
            effects = msgspec.structs.replace(effects or EndEffects(), rendered_map_index=self._rendered_map_index)
        if self._map_length is not None and judgement.outcome is Outcome.SUCCESS:
            effects = msgspec.structs.replace(effects or EndEffects(), map_length=self._map_length)
        if self._asset_events and judgement.outcome is Outcome.SUCCESS:
            effects = msgspec.structs.replace(effects or EndEffects(), asset_events=self._asset_events)
        return effects


def overtime_seconds() -> float:
    """How long callbacks, listeners and mail may take, all together."""
    return conf.getfloat("core", "task_success_overtime")


def _clears_kept_values() -> bool:
    setting = conf.get("state_store", "clear_on_success", fallback=None)
    return setting is not None and conf.getboolean("state_store", "clear_on_success")
