"""Where a setting's value comes from, in which order, and what becomes of Airflow's names."""

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tradewind.core.errors import ConfigError
from tradewind.dispatcher.settings import DispatcherSettings
from tradewind.service.child_environment import child_environment
from tradewind.service.configuration.airflow_options import IGNORED, MAPPED
from tradewind.service.configuration.catalogue import settings_of_all
from tradewind.service.configuration.code_options import CODE_OPTIONS
from tradewind.service.configuration.listing import Listing
from tradewind.service.configuration.renamed import RENAMED
from tradewind.service.configuration.report import report_configuration
from tradewind.service.configuration.sources import AirflowSources, configuration_file
from tradewind.service.environment import SecretStr
from tradewind.service.settings import ServiceSettings, load_settings
from tradewind.worker.settings import WorkerSettings

FILE = """\
[core]
parallelism = 64
fernet_key = in the file
daemon_umask = 0o022

[webserver]
web_server_port = 8081

[my.own]
greeting = 100%% %(name)s
name = ada
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With the file."""
    (tmp_path / "airflow.cfg").write_text(FILE)
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    return tmp_path


def test_ours_goes_before_airflows_variable_before_its_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(ServiceSettings).core.parallelism == 64
    monkeypatch.setenv("AIRFLOW__CORE__PARALLELISM", "65")
    assert load_settings(ServiceSettings).core.parallelism == 65
    monkeypatch.setenv("TRADEWIND__CORE__PARALLELISM", "66")
    assert load_settings(ServiceSettings).core.parallelism == 66


def test_without_a_home_of_ours_airflows_is_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(ServiceSettings).dags_folder == home / "dags"
    monkeypatch.setenv("TRADEWIND__HOME", "/ours")
    assert load_settings(ServiceSettings).home == Path("/ours")


def test_names_of_airflow_2_are_understood(home: Path) -> None:
    assert load_settings(ServiceSettings).api.port == 8081


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"AIRFLOW__CORE__FERNET_KEY": "plain"}, "plain"),
        ({"AIRFLOW__CORE__FERNET_KEY_CMD": "echo printed"}, "printed"),
        ({"TRADEWIND__CORE__FERNET_KEY_CMD": "echo ours", "AIRFLOW__CORE__FERNET_KEY": "plain"}, "ours"),
        ({}, "in the file"),
    ],
)
def test_a_secret_may_come_from_a_command(
    home: Path, monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str], expected: str
) -> None:
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    assert load_settings(ServiceSettings).core.fernet_key == SecretStr(expected)


def test_a_command_is_run_for_secrets_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__PARALLELISM_CMD", f"touch {tmp_path / 'run'}")
    assert load_settings(ServiceSettings).core.parallelism == 32
    assert not (tmp_path / "run").exists()


def test_a_secrets_backend_is_asked_in_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vault_of_tests.py").write_text(
        "class Vault:\n    def get_config(self, key): return {'the-key': 'kept'}.get(key)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", "vault_of_tests.Vault")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY_SECRET", "the-key")
    assert load_settings(ServiceSettings).core.fernet_key == SecretStr("kept")
    assert "vault_of_tests" not in sys.modules
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY_SECRET", "another")
    with pytest.raises(ConfigError, match=r"AIRFLOW__CORE__FERNET_KEY_SECRET.*nothing under 'another'"):
        load_settings(ServiceSettings)


@pytest.mark.parametrize(
    ("option", "text", "read", "expected"),
    [
        ("database.sql_alchemy_conn", "postgresql+psycopg2://a:b@h/x", "database.url", "postgresql://a:b@h/x"),
        ("database.sql_alchemy_conn", "postgres://h/x?a=b", "database.url", "postgresql://h/x?a=b"),
        ("database.sql_alchemy_conn", "sqlite:////airflow.db", "database.url", None),
        ("celery.broker_url", "pyamqp://guest@h//", "broker.url", "amqp://guest@h//"),
        ("celery.broker_url", "rediss://:p@h/0", "broker.url", "rediss://:p@h/0"),
        ("celery.broker_url", "sqs://x", "broker.url", None),
        ("logging.json_logs", "False", "logging.format", "console"),
        ("logging.json_logs", "True", "logging.format", "json"),
        ("core.rerun_with_latest_version", "None", "core.rerun_with_latest_version", False),
        ("core.executor", "CeleryExecutor,quick:LocalExecutor", "core.executor", "CeleryExecutor,quick:LocalExecutor"),
        ("core.dagbag_import_timeout", "12.5", "core.dagbag_import_timeout_seconds", 12.5),
        ("api.expose_config", "non-sensitive-only", "api.expose_config", True),
        ("api.port", "", "api.port", 8080),
        ("scheduler.scheduler_heartbeat_sec", "7", "dispatcher.executor_heartbeat_seconds", 7.0),
        ("celery.operation_timeout", "2.0", "celery.operation_timeout", 2.0),
    ],
)
def test_texts_become_ours(
    monkeypatch: pytest.MonkeyPatch, option: str, text: str, read: str, expected: object
) -> None:
    monkeypatch.setenv(f"AIRFLOW__{option.upper().replace('.', '__')}", text)
    group, key = read.split(".")
    value = getattr(getattr(load_settings(DispatcherSettings), group), key)
    assert (value.get_secret_value() if isinstance(value, SecretStr) else value) == expected


