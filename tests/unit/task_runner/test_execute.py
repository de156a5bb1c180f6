"""Attempts: outcomes, context, XComs, signals."""

import os
import signal
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.execution_api import ExecutionApi
from tests.unit.task_runner.conftest import RunSource, attempt_request, run_loaded
from tradewind.core.states import EndCause, Outcome
from tradewind.sdk import xcom
from tradewind.sdk.listeners import LISTENERS, hookimpl
from tradewind.task_runner.attempt import execute, outcomes
from tradewind.wire.messages import TaskStarted

HEAD = """
import os, signal, time, json
from datetime import date, timedelta
from airflow.sdk import DAG, BaseOperator, Param, Variable, Connection, get_current_context, task
from airflow.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator
"""


def _task(body: str, decorator: str = "@task", arguments: str = "") -> str:
    lines = "\n".join(f"        {line}" for line in body.splitlines())
    return f'{HEAD}\nwith DAG("d"):\n    {decorator}\n    def t({arguments}):\n{lines}\n    t()\n'


def test_success_reports_start_value_and_fields(run: RunSource) -> None:
    ran = run(_task("return {'n': 1}"))
    started, result = ran.messages
    assert isinstance(started, TaskStarted)
    assert started.pid == os.getpid()
    assert (ran.result.outcome, ran.result.cause, ran.result.detail) == (Outcome.SUCCESS, EndCause.NONE, None)
    assert ran.result.started_at == started.started_at
    assert result is ran.result
    assert ran.xcoms == {"return_value": {"n": 1}}
    assert ran.rendered == {"templates_dict": None, "op_args": [], "op_kwargs": {}}
    assert ran.events == ["Done. Returned value was: {'n': 1}"]


@pytest.mark.parametrize(
    ("error", "outcome", "cause", "detail"),
    [
        ("AirflowSkipException('not today')", Outcome.SKIPPED, EndCause.NONE, "AirflowSkipException: not today"),
        (
            "AirflowFailException('never')",
            Outcome.FAILED_WITHOUT_RETRY,
            EndCause.USER_ERROR,
            "AirflowFailException: never",
        ),
        ("AirflowException('again')", Outcome.FAILED, EndCause.USER_ERROR, "AirflowException: again"),
        ("ValueError('two\\nlines')", Outcome.FAILED, EndCause.USER_ERROR, "ValueError: two lines"),
        ("ValueError('nul \\0 and \\ud800')", Outcome.FAILED, EndCause.USER_ERROR, "ValueError: nul \\x00 and \\ud800"),
        ("SystemExit(3)", Outcome.FAILED, EndCause.USER_ERROR, "SystemExit: 3"),
        ("KeyboardInterrupt", Outcome.FAILED, EndCause.USER_ERROR, "KeyboardInterrupt"),
    ],
)
def test_errors_become_outcomes(run: RunSource, error: str, outcome: Outcome, cause: EndCause, detail: str) -> None:
    ran = run(_task(f"raise {error}"))
    assert (ran.result.outcome, ran.result.cause, ran.result.detail) == (outcome, cause, detail)
    assert ran.xcoms == {}


def test_traceback_in_the_log_shows_the_authors_frames(run: RunSource, tmp_path: Path) -> None:
    ran = run(_task("inner = {}\nreturn inner['missing']"))
    record = ran.records[-1]
    assert (record["level"], record["event"]) == ("error", "Task failed with exception")
    assert record["exception"].count('File "') == 1
    assert str(tmp_path / "file.py") in record["exception"]
    assert record["exception"].endswith("KeyError: 'missing'\n")


def test_long_detail_is_cut(run: RunSource) -> None:
    assert len(run(_task("raise ValueError('x' * 5000)")).result.detail or "") == outcomes.MAX_DETAIL_CHARACTERS


@pytest.mark.parametrize(
    ("request_for", "detail"),
    [
        ({"task_id": "gone"}, "task 'gone' is not in DAG 'd' of the file 'file.py' any more"),
        ({"dag_id": "gone"}, "DAG 'gone' is not in the file 'file.py' any more"),
    ],
)
def test_missing_task_is_the_users_error_and_never_started(
    run: RunSource, request_for: dict[str, Any], detail: str
) -> None:
    ran = run(_task("pass"), **request_for)
    assert ran.messages == [ran.result]
    assert (ran.result.outcome, ran.result.cause) == (Outcome.FAILED, EndCause.USER_ERROR)
    assert (ran.result.detail, ran.result.started_at) == (detail, None)
    assert ran.events == [detail]


