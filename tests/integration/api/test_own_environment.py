"""Variables and Connections of the API's own environment go before the stored ones, for tasks and for DAG files."""

from collections.abc import AsyncGenerator

import httpx
import pytest
import pytest_asyncio

from tests.servers.api import ApiServer
from tests.servers.scene import Scene
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.service.clock import utc_now

TASK = TaskSpec(task_id="work")

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session", params=["attempt", "reader"])
async def asker(
    request: pytest.FixtureRequest, api: ApiServer, scene: Scene, dag_id: str
) -> AsyncGenerator[tuple[httpx.AsyncClient, str, str]]:
    """Who asks, and where variables and connections are for them."""
    if request.param == "attempt":
        await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=(TASK,)))
        await api.client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None})
        (run,) = await scene.start_runs(dag_id)
        await scene.add_task_instances(run, TASK)
        attempt = await scene.start_attempt(run, TASK)
        token = api.signer.mint_attempt_token(attempt.claims)
        places = ("/execution/variables", "/execution/connections")
    else:
        token = api.signer.mint_reader_token("dag-processor", now=utc_now(), lifetime_seconds=600)
        places = ("/execution/stored-variables", "/execution/stored-connections")
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=api.url, headers=headers, timeout=60.0) as http:
        yield http, places[0], places[1]


async def test_they_go_before_the_stored_ones(
    api: ApiServer, asker: tuple[httpx.AsyncClient, str, str], dag_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    http, variables, connections = asker
    name = dag_id.upper()
    monkeypatch.setenv(f"AIRFLOW_VAR_{name}", "here")
    monkeypatch.setenv(f"AIRFLOW_CONN_{name}", "postgresql://me:a%20word@host:5/db?x=y")
    assert (await http.get(f"{variables}/{dag_id}")).json()["value"] == "here"
    await api.client.post("/api/v2/variables", json={"key": dag_id, "value": "stored"})
    await api.client.post("/api/v2/connections", json={"connection_id": dag_id, "conn_type": "stored"})
    assert (await http.get(f"{variables}/{dag_id}")).json()["value"] == "here"
    found = (await http.get(f"{connections}/{dag_id}")).json()
    assert (found["conn_id"], found["conn_type"]) == (dag_id, "postgres")
    assert (found["login"], found["password"]) == ("me", "a word")
    assert (found["host"], found["port"], found["schema"], found["extra"]) == ("host", 5, "db", '{"x": "y"}')

    monkeypatch.setenv(f"AIRFLOW_CONN_{name}", '{"conn_type": "http", "host": "elsewhere"}')
    assert (await http.get(f"{connections}/{dag_id}")).json()["host"] == "elsewhere"
    monkeypatch.setenv(f"AIRFLOW_CONN_{name}", '{"password": "a secret", "nonsense": 1}')
    wrong = await http.get(f"{connections}/{dag_id}")
    assert (wrong.status_code, "a secret" in wrong.text, dag_id in wrong.text) == (422, False, True)
    monkeypatch.delenv(f"AIRFLOW_CONN_{name}")
    monkeypatch.delenv(f"AIRFLOW_VAR_{name}")
    assert (await http.get(f"{variables}/{dag_id}")).json()["value"] == "stored"
    assert (await http.get(f"{connections}/{dag_id}")).json()["conn_type"] == "stored"
