"""Variables, connections, and keeping what is secret in them out of logs."""

import json
from collections.abc import Generator
from typing import Any, cast

import pytest

from tradewind.sdk import BaseHook, Connection, Variable, conf
from tradewind.sdk.exceptions import AirflowConfigException, AirflowNotFoundException, AirflowRuntimeError, ErrorType
from tradewind.sdk.masking import MASKER, SecretsMasker, redact
from tradewind.sdk.runtime import Runtime, install_runtime, remove_runtime


class _Runtime:
    """Values in memory."""

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}
        self.connections: dict[str, dict[str, Any]] = {}

    def get_variable(self, key: str) -> str | None:
        return self.variables.get(key)

    def set_variable(self, key: str, value: str, description: str | None) -> None:
        self.variables[key] = value

    def delete_variable(self, key: str) -> None:
        self.variables.pop(key, None)

    def get_connection(self, conn_id: str) -> dict[str, Any] | None:
        return self.connections.get(conn_id)

    def get_xcom(self, dag_id: str, run_id: str, task_id: str, key: str, map_index: int) -> tuple[bool, Any]:
        return False, None


@pytest.fixture
def runtime() -> Generator[_Runtime]:
    runtime = _Runtime()
    token = install_runtime(cast("Runtime", runtime))
    yield runtime
    remove_runtime(token)


def test_variable_round_trip(runtime: _Runtime) -> None:
    Variable.set("a", {"x": 1}, serialize_json=True)
    Variable.set("b", 5)
    assert Variable.get("a", deserialize_json=True) == {"x": 1}
    assert (Variable.get("b"), runtime.variables["b"]) == ("5", "5")
    Variable.delete("b")
    assert Variable.get("b", default=None) is None
    assert Variable.get("b", default_var="older") == "older"
    assert Variable.setdefault("c", "first") == Variable.setdefault("c", "second") == "first"


@pytest.mark.usefixtures("runtime")
def test_missing_variable_is_named() -> None:
    with pytest.raises(AirflowNotFoundException, match="Variable nothing does not exist"):
        Variable.get("nothing")


def test_variable_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_FROM_ENV", "x")
    assert Variable.get("from_env") == "x"
    with pytest.raises(AirflowRuntimeError, match="only be written while a task executes"):
        Variable.set("a", "b")


def test_connection_from_the_api(runtime: _Runtime) -> None:
    runtime.connections["db"] = {
        "conn_id": "db",
        "conn_type": "postgres",
        "host": "h",
        "schema": "s",
        "login": "me",
        "password": "pass word",
        "port": 5432,
        "extra": '{"sslmode": "require"}',
    }
    connection = BaseHook.get_connection("db")
    assert (connection.port, connection.extra_dejson) == (5432, {"sslmode": "require"})
    assert connection.get_uri() == "postgres://me:pass%20word@h:5432/s?sslmode=require"
    with pytest.raises(AirflowNotFoundException, match="`other` isn't defined"):
        Connection.get("other")


@pytest.mark.parametrize(
    "text",
    [
        "my-type://me:p%40ss@host:99/db?a=b",
        json.dumps(
            {
                "conn_type": "my_type",
                "host": "host",
                "login": "me",
                "password": "p@ss",
                "port": 99,
                "schema": "db",
                "extra": {"a": "b"},
            }
        ),
    ],
)
def test_connection_of_the_environment(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_IT", text)
    connection = Connection.get("it")
    assert (connection.conn_type, connection.host, connection.login) == ("my_type", "host", "me")
    assert (connection.password, connection.port, connection.schema) == ("p@ss", 99, "db")
    assert connection.extra_dejson == {"a": "b"}
    again = Connection("again", uri=connection.get_uri())
    assert again.to_dict() | {"conn_id": "it"} == connection.to_dict()


def test_secrets_are_masked_once_seen(runtime: _Runtime) -> None:
    runtime.variables["api_key"] = "very-secret-1"
    runtime.variables["settings"] = '{"password": "very-secret-2", "plain": "stays"}'
    runtime.connections["c"] = {"conn_type": "x", "password": "very-secret-3", "extra": '{"token": "very-secret-4"}'}
    Variable.get("api_key")
    Variable.get("settings", deserialize_json=True)
    Connection.get("c")
    text = "very-secret-1 very-secret-2 very-secret-3 very-secret-4 stays"
    assert MASKER.redact(text) == "*** *** *** *** stays"


def test_masker() -> None:
    masker = SecretsMasker()
    masker.add("secret-long-one")
    masker.add("secret-long")
    masker.add("abc")
    masker.add({"password": "in-a-dict", "other": "not-this"})
    masker.add(["listed-one"], "token")
    assert masker.redact("secret-long-one secret-long abc in-a-dict not-this listed-one") == (
        "*** *** abc *** not-this ***"
    )


def test_missing_variable_is_an_error_of_the_runtime_that_says_why() -> None:
    with pytest.raises(AirflowRuntimeError, match="Variable nobody's does not exist") as raised:
        Variable.get("nobody's")
    assert raised.value.error.error is ErrorType.VARIABLE_NOT_FOUND
    assert isinstance(raised.value, AirflowNotFoundException)


def test_who_was_asked_is_said_while_no_task_executes() -> None:
    for ask in (Variable.get, Connection.get):
        with pytest.raises(AirflowNotFoundException, match="stored can be read only while a task executes"):
            ask("nobody's")


def test_all_were_asked_while_a_task_executes(runtime: _Runtime) -> None:
    with pytest.raises(AirflowNotFoundException, match=r"Variable v does not exist$"):
        Variable.get("v")


def test_default_of_a_secret_is_masked() -> None:
    assert Variable.get("some_password", "only-a-default") == "only-a-default"
    assert redact("x only-a-default") == "x ***"


def test_redact_hides_by_name() -> None:
    value = {"password": "x", "inner": [{"api_key": "y", "n": 1}], "empty_token": ""}
    assert redact(value) == {"password": "***", "inner": [{"api_key": "***", "n": 1}], "empty_token": "***"}


def test_redact_keeps_the_shape() -> None:
    value = {"password": {"a": "x", "b": ["y", 5, None]}, "tokens": ("z", True), "open": "x"}
    assert redact(value) == {"password": {"a": "***", "b": ["***", 5, None]}, "tokens": ("***", True), "open": "x"}
    MASKER.add("hidden-in-a-set")
    assert redact({"hidden-in-a-set"}) == ("***",)


def test_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    assert conf.getint("core", "parallelism") == 32
    assert conf.getboolean("core", "load_examples") is False
    monkeypatch.setenv("AIRFLOW__MY__KEY", "5.5")
    assert (conf.get("my", "key"), conf.getfloat("my", "key")) == ("5.5", 5.5)
    monkeypatch.setenv("TRADEWIND__MY__KEY", "yes")
    assert conf.getboolean("my", "key") is True
    assert (conf.get("my", "none", fallback=None), conf.has_option("my", "none")) == (None, False)
    with pytest.raises(AirflowConfigException, match=r"section/key \[my/none\] not found"):
        conf.get("my", "none")
    with pytest.raises(AirflowConfigException, match="is not a number: 'yes'"):
        conf.getint("my", "key")