def test_multiple_outputs_are_pushed_by_key(run: RunSource) -> None:
    ran = run(_task("return {'a': 1, 'b': date(2021, 1, 1)}", "@task(multiple_outputs=True)"))
    assert list(ran.xcoms) == ["a", "b", "return_value"]
    assert ran.xcoms["b"]["__data__"] == "2021-01-01"


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ("[1]", "TypeError: Returned output was type list; multiple_outputs expects a dictionary"),
        ("{1: 2}", "TypeError: Returned dictionary keys must be strings when using multiple_outputs, found 1"),
    ],
)
def test_multiple_outputs_need_a_dict_with_text_keys(run: RunSource, value: str, detail: str) -> None:
    assert run(_task(f"return {value}", "@task(multiple_outputs=True)")).result.detail == detail


def test_nothing_is_pushed_for_none_or_when_not_wanted(run: RunSource) -> None:
    assert run(_task("return None")).xcoms == {}
    assert run(_task("return 1", "@task(do_xcom_push=False)")).xcoms == {}


def test_value_without_json_form_fails_the_task(run: RunSource) -> None:
    ran = run(_task("return object()"))
    assert ran.result.outcome is Outcome.FAILED
    assert ran.result.detail is not None
    assert "cannot be pushed as XCom" in ran.result.detail


def test_context_has_airflows_names(run: RunSource) -> None:
    ran = run(
        _task(
            """
return {
    "keys": sorted(context),
    "ds": [context["ds"], context["ds_nodash"]],
    "ts": [context["ts"], context["ts_nodash"], context["ts_nodash_with_tz"]],
    "key": context["task_instance_key_str"],
    "run": [context["run_id"], context["dag_run"].run_type, context["dag_run"].conf, context["dag"].dag_id],
    "ti": [ti.try_number, ti.max_tries, ti.map_index, ti.task_id, ti.task.task_id, ti is context["task_instance"]],
    "date": context["logical_date"].add(days=1).to_date_string(),
    "interval": [context["data_interval_start"] == context["dag_run"].data_interval_start, str(dag_run.run_after)],
    "macros": context["macros"].ds_add("2021-01-01", 5),
    "same": get_current_context()["ti"] is ti,
    "env": os.environ["AIRFLOW_CTX_DAG_ID"],
}
""".strip(),
            arguments="ti, dag_run=None, **context",
        ).replace("**context):\n", "**context):\n        context = {**context, 'ti': ti, 'dag_run': dag_run}\n"),
        conf={"x": 1},
        try_number=2,
        max_tries=3,
    )
    value = ran.xcoms["return_value"]
    assert set(value.pop("keys")) >= {"conf", "conn", "dag", "inlets", "outlets", "params", "task", "var", "try_number"}
    assert value == {
        "ds": ["2021-01-02", "20210102"],
        "ts": ["2021-01-02T03:04:05+00:00", "20210102T030405", "20210102T030405+0000"],
        "key": "d__t__20210102",
        "run": ["manual__1", "manual", {"x": 1}, "d"],
        "ti": [2, 3, -1, "t", "t", True],
        "date": "2021-01-03",
        "interval": [True, "2021-01-02 04:00:00+00:00"],
        "macros": "2021-01-06",
        "same": True,
        "env": "d",
    }


def test_run_without_logical_date_has_no_dates(run: RunSource) -> None:
    ran = run(
        _task("return ['ds' in context, context['task_instance_key_str']]", arguments="**context"), logical_date=None
    )
    assert ran.xcoms["return_value"] == [False, "d__t__manual__1"]
    failed = run(
        f'{HEAD}\nwith DAG("d"):\n    BashOperator(task_id="t", bash_command="echo {{{{ ds }}}}")\n', logical_date=None
    )
    assert failed.result.detail == "UndefinedError: 'ds' is undefined"
    assert failed.result.rendered_fields is None


def test_arguments_named_after_context_keys_are_filled_in(run: RunSource) -> None:
    ran = run(_task("return [ds, params, other]", arguments="ds, params=None, other='own'"), conf={"p": 1})
    assert ran.xcoms["return_value"] == ["2021-01-02", {"p": 1}, "own"]


def test_params_are_validated_against_the_conf(run: RunSource) -> None:
    source = _task("return params", arguments="params").replace(
        'DAG("d")', 'DAG("d", params={"n": Param(1, type="integer")})'
    )
    assert run(source, conf={"n": 5}).xcoms["return_value"] == {"n": 5}
    failed = run(source, conf={"n": "x"})
    assert failed.result.detail == "ParamValidationError: Invalid input for param n: 'x' is not of type 'integer'"


