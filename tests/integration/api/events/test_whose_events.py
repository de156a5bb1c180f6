"""Who hears of what: DAGs that a caller may not see are not told of, and webhooks are the operators' own."""

import httpx
import pytest

from tests.dag_specs import dag, task
from tests.integration.api.access.conftest import As, Narrowed
from tests.integration.api.access.test_single_dags import give
from tests.integration.api.events.client import EVENTS, listening
from tests.servers.scene import Scene

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def triggered(client: httpx.AsyncClient, scene: Scene, *dag_ids: str) -> None:
    for dag_id in dag_ids:
        await scene.write_dag(dag(task("t"), dag_id=dag_id))
    for dag_id in dag_ids:
        answer = await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None})
        assert answer.status_code == 200, answer.text


async def test_events_speak_only_of_what_may_be_seen(
    client: httpx.AsyncClient, log_in_as: As, narrowed: Narrowed, scene: Scene, dag_id: str
) -> None:
    own, other = f"{dag_id}_own", f"{dag_id}_other"
    nobody = await log_in_as(f"nobody_{dag_id}", "Public")
    somebody = await log_in_as(f"somebody_{dag_id}", "Public")
    await give(client, f"somebody_{dag_id}", own, "read")
    program = await narrowed(actions=["get_events"], dag_patterns=[f"{dag_id}_o*n"])
    async with listening(client) as listened:
        begin = listened.last_id
    await triggered(client, scene, other, own)

    for each in (somebody, program):
        async with listening(each, last_id=begin, dag_id_pattern=dag_id) as listened:
            [first] = await listened.take(1)
            assert first.data["dag_id"] == own
    assert (await nobody.get(EVENTS)).status_code == 403


@pytest.mark.parametrize(("role", "status"), [("Op", 201), ("User", 403), ("Viewer", 403)])
async def test_webhooks_are_made_by_operators(log_in_as: As, scene: Scene, dag_id: str, role: str, status: int) -> None:
    await scene.write_dag(dag(task("t"), dag_id=dag_id))
    client = await log_in_as(f"{role}_{dag_id}", role)
    made = await client.post("/api/v2/webhooks", json={"name": dag_id, "dag_id": dag_id})
    assert made.status_code == status, made.text
    listed = await client.get("/api/v2/webhooks")
    assert listed.status_code == (200 if role == "Op" else 403)