def test_workers_serve_the_queue_that_tasks_have_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_QUEUE", "main")
    monkeypatch.setenv("AIRFLOW__CELERY__WORKER_AUTOSCALE", "8,2")
    settings = load_settings(WorkerSettings)
    assert settings.worker.queues == ("main",)
    assert settings.celery.worker_autoscale is not None


def test_what_does_not_fit_names_where_it_was_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "airflow.cfg").write_text("[core]\n# a comment\nparallelism = many\n")
    with pytest.raises(ConfigError, match=r"airflow\.cfg:3: 'many' does not fit"):
        load_settings(ServiceSettings)
    monkeypatch.setenv("AIRFLOW__CORE__PARALLELISM", "-5")
    with pytest.raises(ConfigError, match="AIRFLOW__CORE__PARALLELISM: '-5' does not fit"):
        load_settings(ServiceSettings)


@pytest.mark.parametrize("text", ["parallelism = 1\n", "[core]\na = %(b)s\n", "[core]\na = 1\na = 2\n"])
def test_a_file_that_is_none_is_named(home: Path, text: str) -> None:
    (home / "airflow.cfg").write_text(text)
    with pytest.raises(ConfigError, match=r"airflow\.cfg cannot be read"):
        load_settings(ServiceSettings)


def test_a_file_that_changes_is_read_again(home: Path) -> None:
    sources = AirflowSources({"AIRFLOW_HOME": str(home)})
    assert sources.find("core", "parallelism") == ("64", f"{home / 'airflow.cfg'}:2")
    (home / "airflow.cfg").write_text("[core]\nparallelism = 640\n")
    found = AirflowSources({"AIRFLOW_HOME": str(home)}).find("core", "parallelism")
    assert found is not None
    assert found.text == "640"


def test_values_are_expanded_as_airflow_does(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOT", "$BASE/there")
    monkeypatch.setenv("BASE", "/base")
    sources = AirflowSources({"AIRFLOW_HOME": str(home), "AIRFLOW__MY_OWN__FOLDER": "$ROOT/x"})
    assert sources.find("my.own", "folder") == ("/base/there/x", "AIRFLOW__MY_OWN__FOLDER")
    greeting = sources.find("my.own", "greeting")
    assert greeting is not None
    assert greeting.text == "100% ada"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"AIRFLOW_CONFIG": "/c/a.cfg", "AIRFLOW_HOME": "/h", "TRADEWIND__HOME": "/t"}, "/c/a.cfg"),
        ({"AIRFLOW_HOME": "/h", "TRADEWIND__HOME": "/t"}, "/h/airflow.cfg"),
        ({"TRADEWIND__HOME": "/t"}, "/t/airflow.cfg"),
        ({}, str(Path.home() / "tradewind" / "airflow.cfg")),
    ],
)
def test_where_the_file_is(environment: Mapping[str, str], expected: str) -> None:
    assert configuration_file(environment) == Path(expected)


