"""The API as a service: health, metrics, failures, limits, ports, start and stop."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from tests.polling import poll_until
from tests.servers.api import ApiServer, api_server, api_settings, log_in
from tests.servers.postgres import PostgresServer, postgres_server
from tests.servers.scene import Scene
from tradewind.api.service import run
from tradewind.bus.memory import MemoryBroker, MemoryBus
from tradewind.core.errors import ConfigError
from tradewind.core.spec import DagSpec
from tradewind.db.pool import Database, open_pool
from tradewind.service.clock import new_id, utc_now

SESSION = pytest.mark.asyncio(loop_scope="session")


@SESSION
async def test_health_names_what_the_database_has_heard_of(api: ApiServer, scene: Scene) -> None:
    before = (await api.client.get("/api/v2/monitor/health")).json()
    await scene.store.renew_scheduler(scene.scheduler_id, utc_now())
    await scene.store.record_service_heartbeat("dag_processor", new_id(), utc_now())
    after = (await api.client.get("/api/v2/monitor/health")).json()

    assert before["triggerer"] == {"status": None, "latest_triggerer_heartbeat": None}
    assert before["metadatabase"] == {"status": "healthy"}
    assert after["scheduler"]["status"] == after["dag_processor"]["status"] == "healthy"
    assert after["scheduler"]["latest_scheduler_heartbeat"].endswith("+00:00")
    assert set(after) == {
        "metadatabase",
        "scheduler",
        "triggerer",
        "dag_processor",
        "dispatcher",
        "collector",
        "worker",
    }


@SESSION
async def test_own_health_and_metrics_are_shown(api: ApiServer) -> None:
    health = await api.client.get("/health")
    await api.client.get("/api/v2/dags/no_such_dag")
    metrics = (await api.client.get("/metrics")).text

    assert health.status_code == 200, health.text
    assert {"broker", "database"} <= set(health.json()["checks"])
    line = 'tradewind_api_request_seconds_count{method="GET",route="/api/v2/dags/{dag_id}",status="404"}'
    assert line in metrics


@SESSION
async def test_a_request_keeps_its_id(api: ApiServer) -> None:
    given = await api.client.get("/api/v2/version", headers={"X-Request-Id": "mine-1"})
    forged = await api.client.get("/api/v2/version", headers={"X-Request-Id": "a b\tc"})
    made = await api.client.get("/api/v2/version")

    assert given.headers["x-request-id"] == "mine-1"
    assert forged.headers["x-request-id"] not in ("a b\tc", made.headers["x-request-id"])


@SESSION
async def test_a_body_that_is_too_long_is_refused(api: ApiServer, scene: Scene, dag_id: str) -> None:
    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py"))
    body = json.dumps({"note": "x" * api.settings.api_server.max_request_bytes}).encode()
    headers = {"Content-Type": "application/json"}

    async def in_chunks() -> AsyncGenerator[bytes]:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    path = f"/api/v2/dags/{dag_id}/dagRuns"
    whole = await api.client.post(path, content=body, headers=headers)
    chunked = await api.client.post(path, content=in_chunks(), headers=headers)

    for answer in (whole, chunked):
        assert answer.status_code == 413, answer.text
        assert "TRADEWIND__API_SERVER__MAX_REQUEST_BYTES" in answer.json()["detail"]


@SESSION
@pytest.mark.parametrize("path", ["/", "/api/v2", "/api/v2/nope", "/execution/nope", "/api/v1/dags"])
async def test_unknown_paths_are_answered_in_json(api: ApiServer, path: str) -> None:
    answer = await api.client.get(path)

    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


@SESSION
async def test_a_method_that_is_not_offered_is_refused(api: ApiServer) -> None:
    answer = await api.client.put("/api/v2/dags")

    assert (answer.status_code, answer.json()) == (405, {"detail": "Method Not Allowed"})


@pytest_asyncio.fixture
async def own_api(database: Database, tmp_path: Path) -> AsyncGenerator[ApiServer]:
    async with api_server(database, tmp_path) as server:
        yield server


async def test_our_own_failure_is_logged_and_answered(own_api: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    await own_api.database.fetch("DROP TABLE import_error")

    answer = await own_api.client.get("/api/v2/importErrors", headers={"X-Request-Id": "find-me"})

    assert answer.status_code == 500
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "find-me"
    assert "import_error" not in answer.text
    logged = capsys.readouterr().out
    assert "request.failed" in logged
    assert "find-me" in logged
    assert "UndefinedTableError" in logged
    assert (await own_api.client.get("/api/v2/version")).status_code == 200


@pytest.fixture
def lone_postgres() -> Generator[PostgresServer]:
    """Nobody else's: other tests keep connections to the shared one open."""
    with postgres_server(private=True) as server:
        yield server


async def test_a_lost_database_is_answered_and_found_again(tmp_path: Path, lone_postgres: PostgresServer) -> None:
    with lone_postgres.new_database() as url:
        async with open_pool(url, 2) as database, api_server(database, tmp_path) as api:
            await asyncio.to_thread(lone_postgres.stop)
            lost = await api.client.get("/api/v2/dags")
            health = await api.client.get("/health")
            monitor = (await api.client.get("/api/v2/monitor/health")).json()
            await asyncio.to_thread(lone_postgres.start)

            async def is_back() -> bool:
                return (await api.client.get("/api/v2/dags")).status_code == 200

            await poll_until(is_back)

    assert lost.status_code == 503
    assert "database" in lost.json()["detail"]
    assert health.status_code == 503
    assert monitor["metadatabase"] == {"status": "unhealthy"}
    assert monitor["scheduler"]["status"] == "unhealthy"


async def test_a_broker_that_is_down_fails_no_request(own_api: ApiServer) -> None:
    scene = Scene(own_api.database)
    await scene.write_dag(DagSpec(dag_id="d", relative_fileloc="d.py"))
    own_api.broker.stop()

    answer = await own_api.client.post("/api/v2/dags/d/dagRuns", json={})

    assert answer.status_code == 200
    own_api.broker.start()
    waits = 'tradewind_api_retries_total{operation="announce"}'

    async def has_been_told() -> bool:
        return waits in (await own_api.client.get("/metrics")).text

    await poll_until(has_been_told)


async def test_a_taken_port_names_the_setting(database: Database, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"{port}.*TRADEWIND__API__PORT"):
            await run(
                settings=api_settings(tmp_path, "password", port=port),
                bus=MemoryBus(MemoryBroker()),
                pool=database,
                clock=utc_now,
                new_id=new_id,
                stop=asyncio.Event(),
                registry=CollectorRegistry(),
            )


async def test_a_changed_password_holds_after_a_restart(database: Database, tmp_path: Path) -> None:
    async with api_server(database, tmp_path) as first:
        old = first.password
    async with (
        api_server(database, tmp_path, password="another") as second,
        httpx.AsyncClient(base_url=second.url, timeout=60.0) as anybody,
    ):
        await log_in(anybody, second.username, second.password)
        refused = await anybody.post("/auth/token", json={"username": second.username, "password": old})

    assert refused.status_code == 401
    assert [row["username"] for row in await database.fetch("SELECT username FROM app_user")] == ["ada"]


async def test_a_token_outlives_a_restart(database: Database, tmp_path: Path) -> None:
    async with api_server(database, tmp_path) as first:
        headers = {"Authorization": f"Bearer {first.token}"}
    async with (
        api_server(database, tmp_path) as second,
        httpx.AsyncClient(base_url=second.url, timeout=60.0) as anybody,
    ):
        assert (await anybody.get("/api/v2/dags", headers=headers)).status_code == 200