def test_xcoms_are_pushed_at_once_and_pulled(run: RunSource, api: ExecutionApi) -> None:
    api.xcoms["d", "manual__1", "other", "return_value", "map_index=-1"] = [
        1,
        {"__classname__": "builtins.tuple", "__data__": [2]},
    ]
    body = """
ti.xcom_push("mine/ä", {"when": date(2021, 1, 1)})
return [
    ti.xcom_pull("other"),
    ti.xcom_pull(task_ids=["other", "none"]),
    ti.xcom_pull("none", default="dflt"),
    ti.xcom_pull(key="mine/ä")["when"].year,
    ti.xcom_pull("other", map_indexes=[-1]),
]
""".strip()
    ran = run(_task(body, arguments="ti"), url=api.url)
    assert ran.result.detail is None
    other = [1, {"__classname__": "builtins.tuple", "__version__": 1, "__data__": [2]}]
    assert ran.xcoms["return_value"] == [other, [other, None], "dflt", 2021, [other]]
    assert api.xcoms["d", "manual__1", "t", "mine/ä", "map_index=-1"] == {
        "when": {"__classname__": "datetime.date", "__version__": 1, "__data__": "2021-01-01"}
    }
    assert api.connection_count == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("ti.xcom_pull('t', key=None)", "TypeError: the key of an XCom should be a text, not None"),
        ("ti.xcom_push(5, 1)", "TypeError: the key of an XCom should be a text, not 5"),
        ("ti.xcom_push('', 1)", "ValueError: the key of an XCom must not be empty"),
    ],
)
def test_key_of_an_xcom_is_a_text(run: RunSource, api: ExecutionApi, call: str, message: str) -> None:
    assert run(_task(call, arguments="ti"), url=api.url).result.detail == message


REFERENCES = f"""{HEAD}
with DAG("d"):
    @task
    def up(): return 1
    @task(multiple_outputs=True)
    def many(): return {{}}
    @task
    def t(value, nested, missing=None): return [value, nested, missing]
    reference = up()
    t(reference, [{{"k": reference["named"]}}], many()["absent"])
    t.override(task_id="fails")(reference["absent"], None)
"""


def test_references_are_resolved(run: RunSource, api: ExecutionApi) -> None:
    api.xcoms["d", "manual__1", "up", "return_value", "map_index=-1"] = 5
    api.xcoms["d", "manual__1", "up", "named", "map_index=-1"] = "x"
    ran = run(REFERENCES, url=api.url)
    assert ran.xcoms["return_value"] == [5, [{"k": "x"}], None]
    assert ran.rendered["op_args"] == [5, [{"k": "x"}], None]


def test_reference_to_what_was_never_pushed_fails(run: RunSource, api: ExecutionApi) -> None:
    ran = run(REFERENCES, "fails", url=api.url)
    assert ran.result.detail == "XComNotFound: no XCom 'absent' was pushed by task 'up' of DAG 'd' in this run"


def test_templates_reach_variables_and_connections(run: RunSource, api: ExecutionApi) -> None:
    api.variables |= {"v": "text", "j": '{"a": [5]}', "api_secret": "hush-hush"}
    api.connections["c"] = {"conn_id": "c", "conn_type": "http", "host": "example", "password": "pass-phrase"}
    template = (
        "{{ var.value.v }} {{ var.json.j.a[0] }} {{ var.value.get('no', 'dflt') }} {{ conn.c.host }}"
        " {{ conn.get('no').host if conn.get('no') else 'none' }} {{ var.value.api_secret }} {{ conn.c.password }}"
        " {{ macros.ds_add(ds, 1) }} {{ params.p }} {{ dag_run.conf['p'] }} {{ ti.task_id }}"
    )
    source = (
        f'{HEAD}\nwith DAG("d"):\n    PythonOperator(task_id="t", python_callable=print, op_args=["""{template}"""])\n'
    )
    ran = run(source, url=api.url, conf={"p": "P"})
    assert ran.result.detail is None
    masked = "text 5 dflt example none *** *** 2021-01-03 P P t"
    assert ran.printed == [masked]
    assert ran.rendered["op_args"] == [masked]


def test_unknown_variable_fails_with_its_name(run: RunSource, api: ExecutionApi) -> None:
    ran = run(_task("Variable.get('nowhere')"), url=api.url)
    assert ran.result.detail == "VariableNotFoundError: Variable nowhere does not exist"


