"""What DAG files read over `/execution` while they are imported, and that its fingerprints are the store's."""

from collections.abc import AsyncGenerator
from datetime import timedelta

import httpx
import pytest
import pytest_asyncio

from tests.servers.api import ApiServer
from tests.servers.scene import Scene
from tradewind.db.postgres.store import PostgresStore
from tradewind.service.clock import utc_now

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def reader(api: ApiServer) -> AsyncGenerator[httpx.AsyncClient]:
    token = api.signer.mint_reader_token("dag_processor", now=utc_now(), lifetime_seconds=60)
    async with httpx.AsyncClient(
        base_url=f"{api.url}/execution", headers={"Authorization": f"Bearer {token}"}
    ) as client:
        yield client


async def test_a_variable_is_read_with_a_fingerprint_that_every_write_changes(
    api: ApiServer, reader: httpx.AsyncClient, scene: Scene, dag_id: str
) -> None:
    key = f"{dag_id}/names"
    store = PostgresStore(scene.database)
    await api.client.post("/api/v2/variables", json={"key": key, "value": '["a"]'})
    first = (await reader.get(f"/stored-variables/{key}")).json()
    assert (first["key"], first["value"]) == (key, '["a"]')
    assert await store.stored_fingerprints([key, "none"], [key]) == ({key: first["fingerprint"]}, {})

    changed = await api.client.patch(f"/api/v2/variables/{key}", json={"key": key, "value": '["b"]'})
    assert changed.status_code == 200
    second = (await reader.get(f"/stored-variables/{key}")).json()
    assert second["value"] == '["b"]'
    assert second["fingerprint"] != first["fingerprint"]


async def test_a_connection_is_read_with_its_secrets_and_a_fingerprint(
    api: ApiServer, reader: httpx.AsyncClient, scene: Scene, dag_id: str
) -> None:
    store = PostgresStore(scene.database)
    fields = {"connection_id": dag_id, "conn_type": "http", "host": "h", "password": "p", "extra": '{"a": 1}'}
    await api.client.post("/api/v2/connections", json=fields)
    read = (await reader.get(f"/stored-connections/{dag_id}")).json()
    assert (read["host"], read["password"], read["extra"]) == ("h", "p", '{"a": 1}')
    assert await store.stored_fingerprints([dag_id], [dag_id]) == ({}, {dag_id: read["fingerprint"]})


async def test_what_is_not_there_is_said_so(reader: httpx.AsyncClient) -> None:
    for path in ("/stored-variables/no/such", "/stored-connections/none"):
        answer = await reader.get(path)
        assert (answer.status_code, answer.json()["detail"]["reason"]) == (404, "not_found")


async def test_an_expired_token_reads_nothing(api: ApiServer) -> None:
    token = api.signer.mint_reader_token("dag_processor", now=utc_now() - timedelta(seconds=61), lifetime_seconds=60)
    answer = await api.client.get("/execution/stored-variables/any", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["detail"]["reason"]) == (401, "expired_token")
