"""`/api/v2/pools`: creating, changing and deleting them, and what schedulers hear of it."""

from contextlib import suppress

import httpx
import pytest

from tests.servers.api import ApiServer
from tests.servers.scene import Scene
from tradewind.bus.memory import MemoryBus
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.wire.codec import UndecodableMessage, decode
from tradewind.wire.messages import SlotsFreed
from tradewind.wire.queues import EVENTS

pytestmark = pytest.mark.asyncio(loop_scope="session")

NEW = {
    "description": None,
    "include_deferred": False,
    "occupied_slots": 0,
    "running_slots": 0,
    "queued_slots": 0,
    "scheduled_slots": 0,
    "deferred_slots": 0,
    "team_name": None,
}


async def test_a_pool_is_created_changed_and_removed(client: httpx.AsyncClient, dag_id: str) -> None:
    name = f"{dag_id}/with/slashes"
    path = f"/api/v2/pools/{name}"
    created = await client.post("/api/v2/pools", json={"name": name, "slots": 3})
    twice = await client.post("/api/v2/pools", json={"name": name, "slots": 4})
    changed = await client.patch(path, json={"pool": name, "slots": -1, "description": "d", "include_deferred": True})
    masked = await client.patch(path, json={"slots": 5, "description": "e"}, params={"update_mask": "slots"})
    part = await client.patch(path, json={"description": None})
    read = await client.get(path)
    removed = await client.delete(path)
    gone = [await client.request(method, path, json={}) for method in ("GET", "DELETE", "PATCH")]

    expected = {**NEW, "name": name, "slots": 3, "open_slots": 3}
    assert (created.status_code, created.json()) == (201, expected)
    assert (twice.status_code, twice.json()["detail"]["reason"]) == (409, "Unique constraint violation")
    wide = {**expected, "slots": -1, "open_slots": -1, "description": "d", "include_deferred": True}
    assert (changed.status_code, changed.json()) == (200, wide)
    assert masked.json() == {**wide, "slots": 5, "open_slots": 5}
    assert part.json() == read.json() == {**wide, "slots": 5, "open_slots": 5, "description": None}
    assert (removed.status_code, removed.content) == (204, b"")
    assert [answer.status_code for answer in gone] == [404, 404, 404]


@pytest.mark.parametrize(
    "body",
    [
        {"slots": 1},
        {"name": "p"},
        {"name": "p", "slots": -2},
        {"name": "p", "slots": 2**31},
        {"name": "p", "slots": None},
        {"name": "p" * 257, "slots": 1},
        {"name": "", "slots": 1},
        {"name": "p", "slots": 1, "team_name": "t"},
        {"name": "p", "slots": 1, "more": 1},
        {"name": "p", "slots": 1, "include_deferred": None},
    ],
)
async def test_malformed_pools_are_refused(client: httpx.AsyncClient, body: object) -> None:
    assert (await client.post("/api/v2/pools", json=body)).status_code == 422


@pytest.mark.parametrize(
    "change", [{"slots": None}, {"slots": -2}, {"include_deferred": None}, {"team_name": "t"}, {"more": 1}]
)
async def test_malformed_changes_are_refused(client: httpx.AsyncClient, change: object) -> None:
    assert (await client.patch("/api/v2/pools/default_pool", json=change)).status_code == 422


async def test_a_pool_keeps_its_name(client: httpx.AsyncClient, dag_id: str) -> None:
    await client.post("/api/v2/pools", json={"name": dag_id, "slots": 1})

    answer = await client.patch(f"/api/v2/pools/{dag_id}", json={"pool": "other", "slots": 2})

    assert answer.status_code == 400
    assert "name cannot be changed" in answer.json()["detail"]


async def test_the_default_pool_stays(client: httpx.AsyncClient) -> None:
    path = "/api/v2/pools/default_pool"
    before = (await client.get(path)).json()

    removed = await client.delete(path)
    described = await client.patch(path, json={"description": "mine"})
    resized = await client.patch(path, json={"slots": -1, "include_deferred": False, "description": "Default pool"})

    assert (removed.status_code, described.status_code, resized.status_code) == (400, 400, 200)
    assert "tasks that name no pool" in removed.json()["detail"]
    assert "only slots and include_deferred" in described.json()["detail"]
    assert resized.json() == before


async def test_schedulers_are_told_at_once(api: ApiServer, dag_id: str) -> None:
    async with MemoryBus(api.broker).subscribe(EVENTS) as messages:
        await api.client.post("/api/v2/pools", json={"name": dag_id, "slots": 1})
        heard: set[str] = set()
        async for message in messages:
            with suppress(UndecodableMessage):  # of another kind
                heard.update(decode(message.body, SlotsFreed).pools)
            if dag_id in heard:
                break


async def test_a_pool_that_comes_back_counts_what_runs_in_it(
    client: httpx.AsyncClient, scene: Scene, dag_id: str
) -> None:
    await client.post("/api/v2/pools", json={"name": dag_id, "slots": 4})
    task = TaskSpec(task_id="t", pool=dag_id, pool_slots=3)
    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=(task,)))
    await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"dag_run_id": "r"})
    [run] = await scene.start_runs(dag_id)
    await scene.start_attempt(run, task)

    await client.delete(f"/api/v2/pools/{dag_id}")
    again = await client.post("/api/v2/pools", json={"name": dag_id, "slots": 4})

    shown = again.json()
    assert (shown["occupied_slots"], shown["running_slots"], shown["open_slots"]) == (3, 3, 1)
