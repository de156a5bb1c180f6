"""`/api/v2/dagTags`, `/dagStats`, `/dagWarnings`, and which DAGs people have marked."""

from uuid import uuid4

import httpx
import pytest

from tests.servers.scene import Scene
from tradewind.core.spec import AssetRef, DagSpec, TaskSpec
from tradewind.core.states import DagRunState

pytestmark = pytest.mark.asyncio(loop_scope="session")


def spec(dag_id: str, **fields: object) -> DagSpec:
    values = {"dag_id": dag_id, "relative_fileloc": f"{dag_id}.py", "tasks": (TaskSpec(task_id="one"),), **fields}
    return DagSpec(**values)  # pyright: ignore[reportArgumentType] - fields by name


async def test_tags_are_those_of_dags_that_are_there(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    await scene.write_dag(spec(dag_id, tags=("shelf_b", "shelf_a")))
    await scene.write_dag(spec(f"{dag_id}_2", tags=("shelf_a", "Shelf_c")))
    await scene.write_dag(spec(f"{dag_id}_gone", tags=("shelf_of_the_gone",)))
    await scene.write_file(f"{dag_id}_gone.py", [])

    async def tags(**params: str) -> list[str]:
        answer = (await client.get("/api/v2/dagTags", params={"tag_name_pattern": "shelf\\__", **params})).json()
        assert answer["total_entries"] >= len(answer["tags"])
        return answer["tags"]

    assert await tags() == ["Shelf_c", "shelf_a", "shelf_b"]
    assert await tags(order_by="-name") == ["shelf_b", "shelf_a", "Shelf_c"]
    assert await tags(tag_name_prefix_pattern="shelf_") == ["shelf_a", "shelf_b"]
    assert await tags(limit="1", offset="1") == ["shelf_a"]
    assert (await client.get("/api/v2/dagTags", params={"order_by": "dag_id"})).status_code == 400


async def test_runs_are_counted_by_state(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    other = f"{dag_id}_2"
    for each, runs in ((dag_id, 3), (other, 1), (f"{dag_id}_never", 0)):
        await scene.write_dag(spec(each, max_active_runs=2, dag_display_name="Nice"))
        for _ in range(runs):
            await client.post(f"/api/v2/dags/{each}/dagRuns", json={})
    started = await scene.start_runs(dag_id)
    await scene.end_run(started[0], DagRunState.FAILED)

    both = (await client.get("/api/v2/dagStats", params={"dag_ids": [dag_id, other, f"{dag_id}_never"]})).json()
    everything = (await client.get("/api/v2/dagStats")).json()

    counts = {each["dag_id"]: {stat["state"]: stat["count"] for stat in each["stats"]} for each in both["dags"]}
    assert counts == {
        dag_id: {"queued": 1, "running": 1, "success": 0, "failed": 1},
        other: {"queued": 1, "running": 0, "success": 0, "failed": 0},
    }
    assert (both["total_entries"], both["dags"][0]["dag_display_name"]) == (2, "Nice")
    assert {dag_id, other} <= {each["dag_id"] for each in everything["dags"]}


async def test_warnings_say_what_is_wrong_now(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    pool = f"pool_{uuid4().hex}"
    ours, theirs = (
        AssetRef(name=f"name of {dag_id}", uri="s3://a/1"),
        AssetRef(name=f"name of {dag_id}", uri="s3://a/2"),
    )
    await scene.write_dag(spec(f"{dag_id}_1", tasks=(TaskSpec(task_id="a", outlets=(ours,)),)))
    tasks = (TaskSpec(task_id="a", outlets=(theirs,)), TaskSpec(task_id="b", pool=pool))
    await scene.write_dag(spec(dag_id, tasks=tasks, dag_display_name="Nice"))

    async def warnings(**params: str) -> list[dict[str, str]]:
        answer = await client.get("/api/v2/dagWarnings", params={"limit": "100", **params})
        assert answer.status_code == 200, answer.text
        return [each for each in answer.json()["dag_warnings"] if each["dag_id"].startswith(dag_id)]

    found = await warnings(dag_id=dag_id)
    by_type = await warnings(warning_type="non-existent pool")
    backwards = await warnings(dag_id=dag_id, order_by="-warning_type")
    await scene.database.fetch("INSERT INTO slot_pool (pool, slots) VALUES ($1, 1)", pool)
    mended = await warnings(dag_id=dag_id)

    assert [each["warning_type"] for each in found] == ["asset conflict", "non-existent pool"]
    assert f"name of {dag_id}" in found[0]["message"]
    assert pool in found[1]["message"]
    assert (found[1]["dag_display_name"], by_type, backwards) == ("Nice", [found[1]], [found[1], found[0]])
    assert mended == [found[0]]
    assert (await client.get("/api/v2/dagWarnings", params={"warning_type": "bad"})).status_code == 422


async def test_everybody_has_favourites_of_their_own(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    other = f"{dag_id}_2"
    for each in (dag_id, other):
        await scene.write_dag(spec(each))

    async def favourites(wanted: str) -> list[str]:
        answer = await client.get("/api/v2/dags", params={"dag_id_prefix_pattern": dag_id, "is_favorite": wanted})
        return [each["dag_id"] for each in answer.json()["dags"]]

    for _ in range(2):
        assert (await client.post(f"/api/v2/dags/{dag_id}/favorite")).status_code == 204
    await scene.database.fetch("INSERT INTO dag_favorite VALUES ('somebody else', $1)", other)

    assert (await favourites("true"), await favourites("false")) == ([dag_id], [other])
    details = [(await client.get(f"/api/v2/dags/{each}/details")).json()["is_favorite"] for each in (dag_id, other)]
    assert details == [True, False]
    assert (await client.post(f"/api/v2/dags/{dag_id}/unfavorite")).status_code == 204
    again = await client.post(f"/api/v2/dags/{dag_id}/unfavorite")
    assert (again.status_code, again.json()) == (409, {"detail": "Dag is not marked as favorite"})
    assert await favourites("true") == []
    for verb in ("favorite", "unfavorite"):
        assert (await client.post(f"/api/v2/dags/no_{dag_id}/{verb}")).status_code == 404


async def test_a_dag_that_is_deleted_is_nobodys_favourite(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    await scene.write_dag(spec(dag_id))
    await client.post(f"/api/v2/dags/{dag_id}/favorite")
    assert (await client.delete(f"/api/v2/dags/{dag_id}")).is_success
    await scene.write_dag(spec(dag_id))

    assert (await client.get(f"/api/v2/dags/{dag_id}/details")).json()["is_favorite"] is False


async def test_dags_are_found_by_the_assets_that_they_wait_for(
    client: httpx.AsyncClient, scene: Scene, dag_id: str
) -> None:
    asset = AssetRef(name=f"50% of {dag_id}", uri=f"s3://x/{dag_id}")
    waits = {"asset_condition": {"asset": {"name": asset.name, "uri": asset.uri}}, "schedule_assets": (asset,)}
    await scene.write_dag(spec(f"{dag_id}_waits", **waits))
    await scene.write_dag(spec(f"{dag_id}_writes", tasks=(TaskSpec(task_id="a", outlets=(asset,)),)))

    async def found(**params: str) -> list[str]:
        answer = await client.get("/api/v2/dags", params={"dag_id_prefix_pattern": dag_id, **params})
        assert answer.status_code == 200, answer.text
        return [each["dag_id"].removeprefix(f"{dag_id}_") for each in answer.json()["dags"]]

    assert await found(has_asset_schedule="true") == ["waits"]
    assert await found(has_asset_schedule="false") == ["writes"]
    assert await found(asset_dependency="0% OF") == ["waits"]
    assert await found(asset_dependency="s3://x/") == ["waits"]
    assert await found(asset_dependency="0_ of") == []
