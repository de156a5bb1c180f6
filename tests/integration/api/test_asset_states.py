"""`/assets/{asset_id}/state-store`: what tasks and people keep for an asset."""

import httpx
import pytest
import pytest_asyncio

from tests.servers.scene import Scene
from tradewind.core.spec import AssetRef, DagSpec, TaskSpec
from tradewind.db.api.state_stores import AssetName, get_asset_state, set_asset_state
from tradewind.service.clock import utc_now

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def path(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> str:
    """Of an asset that the task `write` of a DAG writes."""
    asset = AssetRef(name=f"name of {dag_id}", uri=f"s3://{dag_id}")
    task = TaskSpec(task_id="write", outlets=(asset,))
    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=(task,)))
    (found,) = (await client.get("/api/v2/assets", params={"name_pattern": asset.name})).json()["assets"]
    return f"/api/v2/assets/{found['id']}/state-store"


async def test_people_keep_values_for_an_asset(client: httpx.AsyncClient, path: str) -> None:
    for key, value in (("b/ä", {"n": [1, None]}), ("a", 1), ("c", "x")):
        assert (await client.put(f"{path}/{key}", json={"value": value})).status_code == 204
    assert (await client.put(f"{path}/a", json={"value": False})).status_code == 204

    listed = (await client.get(path)).json()
    second = (await client.get(path, params={"limit": 1, "offset": 1})).json()
    one = (await client.get(f"{path}/b/ä")).json()
    assert (await client.delete(f"{path}/b/ä")).status_code == 204
    assert (await client.delete(f"{path}/b/ä")).status_code == 204
    gone = await client.get(f"{path}/b/ä")
    left = (await client.get(path)).json()
    assert (await client.delete(path)).status_code == 204

    assert [(each["key"], each["value"]) for each in listed["asset_state_store"]] == [
        ("a", False),
        ("b/ä", {"n": [1, None]}),
        ("c", "x"),
    ]
    assert (second["asset_state_store"], second["total_entries"], listed["total_entries"]) == ([one], 3, 3)
    nobody = {"dag_id": None, "run_id": None, "task_id": None, "map_index": None}
    assert one["last_updated_by"] == {"kind": "api", **nobody}
    assert one["updated_at"].endswith("Z")
    assert (gone.status_code, [each["key"] for each in left["asset_state_store"]]) == (404, ["a", "c"])
    assert (await client.get(path)).json() == {"asset_state_store": [], "total_entries": 0}


async def test_tasks_and_people_see_the_same_values(
    client: httpx.AsyncClient, scene: Scene, dag_id: str, path: str
) -> None:
    await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"dag_run_id": "r"})
    (run,) = await scene.start_runs(dag_id)
    attempt = await scene.start_attempt(run, TaskSpec(task_id="write"))
    by_name, by_uri = AssetName(name=f"name of {dag_id}", uri=""), AssetName(name="", uri=f"s3://{dag_id}")
    await set_asset_state(scene.database, attempt.attempt_id, by_uri, "u", b"1", utc_now())
    await set_asset_state(scene.database, attempt.attempt_id, by_name, "n", b"2", utc_now())

    listed = (await client.get(path)).json()["asset_state_store"]
    for key in ("u", "n"):
        assert (await client.put(f"{path}/{key}", json={"value": f"new {key}"})).status_code == 204
    read = [
        await get_asset_state(scene.database, attempt.attempt_id, asset, key)
        for asset, key in ((by_uri, "u"), (by_name, "n"))
    ]

    assert [(each["key"], each["value"]) for each in listed] == [("n", 2), ("u", 1)]
    writer = {"kind": "task", "dag_id": dag_id, "run_id": "r", "task_id": "write", "map_index": -1}
    assert [each["last_updated_by"] for each in listed] == [writer, writer]
    assert read == [b'"new u"', b'"new n"']
    assert (await client.get(path)).json()["total_entries"] == 2


async def test_what_cannot_be_kept_is_refused(client: httpx.AsyncClient, path: str) -> None:
    for value in (None, "x" * 65_536):
        assert (await client.put(f"{path}/a", json={"value": value})).status_code == 422
    headers = {"content-type": "application/json"}
    for body in (b'{"value": NaN}', b'{"value": 1, "more": 1}', b"{}"):
        assert (await client.put(f"{path}/a", content=body, headers=headers)).status_code == 422
    assert (await client.get(path)).json()["total_entries"] == 0
    no_asset = "/api/v2/assets/0/state-store"
    answers = [
        await client.get(no_asset),
        await client.get(f"{no_asset}/a"),
        await client.put(f"{no_asset}/a", json={"value": 1}),
        await client.delete(f"{no_asset}/a"),
        await client.delete(no_asset),
    ]
    assert [answer.status_code for answer in answers] == [404] * 5
    assert answers[0].json() == {"detail": "The asset with id 0 was not found"}
