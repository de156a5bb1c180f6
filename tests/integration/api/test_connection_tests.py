"""Connections that people want tested: the API, and the loop of a DAG processor that runs the hooks."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from tests.polling import poll_until
from tests.servers.api import ApiServer, api_server
from tradewind.api.settings import ApiServiceSettings
from tradewind.bus.memory import MemoryBus
from tradewind.dag_processor.connection_tests.loop import ConnectionTestLoop, hook_answer
from tradewind.service.clock import utc_now
from tradewind.service.metrics import Telemetry
from tradewind.service.tokens import CONNECTION_TESTER

pytestmark = pytest.mark.asyncio(loop_scope="session")

HEADER = "Airflow-Connection-Test-Token"
SOON = 30.0
PROVIDER = """
import os, time

def info():
    types = [{"connection-type": "tried", "hook-class-name": "a_provider.Hook"}]
    return {"package-name": "a-provider", "connection-types": types}

class Hook:
    conn_name_attr = "conn_id"

    def __init__(self, conn_id):
        from airflow.sdk import BaseHook
        self.connection = BaseHook.get_connection(conn_id)

    def test_connection(self):
        print("this is no answer")
        if self.connection.host == "asleep":
            time.sleep(60)
        if self.connection.host == "dead":
            os._exit(3)
        if self.connection.host == "wrong":
            raise ValueError(f"no entry with {self.connection.password}")
        return True, f"welcome, {self.connection.login} of {self.connection.extra_dejson['team']}"