def test_what_is_ignored_or_unknown_is_said_with_the_reason(home: Path) -> None:
    listing = Listing(
        {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__PARALELISM": "1",
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "mysql://h/x",
            "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH": "/x",
            "AIRFLOW__SCHEDULAR__X": "1",
            "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__GLOBAL_KEYPREFIX": "x",
            "AIRFLOW__SECRETS__BACKEND_KWARG__ROLE_ID": "r",
            "AIRFLOW__CORE__FERNET_KEY_CMD": "true",
            "TRADEWIND__CORE__EXECUTER": "x",
            "TRADEWIND__CORE__PARALLELISM": "5",
            "TRADEWIND__CORE__FERNET_KEY_CMD": "true",
            "TRADEWIND__CORE__MAX_MAP_LENGTH": "5",
        }
    )
    said = {remark.name: remark for remark in listing.remarks()}
    assert said["core.paralelism"].nearest == "core.parallelism"
    assert said["core.executer"].nearest == "core.executor"
    assert said["schedular.x"].nearest == "scheduler"
    assert [name for name, remark in said.items() if remark.is_unknown] == [
        "core.paralelism",
        "schedular.x",
        "core.executer",
    ]
    assert said["metrics.statsd_on"].text == IGNORED["metrics.statsd_on"]
    assert "only Postgres" in said["database.sql_alchemy_conn"].text
    assert said["core.parallelism"].text == "TRADEWIND__CORE__PARALLELISM goes before it"
    assert said["core.parallelism"].place == f"{home / 'airflow.cfg'}:2"
    assert said.keys() > {"core.daemon_umask", "celery_broker_transport_options.global_keyprefix"}
    others = {"core.fernet_key", "common.io.xcom_objectstorage_path", "core.max_map_length", "my.own.greeting"}
    assert said.keys() & (others - {"core.fernet_key"}) == set()


def test_each_option_of_airflows_has_one_meaning() -> None:
    known = {setting.name for setting in settings_of_all()}
    assert [target.setting for target in MAPPED.values() if target.setting not in known] == []
    assert MAPPED.keys() & IGNORED.keys() == set()
    assert known & IGNORED.keys() == {"core.simple_auth_manager_all_admins"}  # not taken over on purpose
    assert CODE_OPTIONS.keys() & IGNORED.keys() == set()
    assert [new for new in RENAMED.values() if new not in {*MAPPED, *IGNORED, *CODE_OPTIONS}] == []


def test_an_option_has_airflows_name_too(home: Path) -> None:
    listing = Listing({"AIRFLOW_HOME": str(home), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+asyncpg://h/x"})
    for section, key in (("database", "sql_alchemy_conn"), ("Database", "URL"), ("core", "sql_alchemy_conn")):
        found = listing.option(section, key)
        assert found is not None
        assert (found.text, found.source, found.is_secret) == (
            "postgresql://h/x",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
            True,
        )
    own = listing.option("my.own", "name")
    assert own is not None
    assert own.text == "ada"
    assert listing.option("core", "nothing") is None


def test_children_get_no_credentials_nor_the_way_to_them() -> None:
    given = {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://h/x",
        "AIRFLOW__CORE__FERNET_KEY_CMD": "print it",
        "airflow__celery__broker_url_secret": "vault",
        "TRADEWIND__DATABASE__URL_CMD": "print it",
        "AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "2",
        "AIRFLOW_VAR_X": "1",
    }
    assert child_environment(given) == {"AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "2", "AIRFLOW_VAR_X": "1"}


def test_a_service_says_once_what_it_ignores_and_does_not_know(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__PARALELISM", "1")
    with capture_logs() as lines:
        report_configuration()
    ignored, unknown = lines
    assert ignored["event"] == "configuration.airflow"
    assert ignored["file"] == str(home / "airflow.cfg")
    assert ignored["ignored"] == ["core.daemon_umask"]
    assert unknown["event"] == "configuration.unknown"
    assert (unknown["name"], unknown["nearest"]) == ("core.paralelism", "core.parallelism")
    monkeypatch.setenv("AIRFLOW_CONFIG", "/nowhere/airflow.cfg")
    with capture_logs() as lines:
        report_configuration()
    assert [line["event"] for line in lines] == ["configuration.missing", "configuration.unknown"]


def test_nothing_is_said_nor_loaded_where_all_is_well() -> None:
    program = (
        "import sys\nfrom tradewind.service.configuration.report import report_configuration\nreport_configuration()\n"
        "print([name for name in sys.modules if name.startswith('tradewind.service.configuration.')])"
    )
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("AIRFLOW", "TRADEWIND"))}
    given = {**environment, "TRADEWIND__HOME": "/nowhere", "TRADEWIND__DATABASE__URL_CMD": "x"}
    done = subprocess.run([sys.executable, "-c", program], env=given, capture_output=True, text=True, check=True)
    loaded = ("catalogue", "report", "sources")
    assert sorted(ast.literal_eval(done.stdout)) == [f"tradewind.service.configuration.{name}" for name in loaded]
