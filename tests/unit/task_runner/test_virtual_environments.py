"""Functions that run in another Python: what they find there, what comes back, what is refused."""

import json
import sys
from pathlib import Path

import pytest

from tests.execution_api import ExecutionApi
from tests.unit.task_runner.conftest import RunSource
from tradewind.core.states import Outcome
from tradewind.sdk.connection import Connection
from tradewind.sdk.hooks.package_index import PackageIndexHook

HEAD = f"""
from airflow.sdk import DAG, task
from airflow.providers.standard.operators.python import ExternalPythonOperator, PythonVirtualenvOperator
PYTHON = {sys.executable!r}
with DAG("d") as dag:
"""


def test_what_a_function_finds_there(run: RunSource, tmp_path: Path) -> None:
    (tmp_path / "beside_the_file.py").write_text("NAME = 'found'\n")
    source = """
    class Frame: pass
    @task.external_python(
        python=PYTHON, string_args=[1, "b"], inherit_env=False, env_vars={"ONE": "1"},
        templates_dict={"day": "{{ ds }}"},
    )
    def t(n: Frame, params, logical_date, templates_dict, run_id) -> Frame:
        import os, sys
        import beside_the_file
        there = sorted(name for name in os.environ if not name.startswith(("LC_", "TRADEWIND_TASK")))
        moment = [type(logical_date).__module__.split(".")[0], logical_date.isoformat()]
        return [n, params, moment, templates_dict, virtualenv_string_args, there, beside_the_file.NAME]
    t([1, (2,)])
"""
    ran = run(HEAD.replace('DAG("d")', 'DAG("d", params={"p": 1})') + source)
    assert ran.result.detail is None, ran.output
    assert ran.xcoms["return_value"] == [
        [1, {"__classname__": "builtins.tuple", "__version__": 1, "__data__": [2]}],
        {"p": 1},
        ["pendulum", "2021-01-02T03:04:05+00:00"],
        {"day": "2021-01-02"},
        ["1", "b"],
        ["ONE", "PYTHONPATH"],
        "found",
    ]


def test_variables_and_connections_where_tradewind_is_installed_too(run: RunSource, api: ExecutionApi) -> None:
    source = """
    @task.external_python(python=PYTHON)
    def t():
        import os
        from airflow.sdk import Variable
        from airflow.hooks.base import BaseHook
        Variable.set("b", "2")
        left = [name for name in os.environ if name.startswith("TRADEWIND_TASK")]
        return [Variable.get("a"), BaseHook.get_connection("c").host, left]
    t()
"""
    api.variables["a"] = "1"
    api.connections["c"] = {"conn_id": "c", "conn_type": "http", "host": "there"}
    ran = run(HEAD + source, url=api.url)
    assert ran.result.detail is None, ran.output
    assert (ran.xcoms["return_value"], api.variables["b"]) == (["1", "there", []], "2")
    alone = run(HEAD + source.replace("python=PYTHON", "python=PYTHON, expect_airflow=False"), url=api.url)
    assert "No module named 'airflow'" in str(alone.result.detail)


def test_all_of_the_context_that_can_be_read(run: RunSource, api: ExecutionApi) -> None:
    source = """
    @task.external_python(python=PYTHON)
    def t(*args, **kwargs):
        return [list(args), kwargs["z"], kwargs["ds"], kwargs["prev_start_date_success"], "ti" in kwargs]
    t(1, z=2)
"""
    assert run(HEAD + source, url=api.url).xcoms["return_value"] == [[1], 2, "2021-01-02", None, False]


def test_date_that_comes_back(run: RunSource) -> None:
    source = """
    @task.external_python(python=PYTHON)
    def t(data_interval_end=None): return {"end": [data_interval_end.add(days=1)]}
    t()
"""
    ran = run(HEAD + source)
    assert ran.result.detail is None
    assert "datetime.datetime" in json.dumps(ran.xcoms["return_value"])


def test_what_it_said_when_it_failed(run: RunSource) -> None:
    source = """
    @task.external_python(python=PYTHON)
    def t(): raise ValueError("no such customer: 7")
    t()
"""
    detail = str(run(HEAD + source).result.detail)
    assert "Process returned non-zero exit status 1. no such customer: 7" in detail


def test_success_may_be_a_reason_to_skip(run: RunSource) -> None:
    source = """
    @task.external_python(python=PYTHON, skip_on_exit_code=[0, 3])
    def t(): pass
    t()
"""
    assert run(HEAD + source).result.outcome is Outcome.SKIPPED