def test_variables_are_written(run: RunSource, api: ExecutionApi) -> None:
    run(_task("Variable.set('a/b', [1], serialize_json=True)\nVariable.delete('never')"), url=api.url)
    assert api.variables == {"a/b": "[\n  1\n]"}


def test_coroutine_functions_are_run(run: RunSource) -> None:
    source = _task("import asyncio\nawait asyncio.sleep(0)\nreturn 5").replace("def t(", "async def t(")
    assert run(source).xcoms == {"return_value": 5}


HOOKS = f"""{HEAD}
calls = []
class Op(BaseOperator):
    def pre_execute(self, context): calls.append("pre_execute")
    def execute(self, context):
        calls.append("execute")
        self.log.info("rows.loaded", count=5, password="not-shown")
        if context["params"].get("fail"): raise ValueError("failed")
        if context["params"].get("skip"): raise AirflowSkipException
        return 1
    def post_execute(self, context, result): calls.append(f"post_execute {{result}}")
def broken(context): raise RuntimeError("in a callback")
def note(name): return lambda context: calls.append(f"{{name}} {{context.get('exception')}}")
with DAG("d"):
    Op(task_id="t", pre_execute=note("pre hook"), post_execute=lambda c, r: calls.append("post hook"),
       on_execute_callback=note("on_execute"), on_success_callback=[broken, note("on_success")],
       on_failure_callback=note("on_failure"), on_retry_callback=note("on_retry"),
       on_skipped_callback=note("on_skipped"))
    @task
    def show(): return calls
"""


@pytest.mark.parametrize(
    ("request_for", "expected"),
    [
        ({}, ["post hook", "post_execute 1", "on_success None"]),
        ({"conf": {"fail": True}}, ["on_failure failed"]),
        ({"conf": {"fail": True}, "max_tries": 1}, ["on_retry failed"]),
        ({"conf": {"skip": True}}, ["on_skipped None"]),
    ],
)
def test_hooks_and_callbacks_run_in_order(
    load: Any, tmp_path: Path, request_for: dict[str, Any], expected: list[str]
) -> None:
    loaded = load(HOOKS)
    ran = run_loaded(loaded, attempt_request(**request_for), tmp_path / "log")
    calls = getattr(sys.modules[loaded.module_name], "calls")  # noqa: B009 - of a module made here
    assert calls == ["pre hook None", "pre_execute", "on_execute None", "execute", *expected]
    (record,) = (record for record in ran.records if record["event"] == "rows.loaded")
    assert (record["count"], record["password"], record["level"]) == (5, "***", "info")
    assert record["logger"].endswith(".Op")
    if not request_for:
        assert ran.result.outcome is Outcome.SUCCESS
        assert "Error when executing on_success_callback callback" in ran.events


def test_timeout_interrupts_and_cleans_up(run: RunSource) -> None:
    source = f"""{HEAD}
class Op(BaseOperator):
    def execute(self, context):
        try:
            signal.pause()
        except Exception:
            pass
    def on_kill(self): print("cleaned up")
with DAG("d"):
    Op(task_id="t", execution_timeout=timedelta(seconds=0.05))
"""
    ran = run(source)
    assert (ran.result.outcome, ran.result.cause) == (Outcome.FAILED, EndCause.TIMEOUT)
    assert ran.result.detail == "AirflowTaskTimeout: execution_timeout of 0.05 s is over"
    assert ran.printed == ["cleaned up"]
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_sigterm_stops_the_task(run: RunSource) -> None:
    source = f"""{HEAD}
class Op(BaseOperator):
    def execute(self, context):
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    def on_kill(self): print("cleaned up")
with DAG("d"):
    Op(task_id="t", retries=1, on_failure_callback=print, on_retry_callback=print)
"""
    before = signal.getsignal(signal.SIGTERM)
    ran = run(source)
    assert (ran.result.outcome, ran.result.cause) == (Outcome.FAILED, EndCause.KILLED)
    assert ran.result.detail == "AirflowTaskTerminated: the task was told to stop (SIGTERM)"
    assert ran.printed == ["cleaned up"], "whether it has failed is for others to say"
    assert ran.result.is_silent
    assert signal.getsignal(signal.SIGTERM) is before


def test_sigterm_after_the_end_changes_nothing(run: RunSource) -> None:
    source = _task("return 1", "@task(on_success_callback=lambda c: os.kill(os.getpid(), signal.SIGTERM))")
    assert run(source).result.outcome is Outcome.SUCCESS


