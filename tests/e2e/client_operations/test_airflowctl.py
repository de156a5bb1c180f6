"""Airflow's own command for remote use, `airflowctl`, unmodified: with a token from its environment variable, with a
keyring that keeps one in clear, and with name and password. By `make test-full` or by name: each command takes half a
second to start."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.client import ApiClient
from tests.servers.environments import AIRFLOWCTL, environment

pytestmark = pytest.mark.full

FILES: Final[Mapping[str, object]] = {
    "pools.json": [{"name": "imported", "slots": 3, "description": "d", "include_deferred": False}],
    "variables.json": {"v1": "one", "v2": {"a": 1}},
    "connections.json": {"c1": {"conn_type": "http", "host": "h.example"}},
}

COMMANDS: Final = (
    "version",
    "dags list",
    "dags get etl",
    "dags get-details etl",
    "dags get-version etl 1",
    "dags list-version etl",
    "dags list-warning",
    "dags list-import-errors",
    "dags next-execution daily",
    "dags pause etl",
    "dags unpause etl",
    "dags update etl --no-is-paused",
    "dags trigger etl --dag-run-id by_ctl",
    "dagrun get etl by_ctl",
    "pools create --name p1 --slots 2",
    "pools get p1",
    "pools list",
    "pools update --pool p1 --slots 4",
    "pools export {folder}/exported.json",
    "pools import {folder}/pools.json",
    "pools delete p1",
    "variables create --key k --value v",
    "variables get k",
    "variables list",
    "variables update --key k --value w",
    "variables import {folder}/variables.json",
    "variables delete k",
    "connections create --connection-id c --conn-type http --host a.example",
    "connections get c",
    "connections list",
    "connections update --connection-id c --conn-type http --host b.example",
    "connections import {folder}/connections.json",
    "connections delete c",
    "jobs list",
    "providers list",
    "plugins list",
    "config list",
    "assets list",
)

FAILS_ON_AIRFLOW_TOO: Final = ("dags get-tags", "connections create-defaults")
"""The command itself cannot show the answer, whoever gives it."""


class Airflowctl:
    """The program, with a home of its own."""

    def __init__(self, api: ApiClient, home: Path, token: str | None) -> None:
        self._program = environment("airflowctl", AIRFLOWCTL) / "airflowctl"
        self._environment = {
            "PATH": os.environ["PATH"],
            "AIRFLOW_HOME": str(home),
            "XDG_DATA_HOME": str(home / "data"),
            "PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring",
            **({} if token is None else {"AIRFLOW_CLI_TOKEN": token}),
        }
        self.url = api.url

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self._program), *words],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            stdin=subprocess.DEVNULL,
        )


def test_its_commands_run_with_a_token_from_the_environment(live: ApiClient, tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_text(json.dumps(content))
    ctl = Airflowctl(live, tmp_path, live.token)
    assert ctl.run("auth", "login", "--api-url", live.url, "--skip-keyring").returncode == 0
    failed = {
        command: (ended.stdout + ended.stderr)[-600:]
        for command in COMMANDS
        if (ended := ctl.run(*command.format(folder=tmp_path).split())).returncode != 0
    }
    assert failed == {}
    assert live.wait_for_run("etl", "by_ctl")["state"] == "success"
    assert {pool["name"] for pool in json.loads((tmp_path / "exported.json").read_text())} >= {"p1", "default_pool"}
    assert live.get("/variables/v1").json()["value"] == "one"
    assert live.get("/connections/c1").json()["host"] == "h.example"
    assert live.get("/pools/imported").json()["slots"] == 3
    for command in FAILS_ON_AIRFLOW_TOO:
        assert ctl.run(*command.split()).returncode != 0, f"{command} works now: move it to the others"
    assert live.get("/connections/postgres_default").status_code == 200, "it failed to show what it did"


@pytest.mark.parametrize("by", ["token", "password"])
def test_it_logs_in_once_and_keeps_the_token(live: ApiClient, tmp_path: Path, by: str) -> None:
    ctl = Airflowctl(live, tmp_path, None)
    how = ["--api-token", live.token] if by == "token" else ["--username", live.username, "--password", live.password]
    login = ctl.run("auth", "login", "--api-url", live.url, *how)
    assert login.returncode == 0, login.stdout + login.stderr
    listed = ctl.run("dags", "list", "--output", "json")
    assert listed.returncode == 0, listed.stdout + listed.stderr
    assert "etl" in listed.stdout
