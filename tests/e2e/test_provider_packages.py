"""Provider packages as people install them beside Tradewind, without Airflow: http, sqlite and postgres for real."""

import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from tests.airflow_files import install_providers
from tests.e2e.client import ApiClient
from tests.servers.postgres import PostgresServer
from tests.servers.stack import standalone_stack

HTTP = """
from airflow.providers.http.hooks.http import HttpHook
from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.http.sensors.http import HttpSensor
from airflow.providers.common.compat.sdk import BaseHook, DAG, task, timezone

with DAG("over_http", start_date=timezone.datetime(2024, 1, 1), default_args={"http_conn_id": "web"}):
    ready = HttpSensor(task_id="ready", endpoint="ready", poke_interval=0.1, response_check=lambda r: r.text == "yes")
    ask = HttpOperator(
        task_id="ask", method="POST", endpoint="echo", data='{"run": "{{ run_id }}"}',
        headers={"Content-Type": "application/json"}, response_filter=lambda r: r.json(),
    )

    @task
    def by_hook(answer, run_id=None):
        hook = BaseHook.get_hook("web", hook_params={"method": "GET"})
        assert type(hook) is HttpHook, hook
        assert hook.get_connection("web").login == "ann"
        missing = hook.run("missing", extra_options={"check_response": False})
        return [answer["body"] == {"run": run_id}, answer["user"], missing.status_code]

    refused = HttpOperator(task_id="refused", method="GET", endpoint="missing", retries=0)
    ready >> by_hook(ask.output) >> refused
"""

SQL = """
from airflow.providers.common.sql.operators.generic_transfer import GenericTransfer
from airflow.providers.common.sql.operators.sql import (
    BranchSQLOperator, SQLCheckOperator, SQLColumnCheckOperator, SQLExecuteQueryOperator,
)
from airflow.providers.common.sql.sensors.sql import SqlSensor
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.providers.sqlite.hooks.sqlite import SqliteHook
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task

with DAG("over_sql", template_searchpath=["{{SQL_FOLDER}}"], default_args={"conn_id": "file"}):
    create = SQLExecuteQueryOperator(
        task_id="create", sql="cities.sql", split_statements=True, params={"table": "cities"},
    )
    there = SqlSensor(task_id="there", sql="SELECT count(*) FROM cities", poke_interval=0.1)
    checked = SQLColumnCheckOperator(
        task_id="checked", table="cities",
        column_mapping={"people": {"min": {"greater_than": 10}, "null_check": {"equal_to": 0}}},
    )
    counted = SQLCheckOperator(task_id="counted", sql="SELECT count(*) = 3 FROM cities")
    rows = SQLExecuteQueryOperator(
        task_id="rows", sql="SELECT name, people FROM cities WHERE people > ? ORDER BY name", parameters=[100],
    )
    choose = BranchSQLOperator(
        task_id="choose", sql="SELECT count(*) > 100 FROM cities",
        follow_task_ids_if_true="many", follow_task_ids_if_false="few",
    )
    choose >> [EmptyOperator(task_id="many"), EmptyOperator(task_id="few")]

    prepare = SQLExecuteQueryOperator(
        task_id="prepare", conn_id="server", sql="CREATE TABLE IF NOT EXISTS towns (name text PRIMARY KEY, people int)",
    )
    copy = GenericTransfer(
        task_id="copy", source_conn_id="file", destination_conn_id="server", destination_table="towns",
        sql="SELECT name, people FROM cities", preoperator="DELETE FROM towns",
    )

    @task.sql(conn_id="server")
    def names(least):
        return f"SELECT name FROM towns WHERE people > {least} ORDER BY name"

    @task
    def by_hooks():
        server = PostgresHook(postgres_conn_id="server")
        server.insert_rows(
            "towns", [("Bath", 95), ("Oslo", 718)],
            target_fields=["name", "people"], replace=True, replace_index=["name"],
        )
        with server.get_conn() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT max(people) FROM towns")
            (most,) = cursor.fetchone()
        bath = server.get_first("SELECT people FROM towns WHERE name = %s", parameters=("Bath",))[0]
        count = SqliteHook(sqlite_conn_id="file").get_first("SELECT count(*) FROM cities")[0]
        return [server.dialect_name, type(server.dialect).__name__, count, most, bath]

    @task
    def shown(*results):
        return [[list(row) for row in result] for result in results]

    create >> there >> [checked, counted, rows, choose]
    found = names(100)
    [there, prepare] >> copy >> found >> [by_hooks(), shown(rows.output, found)]
"""