def test_rehearsal_leaves_no_trace(capfd: pytest.CaptureFixture[str]) -> None:
    environment, handler = dict(os.environ), signal.getsignal(signal.SIGTERM)
    execute.Rehearsal().run(2)
    assert (dict(os.environ), signal.getsignal(signal.SIGTERM)) == (environment, handler)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["on_success_callback", "on_skipped_callback", "on_failure_callback"])
def test_callback_that_exits_changes_nothing(run: RunSource, kind: str) -> None:
    body = {"on_success_callback": "return 1", "on_skipped_callback": "raise AirflowSkipException('x')"}
    ran = run(
        _task(body.get(kind, "raise ValueError('no')"), f"@task({kind}=lambda c: (print(c['exception']), exit(9)))")
    )
    outcomes = {"on_success_callback": Outcome.SUCCESS, "on_skipped_callback": Outcome.SKIPPED}
    assert ran.result.outcome is outcomes.get(kind, Outcome.FAILED)
    assert ran.printed == ["no" if kind == "on_failure_callback" else "None"]
    assert "Error after the task's end" in ran.events


class Noting(xcom.BaseXCom):
    """An XCom backend that notes what it is given."""

    kept: ClassVar[list[object]] = []

    @staticmethod
    def serialize_value(value: Any, **_place: Any) -> Any:
        Noting.kept.append(value)
        return value


class Everything:
    """A listener of tasks that fails if it hears of one."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    @hookimpl
    def on_task_instance_running(self, task_instance: Any) -> None:
        self.heard.append(task_instance.dag_id)


def test_rehearsal_is_not_heard_of(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Everything()
    LISTENERS.add(listener)
    try:
        execute.Rehearsal().run()
    finally:
        LISTENERS.clear()
    assert listener.heard == []
    monkeypatch.setenv("AIRFLOW__CORE__XCOM_BACKEND", f"{__name__}.{Noting.__name__}")
    assert xcom.backend() is Noting
    execute.Rehearsal().run()
    assert Noting.kept == []


def test_preload_imports_what_the_tasks_will_need(load: Any) -> None:
    loaded = load(
        f'{HEAD}\nwith DAG("d"):\n    BashOperator(task_id="t", bash_command="echo {{{{ ds }}}} {{% broken")\n'
    )
    execute.preload(loaded)
    assert "compiled_templates" in loaded.dags["d"].get_template_env().__dict__
    assert {"jinja2", "pendulum", "tradewind.sdk.macros"} <= set(sys.modules)


def test_attempt_can_be_repeated(load: Any, tmp_path: Path) -> None:
    task = 'PythonOperator(task_id="t", python_callable=print, op_args=["{{ try_number }}"])'
    loaded = load(f'{HEAD}\nwith DAG("d"):\n    {task}\n')
    first = run_loaded(loaded, attempt_request(try_number=1), tmp_path / "log")
    second = run_loaded(loaded, attempt_request(try_number=2), tmp_path / "log")
    assert (first.printed, second.printed) == (["1"], ["2"])


def test_coroutines_of_a_task_may_ask_at_once(run: RunSource, api: ExecutionApi) -> None:
    names = [f"v{number}" for number in range(20)]
    api.variables.update({name: f"value of {name}" for name in names})
    body = """import asyncio
from airflow.sdk import Variable
await ti.axcom_push("mine", [1])
pulled = await ti.axcom_pull(key="mine")
found = await asyncio.gather(*(asyncio.to_thread(Variable.get, f"v{n}") for n in range(20)))
return [pulled, found]"""
    ran = run(_task(body, arguments="ti=None").replace("def t(", "async def t("), url=api.url)
    assert ran.result.outcome is Outcome.SUCCESS, ran.output
    assert ran.xcoms["return_value"] == [[1], [f"value of {name}" for name in names]]


def test_async_operator(run: RunSource) -> None:
    ran = run("""
        import asyncio
        from datetime import timedelta
        from airflow.sdk import DAG, BaseAsyncOperator
        class Later(BaseAsyncOperator):
            template_fields = ("word",)
            def __init__(self, word, **kwargs):
                super().__init__(**kwargs)
                self.word = word
            async def aexecute(self, context):
                await asyncio.sleep(0)
                return [self.word, context["ti"].task_id]
        with DAG("d"):
            Later(task_id="t", word="{{ ti.task_id }}!", execution_timeout=timedelta(seconds=30))
    """)
    assert ran.xcoms["return_value"] == ["t!", "t"]
