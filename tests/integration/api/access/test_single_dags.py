"""Permissions for single DAGs: what is not given is refused alike whether it is there, and no list speaks of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import pytest

from tests.integration.api.access.conftest import As, Narrowed
from tests.servers.api import ApiServer
from tests.servers.scene import Scene
from tradewind.core.spec import AssetRef, DagSpec, TaskSpec

pytestmark = pytest.mark.asyncio(loop_scope="session")


def spec(dag_id: str, **fields: Any) -> DagSpec:
    tasks = (
        TaskSpec(task_id="one", outlets=(AssetRef(name=f"{dag_id}_asset", uri=f"s3://{dag_id}"),), pool="no_pool"),
    )
    return DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=tasks, tags=(f"tag_{dag_id}",), **fields)


async def give(client: httpx.AsyncClient, username: str, dag_id: str, *permissions: str) -> None:
    path = f"/auth/permissions/user/{username}/{dag_id}"
    answer = await client.put(path, json={"permissions": list(permissions)})
    assert answer.status_code == 200, answer.text


async def filled_dag(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> str:
    """A DAG with something in every list; its run."""
    await scene.write_dag(spec(dag_id))
    run_id = (await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={})).json()["dag_run_id"]
    [dag_run_id] = await scene.start_runs(dag_id)
    await scene.start_attempt(dag_run_id, TaskSpec(task_id="one"))
    path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/one/xcomEntries"
    answer = await client.post(path, json={"key": "k", "value": 1})
    assert answer.status_code == 201, answer.text
    await scene.break_file(f"{dag_id}.py")
    return run_id


LISTS = {
    "/api/v2/dags": "dags",
    "/api/v2/dags/~/dagRuns": "dag_runs",
    "/api/v2/dags/~/dagRuns/~/taskInstances": "task_instances",
    "/api/v2/dags/~/dagRuns/~/taskInstances/~/xcomEntries": "xcom_entries",
    "/api/v2/dags/~/dagVersions": "dag_versions",
    "/api/v2/dagStats": "dags",
    "/api/v2/dagWarnings": "dag_warnings",
}
NAMED = {"/api/v2/importErrors": ("import_errors", "filename", "{}.py"), "/api/v2/dagTags": ("tags", None, "tag_{}")}


async def seen(client: httpx.AsyncClient) -> Mapping[str, Sequence[str]]:
    """Of which DAGs each list speaks, and how many entries it says that there are."""
    found: dict[str, Sequence[str]] = {}
    for path, key in LISTS.items():
        answer = await client.get(path, params={"exclude_stale": False} if key == "dags" else {})
        assert answer.status_code == 200, (path, answer.text)
        found[path] = [each["dag_id"] for each in answer.json()[key]]
        assert answer.json()["total_entries"] == len(found[path]), path
    for path, (key, field, _) in NAMED.items():
        answer = await client.get(path)
        found[path] = [each[field] if field else each for each in answer.json()[key]]
        assert answer.json()["total_entries"] == len(found[path]), path
    return found


def about(dag_id: str) -> Mapping[str, Sequence[str]]:
    """What lists say that may speak of nothing but this DAG."""
    return {path: [dag_id] for path in LISTS} | {path: [text.format(dag_id)] for path, (_, _, text) in NAMED.items()}


async def test_lists_speak_only_of_what_was_given(
    client: httpx.AsyncClient, log_in_as: As, scene: Scene, dag_id: str
) -> None:
    """With half of the pages cut in the database: the counts are those of what may be seen."""
    own, other = f"{dag_id}_own", f"{dag_id}_other"
    for each in (own, other):
        await filled_dag(client, scene, each)
    guest = await log_in_as(dag_id, "Public")
    assert {(await guest.get(path)).status_code for path in (*LISTS, *NAMED)} == {403}

    await give(client, dag_id, own, "read")

    assert await seen(guest) == about(own)
    everything = await seen_by_name(client)
    assert all({own, other} <= set(dags) for dags in everything.values()), everything


async def seen_by_name(client: httpx.AsyncClient) -> Mapping[str, Sequence[str]]:
    pages = {path: (await client.get(path, params={"limit": 100, "order_by": "-id"})) for path in LISTS}
    return {
        path: [each["dag_id"] for each in page.json()[LISTS[path]]]
        for path, page in pages.items()
        if page.status_code == 200
    }


async def test_what_is_not_given_is_refused_whether_it_is_there_or_not(
    client: httpx.AsyncClient, log_in_as: As, scene: Scene, dag_id: str
) -> None:
    own, other = f"{dag_id}_own", f"{dag_id}_other"
    for each in (own, other):
        await scene.write_dag(spec(each))
    guest = await log_in_as(dag_id, "Public")
    await give(client, dag_id, own, "read")

    answers = [await guest.get(f"/api/v2/dags/{each}") for each in (own, other, f"{dag_id}_none")]

    assert [answer.status_code for answer in answers] == [200, 403, 403]
    assert answers[1].json() == answers[2].json()
    assert "can_read on DAGs" in answers[1].json()["detail"]
    assert (await client.get(f"/api/v2/dags/{dag_id}_none")).status_code == 404
    assert (await guest.get("/api/v2/pools")).status_code == 403


async def test_each_permission_lets_do_its_own(
    client: httpx.AsyncClient, log_in_as: As, scene: Scene, dag_id: str
) -> None:
    await scene.write_dag(spec(dag_id))
    guest = await log_in_as(dag_id, "Viewer")
    path = f"/api/v2/dags/{dag_id}"
    bulk = {"actions": [{"action": "delete", "entities": ["r"]}]}

    async def refused() -> dict[str, bool]:
        answers = {
            "trigger": await guest.post(f"{path}/dagRuns", json={"dag_run_id": "r"}),
            "backfill": await guest.post("/api/v2/backfills/dry_run", json={"dag_id": dag_id}),
            "pause": await guest.patch(path, json={"is_paused": False}),
            "clear": await guest.post(f"{path}/clearTaskInstances", json={}),
            "bulk": await guest.patch(f"{path}/dagRuns", json=bulk),
            "delete": await guest.delete(f"{path}/dagRuns/r"),
        }
        return {name: answer.status_code == 403 for name, answer in answers.items()}

    assert set((await refused()).values()) == {True}
    for permissions, allowed in (
        (["read"], set[str]()),
        (["trigger"], {"trigger", "backfill"}),
        (["edit"], {"pause", "clear"}),
        (["delete"], {"delete"}),
        (["edit", "delete"], {"pause", "clear", "bulk", "delete"}),
    ):
        await give(client, dag_id, dag_id, *permissions)
        assert {name for name, is_refused in (await refused()).items() if not is_refused} == allowed, permissions


async def test_a_change_of_many_touches_only_what_was_given(
    client: httpx.AsyncClient, log_in_as: As, scene: Scene, dag_id: str
) -> None:
    own, other = f"{dag_id}_own", f"{dag_id}_other"
    for each in (own, other):
        await scene.write_dag(spec(each))
    guest = await log_in_as(dag_id, "Viewer")
    await give(client, dag_id, own, "edit")

    answer = await guest.patch("/api/v2/dags", params={"dag_id_pattern": dag_id}, json={"is_paused": True})
    both = {"dag_runs": [{"dag_id": own, "dag_run_id": "r"}, {"dag_id": other, "dag_run_id": "r"}]}
    several = await guest.post("/api/v2/dags/~/clearDagRuns", json=both)

    assert [dag["dag_id"] for dag in answer.json()["dags"]] == [own]
    assert [(await client.get(f"/api/v2/dags/{each}")).json()["is_paused"] for each in (own, other)] == [True, False]
    assert several.status_code == 403


async def test_backfills_and_import_errors_belong_to_dags(
    client: httpx.AsyncClient, log_in_as: As, scene: Scene, dag_id: str
) -> None:
    await filled_dag(client, scene, dag_id)
    rows = await client.get("/api/v2/importErrors", params={"filename_pattern": dag_id})
    path = f"/api/v2/importErrors/{rows.json()['import_errors'][0]['import_error_id']}"
    guest = await log_in_as(dag_id, "Public")

    async def statuses() -> list[int]:
        return [(await guest.get(each)).status_code for each in (path, "/api/v2/backfills/999999")]

    assert await statuses() == [403, 403]
    await give(client, dag_id, dag_id, "read")
    assert await statuses() == [200, 403]


async def test_what_a_dag_says_of_itself_counts(
    client: httpx.AsyncClient, log_in_as: As, scene: Scene, dag_id: str
) -> None:
    viewer = await log_in_as(dag_id, "Viewer")
    open_to_viewers = {"Viewer": {"DAG Runs": ["can_create"]}}
    await scene.write_dag(spec(dag_id, access_control=open_to_viewers))
    try:
        answer = await viewer.post(f"/api/v2/dags/{dag_id}/dagRuns", json={})
        paused = await viewer.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": True})
    finally:
        await scene.write_dag(spec(dag_id))

    assert (answer.status_code, paused.status_code) == (200, 403)


async def test_a_token_for_some_dags_sees_no_others(
    client: httpx.AsyncClient, narrowed: Narrowed, scene: Scene, dag_id: str
) -> None:
    own, other = f"{dag_id}_own", f"{dag_id}_other"
    for each in (own, other):
        await filled_dag(client, scene, each)
    token = await narrowed(dag_patterns=[f"{dag_id}_o[wx]?"])

    assert await seen(token) == about(own)
    assert (await token.get(f"/api/v2/dags/{own}")).status_code == 200
    assert (await token.get(f"/api/v2/dags/{other}")).status_code == 403
    assert {event["dag_id"] for event in (await token.get("/api/v2/eventLogs")).json()["event_logs"]} == {own}
    events = (await token.get("/api/v2/assets/events")).json()["asset_events"]
    assert {event["source_dag_id"] for event in events} <= {own}


async def test_permissions_are_kept_and_taken_back(client: httpx.AsyncClient, api: ApiServer, dag_id: str) -> None:
    path = f"/auth/permissions/user/{dag_id}/some_dag"
    first = await client.put(path, json={"permissions": ["read"]})
    second = await client.put(path, json={"permissions": ["trigger", "edit"]})

    page = (await client.get("/auth/permissions", params={"grantee": dag_id, "grantee_type": "user"})).json()
    given = {"grantee_type": "user", "grantee": dag_id, "dag_id": "some_dag"}
    assert first.json() == {**given, "permissions": ["read"]}
    assert second.json() == {**given, "permissions": ["edit", "trigger"]}
    assert page == {"permissions": [second.json()], "total_entries": 1}
    assert [(await client.delete(path)).status_code for _ in range(2)] == [204, 404]
    assert [(await client.put(path, json={"permissions": each})).status_code for each in ([], ["rule"])] == [422, 422]
    assert (await client.put("/auth/permissions/team/a/b", json={"permissions": ["read"]})).status_code == 422
    assert (await client.get("/auth/permissions", params={"order_by": "dag_id", "dag_id": "x"})).json() == {
        "permissions": [],
        "total_entries": 0,
    }


async def test_answers_about_one_dag_name_no_others(
    client: httpx.AsyncClient, api: ApiServer, log_in_as: As, scene: Scene, dag_id: str
) -> None:
    """Who holds the slots that a task waits for is counted, and named only to those who may see the holder's DAG."""
    pool, other = f"pool of {dag_id}", f"{dag_id}_other"
    await api.database.fetch("INSERT INTO slot_pool (pool, slots) VALUES ($1, 1)", pool)
    task = TaskSpec(task_id="one", pool=pool)
    for each in (other, dag_id):
        await scene.write_dag(DagSpec(dag_id=each, relative_fileloc=f"{each}.py", tasks=(task,)))
        await client.post(f"/api/v2/dags/{each}/dagRuns", json={"dag_run_id": "r"})
        [dag_run_id] = await scene.start_runs(each)
        if each == other:
            await scene.start_attempt(dag_run_id, task)
        else:
            await scene.add_task_instances(dag_run_id, task)
    guest = await log_in_as(dag_id, "Public")
    await give(client, dag_id, dag_id, "read")
    path = f"/api/v2/dags/{dag_id}/dagRuns/r/taskInstances/one"

    answers = [await guest.get(f"{path}/{question}") for question in ("explain", "dependencies")]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [other in answer.text for answer in answers] == [False, False]
    assert other in (await client.get(f"{path}/explain")).text
    assert (answers[0].json()["pool_holder_count"], answers[0].json()["pool_holders"]) == (1, [])


async def test_nobody_inherits_what_a_user_of_the_name_was_given(
    client: httpx.AsyncClient, log_in_as: As, dag_id: str
) -> None:
    await log_in_as(dag_id, "Public")
    await give(client, dag_id, "some_dag", "read")

    assert (await client.delete(f"/auth/users/{dag_id}")).status_code == 204

    assert (await client.get("/auth/permissions", params={"grantee": dag_id})).json()["total_entries"] == 0
