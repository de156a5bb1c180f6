"""`conf`: what it finds, as what, and what the operators' and DAGs' defaults become by it."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tradewind.sdk import conf
from tradewind.sdk.exceptions import AirflowConfigException
from tradewind.sdk.trigger_rule import TriggerRule


@pytest.mark.parametrize(
    ("text", "ask", "expected"),
    [
        ("a, b ,c", lambda: conf.getlist("my", "key"), ["a", "b", "c"]),
        ("a;b", lambda: conf.getlist("my", "key", delimiter=";"), ["a", "b"]),
        ("", lambda: conf.getlist("my", "key"), []),
        ('{"a": [1]}', lambda: conf.getjson("my", "key"), {"a": [1]}),
        ("", lambda: conf.getjson("my", "key", fallback=7), 7),
        ("90", lambda: conf.gettimedelta("my", "key"), timedelta(seconds=90)),
        ("", lambda: conf.gettimedelta("my", "key", fallback=timedelta(1)), timedelta(1)),
        ("ALL_DONE", lambda: conf.getenum("my", "key", TriggerRule), TriggerRule.ALL_DONE),
        ("what", lambda: conf.getenum("my", "key", TriggerRule, fallback="ALWAYS"), TriggerRule.ALWAYS),
        ("json.dumps", lambda: conf.getimport("my", "key").__name__, "dumps"),
        ("", lambda: conf.getimport("my", "key"), None),
        ("3.0", lambda: conf.getint("my", "key"), 3),
        ("t", lambda: conf.getsection("my"), {"key": True}),
        ("2.5", lambda: conf.getsection("my"), {"key": 2.5}),
        ("text", lambda: conf.get_mandatory_value("my", "key"), "text"),
        ("x", lambda: (conf.has_section("my"), conf.has_section("mine")), (True, False)),
    ],
)
def test_values_are_read_as_asked(
    monkeypatch: pytest.MonkeyPatch, text: str, ask: Callable[[], Any], expected: object
) -> None:
    monkeypatch.setenv("AIRFLOW__MY__KEY", text)
    assert ask() == expected


@pytest.mark.parametrize(
    ("text", "ask", "message"),
    [
        ("{", lambda: conf.getjson("my", "key"), r"\[my/key\] is not JSON .*'\{'"),
        ("ever", lambda: conf.getenum("my", "key", TriggerRule), r"\[my/key\] must be one of ALL_SUCCESS, .*'ever'"),
        ("no.such", lambda: conf.getimport("my", "key"), r"\[my/key\] cannot be imported: 'no.such'"),
        ("1.5", lambda: conf.getint("my", "key"), r"\[my/key\] is not a whole number: 1.5"),
        ("9" * 20, lambda: conf.gettimedelta("my", "key"), r"\[my/key\] is too long"),
    ],
)
def test_what_does_not_fit_is_named(
    monkeypatch: pytest.MonkeyPatch, text: str, ask: Callable[[], Any], message: str
) -> None:
    monkeypatch.setenv("AIRFLOW__MY__KEY", text)
    with pytest.raises(AirflowConfigException, match=message):
        ask()


def test_commands_print_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__MY_PART__KEY_CMD", "printf 'from there'")
    assert conf.get("my.part", "key") == "from there"
    assert conf.getsection("my.part") == {"key": "from there"}
    monkeypatch.setenv("AIRFLOW__MY_PART__KEY_CMD", "sh -c 'echo no >&2; exit 3'")
    with pytest.raises(AirflowConfigException, match=r"AIRFLOW__MY_PART__KEY_CMD: the command ended with 3: no"):
        conf.get("my.part", "key")


def _printed(code: str, environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", dedent(code)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_defaults_of_tasks_and_dags_are_those_of_the_configuration() -> None:
    code = """
        from tradewind.sdk import DAG
        from tradewind.sdk.operators.empty import EmptyOperator
        from tradewind.sdk.serialize import serialize_dag
        with DAG("d") as dag:
            EmptyOperator(task_id="t")
            EmptyOperator(task_id="u", retries=0, queue="own", max_retry_delay=900)
        spec = serialize_dag(dag, "d.py")
        t, u = spec.tasks
        first = dag.task_dict["t"]
        print(t.owner, t.queue, t.retries, t.retry_delay_seconds, t.max_retry_delay_seconds)
        print(t.execution_timeout_seconds, first.weight_rule, first.email_on_retry)
        print(u.retries, u.queue, u.max_retry_delay_seconds)
        print(spec.max_active_tasks, spec.max_active_runs, spec.max_consecutive_failed_dag_runs, dag.catchup)
    """
    assert _printed(code, {}).splitlines() == [
        "airflow default 0 300.0 None",
        "None downstream True",
        "0 own 900.0",
        "16 16 0 False",
    ]
    configured = {
        "AIRFLOW__OPERATORS__DEFAULT_OWNER": "us",
        "AIRFLOW__OPERATORS__DEFAULT_QUEUE": "q",
        "AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "2",
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "7",
        "AIRFLOW__CORE__MAX_TASK_RETRY_DELAY": "600",
        "AIRFLOW__CORE__DEFAULT_TASK_EXECUTION_TIMEOUT": "60",
        "AIRFLOW__CORE__DEFAULT_TASK_WEIGHT_RULE": "absolute",
        "AIRFLOW__EMAIL__DEFAULT_EMAIL_ON_RETRY": "False",
        "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": "3",
        "TRADEWIND__CORE__MAX_ACTIVE_RUNS_PER_DAG": "4",
        "AIRFLOW__CORE__MAX_CONSECUTIVE_FAILED_DAG_RUNS_PER_DAG": "5",
        "AIRFLOW__SCHEDULER__CATCHUP_BY_DEFAULT": "True",
    }
    with_start = code.replace('DAG("d")', 'DAG("d", start_date=__import__("datetime").datetime(2026, 1, 1))')
    assert _printed(with_start, configured).splitlines() == [
        "us q 2 7.0 600",
        "60.0 absolute False",
        "0 own 600",
        "3 4 5 True",
    ]


def test_folders_are_below_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", "/somewhere")
    assert conf.get("core", "dags_folder") == "/somewhere/dags"
    assert conf.get("logging", "base_log_folder") == "/somewhere/logs"


def test_the_configuration_file_is_read_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "airflow.cfg").write_text("[my.part]\nkey = of the file\nother = 7\n[smtp]\nsmtp_port = 2525\n")
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    assert conf.get("my.part", "KEY") == "of the file"
    assert conf.getint("smtp", "smtp_port") == 2525
    monkeypatch.setenv("AIRFLOW__MY_PART__KEY", "of the environment")
    assert conf.getsection("my.part") == {"key": "of the environment", "other": 7}
    assert conf.get("my.part", "none", fallback=None) is None


def test_a_secrets_backend_may_keep_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__WORKERS__SECRETS_BACKEND", f"{__name__}.Vault")
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_PASSWORD_SECRET", "mail")
    assert conf.get("smtp", "smtp_password") == "mail of the vault"


class Vault:
    """Knows configuration only."""

    def get_config(self, key: str) -> str:
        return f"{key} of the vault"


def test_dags_begin_unpaused_where_the_configuration_says_so() -> None:
    code = """
        from tradewind.sdk import DAG
        from tradewind.sdk.serialize import serialize_dag
        for given in (None, True, False):
            with DAG("d", is_paused_upon_creation=given) as dag:
                pass
            print(serialize_dag(dag, "d.py").is_paused_upon_creation)
    """
    assert _printed(code, {}).split() == ["None", "True", "False"]
    assert _printed(code, {"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False"}).split() == ["False", "True", "False"]