CITIES = """
CREATE TABLE {{ params.table }} (name TEXT, people INTEGER);
INSERT INTO {{ params.table }} VALUES ('Bath', 94), ('Oslo', 717), ('Pune', 3124);
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the provider packages, and nothing that they depend on."""
    target = tmp_path_factory.mktemp("site")
    install_providers(target)
    return target


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = self.path == "/ready"
        self._answer(200 if known else 404, b"yes" if known else b"no such page")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(200, json.dumps({"body": body, "user": self.headers["Authorization"]}).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Not into the test's output."""


@pytest.fixture(scope="module")
def web() -> Generator[str]:
    """Address of an HTTP server: `GET /ready`, `POST /echo`, 404 for all else that is read."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="web")
        thread.start()
        yield f"http://ann:secret-of-ann@127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def api(
    tmp_path_factory: pytest.TempPathFactory, packages: Path, web: str, postgres: PostgresServer
) -> Generator[ApiClient]:
    folder = tmp_path_factory.mktemp("providers")
    dags_folder = folder / "dags"
    dags_folder.mkdir()
    (folder / "cities.sql").write_text(CITIES)
    (dags_folder / "over_http.py").write_text(HTTP)
    (dags_folder / "over_sql.py").write_text(SQL.replace("{{SQL_FOLDER}}", str(folder)))
    environment = {
        "PYTHONPATH": os.pathsep.join((str(packages), os.environ.get("PYTHONPATH", ""))),
        "AIRFLOW_CONN_WEB": web,
        "AIRFLOW_CONN_FILE": f"sqlite://{quote(str(folder / 'cities.db'), safe='')}",
    }
    with (
        postgres.new_database("template0") as server_url,
        standalone_stack(folder, dags_folder=dags_folder, environment=environment) as stack,
        ApiClient(stack.api_url, stack.username, stack.password) as client,
    ):
        server = {"connection_id": "server", "conn_type": "postgres", **_fields(server_url)}
        answer = client.post("/connections", server)
        assert answer.status_code == 201, answer.text
        yield client


def _fields(url: str) -> dict[str, Any]:
    """The address of a Postgres as a connection's fields; its host may be a folder with a socket."""
    parts = urlsplit(url)
    host = dict(parse_qsl(parts.query)).get("host") or parts.hostname
    return {
        "host": host,
        "port": parts.port,
        "login": parts.username,
        "password": parts.password,
        "schema": parts.path.removeprefix("/"),
    }


def _log(api: ApiClient, dag_id: str, run_id: str, task_id: str) -> str:
    """A failed task's log, as the API tells it."""
    return api.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/1", full_content="true").text


def _states(api: ApiClient, dag_id: str, run_id: str) -> dict[str, str]:
    return {ti["task_id"]: ti["state"] for ti in api.task_instances(dag_id, run_id)}


def _run(api: ApiClient, dag_id: str) -> tuple[str, str, dict[str, str]]:
    api.wait_for_dag(dag_id, timeout_seconds=60)
    api.unpause(dag_id)
    run_id = api.trigger(dag_id)
    state = api.wait_for_run(dag_id, run_id, timeout_seconds=120)["state"]
    return run_id, state, _states(api, dag_id, run_id)


def test_http_sensor_operator_and_hook(api: ApiClient) -> None:
    run_id, state, states = _run(api, "over_http")
    assert (state, states) == (
        "failed",
        {"ready": "success", "ask": "success", "by_hook": "success", "refused": "failed"},
    )
    user = "Basic YW5uOnNlY3JldC1vZi1hbm4="
    assert api.xcom("over_http", run_id, "by_hook") == [True, user, 404]
    assert "404:Not Found" in _log(api, "over_http", run_id, "refused")


def test_sql_operators_and_hooks_on_a_file_and_a_server(api: ApiClient) -> None:
    run_id, state, states = _run(api, "over_sql")
    assert states.pop("many") == "skipped"
    assert (state, set(states.values())) == ("success", {"success"}), [
        _log(api, "over_sql", run_id, task_id)[-2000:] for task_id, ended in states.items() if ended == "failed"
    ]
    assert api.xcom("over_sql", run_id, "shown") == [[["Oslo", 717], ["Pune", 3124]], [["Oslo"], ["Pune"]]]
    assert api.xcom("over_sql", run_id, "by_hooks") == ["postgresql", "PostgresDialect", 3, 3124, 95]


IMPORT_ALL = """
import importlib, sys
from pathlib import Path
from tradewind.sdk import aliases
aliases.install()
site = Path(sys.argv[1])
for file in sorted((site / "airflow").rglob("*.py")):
    name = ".".join(file.relative_to(site).with_suffix("").parts).removesuffix(".__init__")
    try:
        importlib.import_module(name)
    except ImportError as exc:
        print(name, exc.name)
import airflow.providers.standard.operators.bash, airflow.providers.http, airflow.providers.common.compat as compat
assert airflow.providers.standard.operators.bash.BashOperator.__module__ == "tradewind.sdk.operators.bash"
assert compat.__file__.startswith(str(site)), compat
"""
MISSING = ("datafusion", "airflow.providers.openlineage")
"""What their optional parts want and the test environment lacks."""


def test_every_module_is_imported_beside_ours(packages: Path) -> None:
    assert all(importlib.util.find_spec(name) is None for name in ("datafusion", "airflow"))
    environment = {**os.environ, "PYTHONPATH": str(packages)}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, str(packages)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if not line.endswith(MISSING)] == []
