"""The commands `variables`, `connections` and `pools`, as they ask an API elsewhere."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tests.servers.api import ApiServer
from tradewind.cli.kept import connections, pools, variables

pytestmark = pytest.mark.asyncio(loop_scope="session")

GROUPS = {"variables": variables.create_app, "connections": connections.create_app, "pools": pools.create_app}
Run = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def run(api: ApiServer) -> Run:
    """Gives the exit code, and what was said on stdout and stderr."""

    async def run(group: str, *arguments: str) -> tuple[int, str]:
        app: typer.Typer = GROUPS[group]()
        words = [*arguments, "--api-url", api.url, "--token", api.token]
        done = await asyncio.to_thread(CliRunner().invoke, app, words)
        return done.exit_code, done.output

    return run


async def test_variables(api: ApiServer, run: Run, dag_id: str, tmp_path: Path) -> None:
    key, file, out = f"{dag_id}.k", tmp_path / "v.yaml", tmp_path / "out.json"
    file.write_text(f"{key}: 2\n{key}2: {{value: [1], description: d}}\n")

    assert await run("variables", "set", key, "1", "--description", "mine") == (0, f"Variable {key} created\n")
    skipped = await run("variables", "import", str(file), "-a", "skip")
    failed = await run("variables", "import", str(file), "-a", "fail")
    assert await run("variables", "get", key) == (0, "1\n")
    assert (skipped[0], failed[0]) == (0, 1)
    assert "1 of 2 variables" in skipped[1]
    assert f"they exist: {key}" in skipped[1]
    assert f"{key}, {key}2" in failed[1]
    assert (await run("variables", "import", str(file)))[0] == 0
    assert await run("variables", "get", f"{key}2", "--json") == (0, "[1]\n")
    assert (await run("variables", "get", f"{key}3"))[0] == 1
    assert await run("variables", "get", f"{key}3", "-d", "else") == (0, "else\n")
    assert key in (await run("variables", "list", "-o", "plain"))[1]
    shown = await run("variables", "list", "--show-values", "--hide-sensitive", "-o", "json")
    assert {"key": key, "val": "***"} in json.loads(shown[1][shown[1].index("[\n") :])
    assert (await run("variables", "export", str(out)))[0] == 0
    exported = json.loads(out.read_text())
    assert (exported[key], exported[f"{key}2"]) == (
        {"value": 2, "description": "mine"},
        {"value": [1], "description": "d"},
    )
    assert out.stat().st_mode & 0o077 == 0
    assert [(await run("variables", "delete", key))[0] for _ in range(2)] == [0, 1]


async def test_connections(api: ApiServer, run: Run, dag_id: str, tmp_path: Path) -> None:
    one, two, out = f"{dag_id[:100]}.1", f"{dag_id[:100]}.2", tmp_path / "out.env"
    uri = "http://u:p%40@h:80/s?k=v"

    assert (await run("connections", "add", one, "--conn-uri", uri, "--conn-description", "d"))[0] == 0
    again = await run("connections", "add", one, "--conn-type", "http")
    assert (again[0], again[1]) == (1, f"These connections exist already: {one}\n")
    as_json = '{"conn_type": "x", "extra": {"a": 1}}'
    assert (await run("connections", "add", two, "--conn-json", as_json))[0] == 0
    first, second = [(await api.client.get(f"/api/v2/connections/{each}")).json() for each in (one, two)]
    assert (first["login"], first["password"], first["port"], first["extra"]) == ("u", "***", 80, '{"k": "v"}')
    assert (first["description"], second["extra"]) == ("d", '{"a": 1}')

    code, said = await run("connections", "export", str(out))
    assert code == 0
    assert "Secrets are masked" in said
    assert f"{one}=http://u:%2A%2A%2A@h:80/s?k=v\n" in out.read_text()
    out.write_text(f"{one}=http://u:***@other\n{two}=y://\n")
    assert "already exists" in (await run("connections", "import", str(out)))[1]
    assert (await run("connections", "import", str(out), "--overwrite"))[0] == 0
    changed = (await api.client.get(f"/api/v2/connections/{one}")).json()
    assert (changed["host"], changed["schema"]) == ("other", None)
    row = await api.database.fetch_row("SELECT password FROM connection WHERE conn_id = $1", one)
    assert row is not None
    assert row["password"] is not None
    refused = await run("connections", "test", one)
    assert (refused[0], "secrets are not known here" in refused[1]) == (1, True)
    assert one in (await run("connections", "list"))[1]
    assert f"http://u:{'%2A' * 3}@other" in (await run("connections", "get", one, "-o", "json"))[1]
    assert [(await run("connections", "delete", one))[0] for _ in range(2)] == [0, 1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Give --conn-uri, --conn-json or --conn-type"),
        (("--conn-uri", "a://", "--conn-json", "{}"), "not both"),
        (("--conn-uri", "a://", "--conn-host", "h"), "leave out --conn-host"),
        (("--conn-json", "{}", "--conn-extra", "{}"), "leave out --conn-extra"),
        (("--conn-uri", "nothing"), "begins with the connection's type"),
        (("--conn-json", "{"), "c:"),
    ],
)
async def test_connections_that_contradict_themselves(run: Run, words: tuple[str, ...], said: str) -> None:
    code, output = await run("connections", "add", "c", *words)

    assert code in (1, 2)
    assert said in output


async def test_the_environment_comes_first(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_HERE_ONLY", "here")
    monkeypatch.setenv("AIRFLOW_CONN_HERE_ONLY", "http://u:secret@h")

    assert await run("variables", "get", "here_only") == (0, "here\n")
    code, said = await run("connections", "get", "here_only", "-o", "json")
    assert (code, json.loads(said)[0]["password"]) == (0, "secret")


async def test_pools(api: ApiServer, run: Run, dag_id: str, tmp_path: Path) -> None:
    file = tmp_path / "pools.json"

    assert await run("pools", "set", dag_id, "-1", "mine", "--include-deferred") == (0, f"Pool {dag_id} created\n")
    got = await run("pools", "get", dag_id, "-o", "json")
    assert (await run("pools", "export", str(file)))[0] == 0
    exported = json.loads(file.read_text())
    file.write_text(json.dumps({dag_id: {"slots": 4, "description": "new"}, "wrong": 1}))
    code, said = await run("pools", "import", str(file))

    expected = {"slots": -1, "description": "mine", "include_deferred": True}
    assert json.loads(got[1]) == [{"pool": dag_id, **expected, "team_name": None}]
    assert exported[dag_id] == expected
    assert (code, "need slots and description: wrong" in said) == (1, True)
    pool = (await api.client.get(f"/api/v2/pools/{dag_id}")).json()
    assert (pool["slots"], pool["description"], pool["include_deferred"]) == (4, "new", False)
    assert dag_id in (await run("pools", "list"))[1]
    assert [(await run("pools", "delete", name))[0] for name in (dag_id, dag_id, "default_pool")] == [0, 1, 1]
