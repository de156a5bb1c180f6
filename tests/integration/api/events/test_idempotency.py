"""`Idempotency-Key` on POST dagRuns: asking again gives the first run."""

import asyncio
from datetime import timedelta

import httpx
import pytest
import pytest_asyncio

from tests.dag_specs import dag, task
from tests.servers.api import ApiServer
from tests.servers.scene import Scene
from tradewind.db.api.trigger_keys import forget_trigger_keys
from tradewind.service.clock import utc_now

pytestmark = pytest.mark.asyncio(loop_scope="session")

REPLAYED = "idempotent-replayed"


async def trigger(client: httpx.AsyncClient, dag_id: str, key: str | None, **body: object) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None, **body}, headers=headers)


async def run_ids(scene: Scene, dag_id: str) -> list[str]:
    rows = await scene.database.fetch("SELECT run_id FROM dag_run WHERE dag_id = $1 ORDER BY id", dag_id)
    return [row["run_id"] for row in rows]


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def _dag(scene: Scene, dag_id: str) -> None:
    await scene.write_dag(dag(task("t"), dag_id=dag_id))


async def test_a_retry_gets_the_first_run_as_it_is_now(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    first = await trigger(client, dag_id, "k", conf={"a": 1}, note="n")
    await scene.start_runs(dag_id)
    again = await trigger(client, dag_id, "k", note="n", conf={"a": 1})

    assert (first.status_code, again.status_code) == (200, 200)
    assert (first.headers.get(REPLAYED), again.headers.get(REPLAYED)) == (None, "true")
    assert (first.json()["state"], again.json()["state"]) == ("queued", "running")
    assert again.json()["dag_run_id"] == first.json()["dag_run_id"]
    assert again.json()["conf"] == {"a": 1}
    assert await run_ids(scene, dag_id) == [first.json()["dag_run_id"]]


async def test_another_request_under_the_same_key_is_refused(
    client: httpx.AsyncClient, scene: Scene, dag_id: str
) -> None:
    first = await trigger(client, dag_id, "k", conf={"a": 1})
    other = await trigger(client, dag_id, "k", conf={"a": 2})
    assert other.status_code == 409
    assert first.json()["dag_run_id"] in other.json()["detail"]
    assert len(await run_ids(scene, dag_id)) == 1


async def test_a_key_counts_for_one_dag_and_other_keys_are_others(
    client: httpx.AsyncClient, scene: Scene, dag_id: str
) -> None:
    await scene.write_dag(dag(task("t"), dag_id=f"{dag_id}_too"))
    answers = [await trigger(client, *each) for each in ((dag_id, "k"), (f"{dag_id}_too", "k"), (dag_id, "l"))]
    assert [answer.headers.get(REPLAYED) for answer in answers] == [None] * 3
    assert len(await run_ids(scene, dag_id)) == 2
    assert (await trigger(client, dag_id, None)).headers.get(REPLAYED) is None


async def test_of_twenty_at_once_one_makes_the_run(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(trigger(client, dag_id, "k"), name=f"trigger {n}") for n in range(20)]
    answers = [each.result() for each in asked]
    assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
    assert sum(answer.headers.get(REPLAYED) is None for answer in answers) == 1
    assert {answer.json()["dag_run_id"] for answer in answers} == set(await run_ids(scene, dag_id))
    assert len(await run_ids(scene, dag_id)) == 1


async def test_of_twenty_with_the_same_run_id_one_makes_the_run(
    client: httpx.AsyncClient, scene: Scene, dag_id: str
) -> None:
    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(trigger(client, dag_id, "k", dag_run_id="r"), name=f"trigger {n}") for n in range(20)
        ]
    assert {each.result().status_code for each in asked} == {200}
    assert await run_ids(scene, dag_id) == ["r"]


async def test_a_request_that_failed_leaves_its_key_free(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    await trigger(client, dag_id, None, dag_run_id="r")
    assert (await trigger(client, dag_id, "k", dag_run_id="r")).status_code == 409
    assert (await trigger(client, dag_id, "k", dag_run_id="s")).status_code == 200
    assert (await trigger(client, dag_id, "b", conf={"a": 1}, run_after="never")).status_code == 422
    assert (await trigger(client, dag_id, "b")).status_code == 200


async def test_a_key_is_free_again_after_a_day_and_with_its_run(
    client: httpx.AsyncClient, scene: Scene, dag_id: str
) -> None:
    await trigger(client, dag_id, "k")
    age = "UPDATE trigger_key SET created_at = created_at - interval '25 h' WHERE scope LIKE '%' || $1 || '%'"
    await scene.database.fetch(age, dag_id)
    again = await trigger(client, dag_id, "k", conf={"b": 1})
    assert (again.status_code, again.headers.get(REPLAYED)) == (200, None)
    await client.delete(f"/api/v2/dags/{dag_id}/dagRuns/{again.json()['dag_run_id']}")
    assert (await trigger(client, dag_id, "k")).headers.get(REPLAYED) is None

    await scene.database.fetch(age, dag_id)
    assert await forget_trigger_keys(scene.database, utc_now() - timedelta(hours=24), 100) == 1


@pytest.mark.parametrize("key", ["", "k" * 256, "a b", "\u00fc"])
async def test_what_is_no_key_is_refused(api: ApiServer, dag_id: str, key: str) -> None:
    answer = await api.client.post(
        f"/api/v2/dags/{dag_id}/dagRuns", json={}, headers={b"Idempotency-Key": key.encode("latin-1")}
    )
    assert answer.status_code == 400, answer.text
