"""Secrets backends: the order in which they are asked, files, and what becomes of their errors."""

import json
from pathlib import Path

import pytest

from tradewind.sdk import Connection, Variable
from tradewind.sdk.exceptions import (
    AirflowConfigException,
    AirflowException,
    AirflowNotFoundException,
    AirflowSecretsBackendAccessDenied,
)
from tradewind.sdk.masking import SecretsMasker, redact, should_hide_value_for_key
from tradewind.sdk.secrets.base import BaseSecretsBackend
from tradewind.sdk.secrets.local_filesystem import LocalFilesystemBackend


class Vault(BaseSecretsBackend):
    """Knows what has its prefix."""

    def __init__(self, prefix: str = "vault") -> None:
        self.prefix = prefix

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        """One connection, as a URI."""
        return f"http://u:p-{self.prefix}@h/s" if conn_id == "c" else None

    def get_variable(self, key: str) -> str | None:  # pyright: ignore[reportIncompatibleMethodOverride] - of before 3.2
        """Variables by prefix; errors on demand."""
        if key == "broken":
            raise RuntimeError("the vault is closed")
        if key == "denied":
            raise AirflowSecretsBackendAccessDenied("not for you")
        return f"{self.prefix} {key}" if key.startswith(self.prefix) else None


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> None:
    """The backend in use."""
    monkeypatch.setenv("AIRFLOW__WORKERS__SECRETS_BACKEND", f"{__name__}.Vault")
    monkeypatch.setenv("AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS", '{"prefix": "safe"}')
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", "nowhere.Backend")


@pytest.mark.usefixtures("vault")
def test_backend_is_asked_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SAFE_X", "of the environment")
    monkeypatch.setenv("AIRFLOW_VAR_OTHER", "of the environment")
    monkeypatch.setenv("AIRFLOW_CONN_C", "ftp://elsewhere")
    monkeypatch.setenv("AIRFLOW_CONN_D", "ftp://elsewhere")
    assert Variable.get("safe_x") == "safe safe_x"
    assert Variable.get("other") == "of the environment"
    assert (Connection.get("c").conn_type, Connection.get("c").password) == ("http", "p-safe")
    assert Connection.get("d").conn_type == "ftp"
    assert redact("the password is p-safe") == "the password is ***"


@pytest.mark.usefixtures("vault")
def test_an_argument_of_the_backend_may_be_a_variable_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__WORKERS__SECRETS_BACKEND_KWARG__PREFIX", "own")
    assert Variable.get("own_x") == "own own_x"


@pytest.mark.usefixtures("vault")
def test_backend_that_fails_is_passed_over_and_one_that_denies_is_not(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_BROKEN", "of the environment")
    monkeypatch.setenv("AIRFLOW_VAR_DENIED", "of the environment")
    assert Variable.get("broken") == "of the environment"
    assert "Unable to ask the secrets backend Vault" in caplog.text
    with pytest.raises(AirflowSecretsBackendAccessDenied, match="not for you"):
        Variable.get("denied")


@pytest.mark.parametrize(
    ("path", "arguments"),
    [("nowhere.Backend", "{}"), (f"{__name__}.Vault", "no json"), (f"{__name__}.Vault", '{"other": 1}')],
)
def test_backend_that_cannot_be_made_is_named(monkeypatch: pytest.MonkeyPatch, path: str, arguments: str) -> None:
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", path)
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND_KWARGS", arguments)
    with pytest.raises(AirflowConfigException, match=rf"the secrets backend '{path}' cannot be made"):
        Variable.get("x")


CONNECTIONS = {"c": "http://u:secret-1@h:80/s?x=1", "d": {"conn_type": "ftp", "port": "21", "extra_dejson": {"a": [1]}}}


@pytest.mark.parametrize("suffix", ["json", "yaml", "yml"])
def test_files_hold_variables_and_connections(tmp_path: Path, suffix: str) -> None:
    variables, connections = tmp_path / f"v.{suffix}", tmp_path / f"c.{suffix}"
    variables.write_text(json.dumps({"k": "v", "j": {"a": 1}}))
    connections.write_text(json.dumps(CONNECTIONS))
    backend = LocalFilesystemBackend(str(variables), str(connections))
    assert [backend.get_variable(key) for key in ("k", "j", "none")] == ["v", '{"a": 1}', None]
    c, d = backend.get_connection("c"), backend.get_connection("d")
    assert c is not None
    assert d is not None
    assert (c.port, c.extra_dejson, d.port, d.extra_dejson) == (80, {"x": "1"}, 21, {"a": [1]})
    assert backend.get_connection("none") is None


def test_lines_of_an_env_file(tmp_path: Path) -> None:
    file = tmp_path / "v.env"
    file.write_text("# comment\n\nk=a=b\n")
    assert LocalFilesystemBackend(str(file)).get_variable("k") == "a=b"


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("c.env", "no equal sign", "line 1 is not of the form NAME=value"),
        ("c.env", "a=1\na=2", "line 2 gives 'a' a second value"),
        ("c.json", "{", "not JSON"),
        ("c.json", "[]", "should hold an object, not list"),
        ("c.yaml", "a: [", "not YAML"),
        ("c.txt", "", "unsupported file format '.txt'"),
        ("c.json", '{"c": 5}', "connection 'c' is of the type int"),
        ("c.json", '{"c": {"hots": "h"}}', "connection 'c' has unknown fields: hots"),
        ("c.json", '{"c": {"conn_id": "d"}}', "connection 'c' says that its conn_id is 'd'"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, text: str, error: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(AirflowException, match=f"{name}: .*{error}"):
        LocalFilesystemBackend(connections_file_path=str(file)).get_connection("c")


def test_unknown_names_are_looked_for_everywhere() -> None:
    with pytest.raises(AirflowNotFoundException, match="conn_id `nowhere` isn't defined"):
        Connection.get("nowhere")


@pytest.mark.parametrize(
    "name", ["password", "AWS_SECRET", "my-api-key", "webhook_url", "proxies", "db_dsn", "auth_header"]
)
def test_sensitive_names(name: str) -> None:
    assert should_hide_value_for_key(name)
    assert not should_hide_value_for_key("plain")


def test_settings_of_the_masker(monkeypatch: pytest.MonkeyPatch) -> None:
    masker = SecretsMasker()
    masker.add("abc")
    masker.add("airflow")
    monkeypatch.setenv("AIRFLOW__LOGGING__MIN_LENGTH_MASKED_SECRET", "3")
    masker.add("xyz")
    assert masker.redact("abc airflow xyz") == "abc airflow ***"
    monkeypatch.setenv("AIRFLOW__CORE__SENSITIVE_VAR_CONN_NAMES", "pin, iban")
    assert should_hide_value_for_key("customer_IBAN")
    monkeypatch.setenv("AIRFLOW__CORE__HIDE_SENSITIVE_VAR_CONN_FIELDS", "false")
    assert not should_hide_value_for_key("password")