def test_argument_that_cannot_travel_is_named(run: RunSource) -> None:
    source = """
    @task.external_python(python=PYTHON)
    def t(good, bad): pass
    t(good=1, bad=print_it)
"""
    ran = run(HEAD.replace("with DAG", "print_it = lambda: 1\nwith DAG") + source)
    assert "Failed to serialize op_kwargs ['bad'] of task 't' with pickle" in str(ran.result.detail)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ('ExternalPythonOperator(task_id="t", python="", python_callable=f)', "Python Path must be defined"),
        ('PythonVirtualenvOperator(task_id="t", python_version=3, python_callable=f)', "python_version must be a text"),
        (
            'PythonVirtualenvOperator(task_id="t", python_version="2.7", python_callable=f, op_args=[1])',
            "not supported across different Python major versions",
        ),
        ('PythonVirtualenvOperator(task_id="t", python_callable=lambda: 1)', "only supports functions"),
        ('PythonVirtualenvOperator(task_id="t", python_callable=g)', "does not support using 'yield'"),
        (
            'PythonVirtualenvOperator(task_id="t", python_callable=f, serializer="marshal")',
            "Unsupported serializer 'marshal'",
        ),
        (
            'PythonVirtualenvOperator(task_id="t", python_callable=f, use_airflow_context=True)',
            "use_airflow_context",
        ),
    ],
)
def test_wrong_arguments(run: RunSource, call: str, message: str) -> None:
    functions = "def f(): pass\ndef g(): yield\n"
    with pytest.raises(Exception, match="Traceback") as caught:
        run(HEAD.replace("with DAG", f"{functions}with DAG") + f"    {call}\n")
    assert message in str(caught.value)


def test_relative_path_of_a_python(run: RunSource) -> None:
    functions = "def f(): pass\n"
    source = '    ExternalPythonOperator(task_id="t", python="bin/python", python_callable=f)\n'
    ran = run(HEAD.replace("with DAG", f"{functions}with DAG") + source)
    assert "Python Path 'bin/python' of task 't' must be an absolute path" in str(ran.result.detail)


@pytest.fixture
def _no_uv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # pyright: ignore[reportUnusedFunction] - by name
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("AIRFLOW__STANDARD__VENV_INSTALL_METHOD", "uv")


def test_kept_environment_is_used_again(
    run: RunSource, api: ExecutionApi, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    cache = tmp_path / "cache"
    source = f"""
    @task.virtualenv(system_site_packages=False, venv_cache_path={str(cache)!r})
    def t():
        import sys
        return sys.prefix
    t()
"""
    first = run(HEAD + source, url=api.url)
    assert first.result.detail is None, first.output
    assert Path(first.xcoms["return_value"]).parent == cache
    request.getfixturevalue("_no_uv")  # from here on none can be made
    again = run(HEAD + source, url=api.url)
    assert first.xcoms["return_value"] == again.xcoms["return_value"]
    assert any("Reusing cached" in event for event in again.events)
    api.variables["python_virtualenv_operator_cache_key"] = "2"
    other = run(HEAD + source, url=api.url)
    assert "the virtual environment cannot be made: there is no program 'uv'" in str(other.result.detail)


@pytest.mark.usefixtures("_no_uv")
def test_requirements_file_and_list_are_templates(run: RunSource, tmp_path: Path) -> None:
    functions = "def f(): pass\n"
    source = """
    PythonVirtualenvOperator(
        task_id="t", python_callable=f, requirements=["wanted.txt", "b=={{ ds_nodash }}"], index_urls=["{{ ds }}"]
    )
"""
    (tmp_path / "wanted.txt").write_text("# what for\nno-such-package=={{ params.version }}\n")
    head = HEAD.replace("with DAG", f"{functions}with DAG").replace('DAG("d")', 'DAG("d", params={"version": "3"})')
    ran = run(head + source)
    assert ran.rendered["requirements"] == ["# what for\nno-such-package==3", "b==20210102"]
    assert ran.rendered["index_urls"] == ["2021-01-02"]
    assert "the virtual environment cannot be made" in str(ran.result.detail)


@pytest.mark.parametrize(
    ("host", "login", "url"),
    [
        (
            "https://old:pw@packages.example.com/simple",
            "me@work",
            "https://me%40work:a%2Fb@packages.example.com/simple",
        ),
        ("https://packages.example.com/simple", "", "https://packages.example.com/simple"),
    ],
)
def test_url_of_a_package_index(monkeypatch: pytest.MonkeyPatch, host: str, login: str, url: str) -> None:
    connection = Connection(conn_id="i", conn_type="package_index", host=host, login=login, password="a/b")
    monkeypatch.setenv("AIRFLOW_CONN_I", connection.as_json())
    assert PackageIndexHook("i").get_conn() == url
