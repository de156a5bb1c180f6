"""`tradewind config …`: every value with its source, secrets only if they are asked for."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tradewind.cli.app import create_app


def tradewind(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(create_app(), list(arguments), env=environment)


@pytest.fixture
def settings(tmp_path: Path) -> Mapping[str, str]:
    (tmp_path / "airflow.cfg").write_text(
        "[core]\nparallelism = 64\nfernet_key = secret\n[metrics]\nstatsd_on = True\n"
    )
    return {
        "AIRFLOW_CONFIG": str(tmp_path / "airflow.cfg"),
        "AIRFLOW__CELERY__WORKER_CONCURRENCY": "9",
        "TRADEWIND__API__PORT": "8088",
    }


def test_each_value_is_listed_with_its_source_and_what_is_ignored(settings: Mapping[str, str]) -> None:
    done = tradewind("config", "list", **settings)
    assert (done.exit_code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    file = settings["AIRFLOW_CONFIG"]

    def source_of(line: str) -> str:
        return lines[lines.index(line) - 1]

    assert source_of("parallelism = 64") == f"# source: {file}:2"
    assert source_of("fernet_key = < hidden >") == f"# source: {file}:3"
    assert source_of("worker_concurrency = 9") == "# source: AIRFLOW__CELERY__WORKER_CONCURRENCY"
    assert source_of("port = 8088") == "# source: TRADEWIND__API__PORT"
    assert not source_of("executor = LocalExecutor").startswith("# source")
    assert lines[-1] == f"# {file}:5: metrics.statsd_on is ignored: every service answers Prometheus at /metrics"


def test_a_section_may_be_listed_with_all_that_is_known_of_it(settings: Mapping[str, str]) -> None:
    asked = ("--include-sources", "--include-env-vars", "--include-descriptions", "--show-values", "--color", "on")
    done = tradewind("config", "list", "--section", "core", *asked, **settings)
    plain = done.stdout.replace("\x1b[1m", "").replace("\x1b[2m", "").replace("\x1b[36m", "").replace("\x1b[0m", "")
    assert plain != done.stdout
    assert plain.startswith("[core]\n")
    assert "[api]" not in plain
    assert "fernet_key = secret" in plain
    assert "# Variable: TRADEWIND__CORE__LOAD_EXAMPLES\n# source: default\nload_examples = False\n" in plain
    assert "# Task instances queued or running at once over the whole system; 0 = no cap." in plain
    hidden = tradewind("config", "list", "--section", "core", "--show-values", "--hide-sensitive", **settings)
    assert "fernet_key = < hidden >" in hidden.stdout
    defaults = tradewind("config", "list", "--section", "core", "--defaults", **settings)
    assert "# parallelism = 32" in defaults.stdout.splitlines()
    missing = tradewind("config", "list", "--section", "cores", **settings)
    assert (missing.exit_code, missing.stderr) == (1, "There is no section 'cores'.\n")


def test_one_value_is_printed_as_it_is(settings: Mapping[str, str]) -> None:
    assert tradewind("config", "get-value", "core", "fernet_key", **settings).stdout == "secret\n"
    unset = tradewind("config", "get-value", "database", "sql_alchemy_conn", **settings)
    assert (unset.exit_code, unset.stderr) == (1, "[database] sql_alchemy_conn is not set.\n")
    unknown = tradewind("config", "get-value", "core", "none", **settings)
    assert unknown.exit_code == 1
    assert "There is no option 'none' in [core]" in unknown.stderr


def test_old_and_unknown_names_are_faults(settings: Mapping[str, str]) -> None:
    assert tradewind("config", "lint", **settings).exit_code == 0
    given = {"AIRFLOW__WEBSERVER__WEB_SERVER_PORT": "1", "AIRFLOW__CORE__DAG_FOLDER": "/x", **settings}
    found = tradewind("config", "lint", **given)
    assert found.exit_code == 1
    assert "AIRFLOW__WEBSERVER__WEB_SERVER_PORT: webserver.web_server_port is called api.port now" in found.stdout
    assert "core.dag_folder is unknown: no such option; did you mean core.dags_folder?" in found.stdout
    broken = tradewind("config", "list", AIRFLOW__CORE__FERNET_KEY_CMD="no-such-program")
    assert broken.exit_code == 2
    assert "AIRFLOW__CORE__FERNET_KEY_CMD: the command cannot be run" in broken.stderr