"""


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with a hook, for the children."""
    info = tmp_path / "a_provider-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: a-provider\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[apache_airflow_provider]\nprovider_info=a_provider:info\n")
    (tmp_path / "a_provider.py").write_text(PROVIDER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def _enabled(settings: ApiServiceSettings) -> ApiServiceSettings:
    return replace(settings, core=replace(settings.core, test_connection="Enabled"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(api: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[ApiServer]:
    """An API that lets people test."""
    home = tmp_path_factory.mktemp("testing")
    async with api_server(api.database, home, change=_enabled, password=api.password) as server:
        yield server


@asynccontextmanager
async def dag_processor(server: ApiServer) -> AsyncGenerator[None]:
    """While a DAG processor is there."""
    stop = asyncio.Event()
    loop = ConnectionTestLoop(
        execution_api_url=server.url,
        mint_token=lambda: _token(server, CONNECTION_TESTER),
        bus=MemoryBus(server.broker),
        jitter=lambda: 0.0,
        telemetry=Telemetry(CollectorRegistry(), service="dag_processor"),
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(loop.run(stop), name="connection-tests")
        yield
        stop.set()


def _token(server: ApiServer, service: str) -> str:
    return server.signer.mint_reader_token(service, now=utc_now(), lifetime_seconds=60)


def _body(connection_id: str, **fields: object) -> dict[str, object]:
    return {"connection_id": connection_id[:150], "conn_type": "tried", "extra": '{"team": "x"}', **fields}


async def _enqueue(server: ApiServer, body: Mapping[str, object], status: int = 202) -> dict[str, Any]:
    answer = await server.client.post("/api/v2/connections/enqueue-test", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def _found(server: ApiServer, token: str) -> dict[str, Any]:
    answer = await server.client.get("/api/v2/connections/enqueue-test", headers={HEADER: token})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _ended(server: ApiServer, token: str) -> dict[str, Any]:
    async def is_over() -> bool:
        return (await _found(server, token))["state"] in ("success", "failed")

    await poll_until(is_over, SOON)
    return await _found(server, token)


async def test_hooks_say_whether_connections_work(server: ApiServer, provider: None, dag_id: str) -> None:
    good = _body(f"{dag_id}.good", login="ada", password="p", commit_on_success=True)
    wrong = _body(f"{dag_id}.wrong", host="wrong", password="s3cret-word", commit_on_success=True)
    unknown = _body(f"{dag_id}.unknown", conn_type="nobody_has_a_hook")

    async with dag_processor(server):
        queued = [await _enqueue(server, body) for body in (good, wrong, unknown)]
        waited = await server.client.post("/api/v2/connections/test", json=_body(f"{dag_id}.now", login="bob"))
        ended = [await _ended(server, each["token"]) for each in queued]

    assert [(each["connection_id"], each["state"]) for each in queued] == [
        (body["connection_id"], "pending") for body in (good, wrong, unknown)
    ]
    assert (waited.status_code, waited.json()) == (200, {"status": True, "message": "welcome, bob of x"})
    assert [(each["state"], each["result_message"]) for each in ended] == [
        ("success", "welcome, ada of x"),
        ("failed", "no entry with ***"),
        ("failed", f"Unknown hook type \"nobody_has_a_hook\" of connection '{unknown['connection_id']}'"),
    ]
    kept = [await server.client.get(f"/api/v2/connections/{body['connection_id']}") for body in (good, wrong)]
    assert [answer.status_code for answer in kept] == [200, 404]
    assert (kept[0].json()["login"], kept[0].json()["password"]) == ("ada", "***")
    secrets = await server.database.fetch("SELECT connection FROM connection_test WHERE connection IS NOT NULL")
    assert secrets == []


@pytest.mark.parametrize(
    ("host", "seconds", "said"), [("asleep", 1.0, "no answer within 1 s"), ("dead", 30.0, "died with exit code 3")]
)
async def test_a_hook_that_never_answers_is_ended(provider: None, host: str, seconds: float, said: str) -> None:
    answer = await hook_answer({"conn_id": "c", "conn_type": "tried", "host": host}, seconds)

    assert not answer.is_good
    assert said in answer.message


async def test_one_test_of_a_connection_at_a_time(server: ApiServer, dag_id: str) -> None:
    body = _body(dag_id)
    first = await _enqueue(server, body)
    again = await _enqueue(server, body, 409)
    await server.database.fetch("UPDATE connection_test SET expires_at = now() WHERE ended_at IS NULL")
    expired = await _found(server, first["token"])
    second = await _enqueue(server, body)
    await server.database.fetch(
        "UPDATE connection_test SET expires_at = now(), state = 'running' WHERE ended_at IS NULL"
    )
    lost = await _found(server, second["token"])

    assert "is being tested already" in again["detail"]
    assert (expired["state"], lost["state"]) == ("failed", "failed")
    assert "No DAG processor took the test" in expired["result_message"]
    assert "was lost" in lost["result_message"]


async def test_who_asks_wrongly_is_told(api: ApiServer, server: ApiServer, dag_id: str) -> None:
    path = "/api/v2/connections/enqueue-test"

    assert (await server.client.get(path)).status_code == 422
    assert (await server.client.get(path, headers={HEADER: "nothing"})).status_code == 404
    assert "'NoExecutor' is not configured" in str(await _enqueue(server, _body(dag_id, executor="NoExecutor"), 422))
    assert (await server.client.post(path, json={"connection_id": "a b", "conn_type": "x"})).status_code == 422
    for disabled in (path, "/api/v2/connections/test"):
        answer = await api.client.post(disabled, json=_body(dag_id))
        assert answer.status_code == 403
        assert "TRADEWIND__CORE__TEST_CONNECTION=Enabled" in answer.json()["detail"]


async def test_stored_secrets_go_to_no_other_address(server: ApiServer, dag_id: str) -> None:
    stored = {**_body(dag_id, host="db"), "password": "s3cret", "extra": '{"team": "x", "token": "t"}'}
    await server.client.post("/api/v2/connections", json=stored)
    masked = {**stored, "password": "***", "extra": '{"team": "y", "token": "***"}'}
    refused = await _enqueue(server, {**masked, "host": "elsewhere"}, 400)
    await _enqueue(server, masked)

    tester = {"Authorization": f"Bearer {_token(server, CONNECTION_TESTER)}"}
    taken = (await server.client.post("/execution/connection-tests/take", headers=tester)).json()
    none_left = await server.client.post("/execution/connection-tests/take", headers=tester)
    answer = f"/execution/connection-tests/{taken['id']}/answer"
    body = {"status": False, "message": "m" * 3000}
    answers = [(await server.client.post(answer, json=body, headers=tester)).status_code for _ in range(2)]
    reader = {"Authorization": f"Bearer {_token(server, 'dag_processor')}"}
    forbidden = await server.client.post("/execution/connection-tests/take", headers=reader)

    assert "give the credentials to test with" in refused["detail"]
    assert taken["connection"]["password"] == "s3cret"
    assert json.loads(taken["connection"]["extra"]) == {"team": "y", "token": "t"}
    assert (none_left.status_code, answers, forbidden.status_code) == (404, [204, 404], 403)
