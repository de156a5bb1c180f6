"""The audit log: every change with who, what, when, from where and how it ended, and no secret in it."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.integration.api.access.conftest import As
from tests.servers.api import ApiServer
from tests.servers.scene import Scene
from tradewind.core.spec import DagSpec, TaskSpec

pytestmark = pytest.mark.asyncio(loop_scope="session")

Event = dict[str, Any]


def spec(dag_id: str) -> DagSpec:
    return DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=(TaskSpec(task_id="one"),))


async def events(client: httpx.AsyncClient, **params: Any) -> list[Event]:
    answer = await client.get("/api/v2/eventLogs", params={"limit": 100, **params})
    assert answer.status_code == 200, answer.text
    assert answer.json()["total_entries"] >= len(answer.json()["event_logs"])
    return answer.json()["event_logs"]


async def test_a_trigger_is_logged_with_its_run(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    await scene.write_dag(spec(dag_id))
    before = datetime.now(UTC)

    run = (await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"conf": {"a": 1, "password": "p"}})).json()

    [event] = await events(client, dag_id=dag_id)
    assert (event["event"], event["run_id"], event["owner"]) == ("trigger_dag_run", run["dag_run_id"], "ada")
    assert (event["status"], event["via"], event["remote_address"]) == (200, "password_token", "127.0.0.1")
    assert json.loads(event["extra"]) == {"conf": {"a": 1, "password": "***"}}
    assert before <= datetime.fromisoformat(event["when"]) <= datetime.now(UTC)
    assert event["dag_display_name"] == dag_id
    one = await client.get(f"/api/v2/eventLogs/{event['event_log_id']}")
    assert one.json() == event
    assert (await client.get("/api/v2/eventLogs/987654321")).status_code == 404


async def test_what_was_refused_is_logged_too(
    client: httpx.AsyncClient, log_in_as: As, scene: Scene, dag_id: str
) -> None:
    await scene.write_dag(spec(dag_id))
    viewer = await log_in_as(f"{dag_id}_v", "Viewer")
    await viewer.post(f"/api/v2/dags/{dag_id}/dagRuns", json={})
    await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"dag_run_id": "x", "unknown": 1})
    for _ in range(2):
        await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"dag_run_id": "x"})

    found = await events(client, dag_id=dag_id)

    assert [(each["owner"], each["run_id"], each["status"]) for each in found] == [
        (f"{dag_id}_v", None, 403),
        ("ada", "x", 422),
        ("ada", "x", 200),
        ("ada", "x", 409),
    ]


async def test_reading_and_trying_out_are_not_logged(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    await scene.write_dag(spec(dag_id))
    await client.get(f"/api/v2/dags/{dag_id}")
    for dry_run in ({}, {"dry_run": True}):
        await client.post(f"/api/v2/dags/{dag_id}/clearTaskInstances", json={"only_failed": False, **dry_run})
    assert await events(client, dag_id=dag_id) == []

    await client.post(f"/api/v2/dags/{dag_id}/clearTaskInstances", json={"dry_run": False})

    assert [each["event"] for each in await events(client, dag_id=dag_id)] == ["post_clear_task_instances"]


async def test_places_are_named(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    await scene.write_dag(spec(dag_id))
    run_id = (await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={})).json()["dag_run_id"]
    [dag_run_id] = await scene.start_runs(dag_id)
    await scene.add_task_instances(dag_run_id, TaskSpec(task_id="one", task_display_name="The one"))
    path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/one"

    await client.patch(f"{path}/-1", json={"note": "look"})

    [event] = await events(client, dag_id=dag_id, event_prefix_pattern="patch")
    assert (event["run_id"], event["task_id"], event["map_index"]) == (run_id, "one", -1)
    assert event["task_display_name"] == "The one"
    assert json.loads(event["extra"]) == {"note": "look"}


async def test_logins_are_logged_without_what_was_typed(api: ApiServer) -> None:
    typed = f"typed-{uuid4().hex}"
    await api.client.post("/auth/token", json={"username": "ada", "password": typed})
    await api.client.post("/auth/token", json={"username": typed, "password": typed})
    await api.client.post("/auth/token", data={"username": "ada", "password": api.password})

    found = (await events(api.client, event="create_token", order_by="-id"))[:3]

    assert [(each["status"], each["owner"]) for each in found] == [(201, "ada"), (401, None), (401, "ada")]
    assert typed not in json.dumps(found)


async def test_who_logs_out_is_named_and_strangers_fill_no_log(api: ApiServer, log_in_as: As, dag_id: str) -> None:
    user = await log_in_as(dag_id, "Viewer")
    async with httpx.AsyncClient(base_url=api.url, timeout=60.0) as stranger:
        before = len(await events(api.client, event="logout"))
        for client in (stranger, user):
            assert (await client.get("/api/v2/auth/logout")).status_code == 307
        await stranger.post("/auth/token", json={"username": "ada"})

    found = await events(api.client, event="logout", order_by="-id")

    assert len(found) == before + 1
    assert (found[0]["owner"], found[0]["status"]) == (dag_id, 307)
    logins = await events(api.client, event="create_token", order_by="-id")
    assert 422 not in {each["status"] for each in logins}


async def test_the_log_can_be_searched(client: httpx.AsyncClient, log_in_as: As, scene: Scene, dag_id: str) -> None:
    await scene.write_dag(spec(dag_id))
    user = await log_in_as(f"{dag_id}_u", "User")
    path = f"/api/v2/dags/{dag_id}"
    await client.post(f"{path}/dagRuns", json={"dag_run_id": "r1", "logical_date": "2026-01-02T03:04:05Z"})
    await user.patch(path, json={"is_paused": True})
    await user.delete(f"{path}/dagRuns/r1/taskInstances/one", params={"map_index": 3})
    await client.delete(f"{path}/dagRuns/none")

    async def found(**params: Any) -> list[str]:
        return [each["event"] for each in await events(client, **{"dag_id": dag_id, **params})]

    everything = ["trigger_dag_run", "patch_dag", "delete_task_instance", "delete_dag_run"]
    assert await found() == everything
    assert await found(order_by="-when") == everything[::-1]
    assert await found(order_by=["owner", "-event_log_id"]) == [everything[i] for i in (3, 0, 2, 1)]
    assert await found(limit=2, offset=1) == everything[1:3]
    assert await found(owner=f"{dag_id}_u") == everything[1:3]
    assert await found(owner_pattern="_U") == everything[1:3]
    assert await found(run_id="r1") == ["trigger_dag_run", "delete_task_instance"]
    assert await found(run_id_prefix_pattern="no") == ["delete_dag_run"]
    assert await found(task_id="one", map_index=3) == ["delete_task_instance"]
    assert await found(map_index=4) == []
    assert await found(try_number=1) == []
    assert await found(task_id_pattern="on") == ["delete_task_instance"]
    assert await found(event="patch_dag") == ["patch_dag"]
    assert await found(event_pattern="DELETE") == everything[2:]
    assert await found(included_events=["patch_dag", "delete_dag_run"]) == ["patch_dag", "delete_dag_run"]
    assert await found(excluded_events=["patch_dag", "delete_dag_run"]) == ["trigger_dag_run", "delete_task_instance"]
    assert await found(dag_id_pattern="no_dag_like_this") == []
    [first, second, *_] = await events(client, dag_id=dag_id)
    assert first["logical_date"] == "2026-01-02T03:04:05Z"
    assert await found(before=second["when"]) == everything[:1]
    assert await found(after=second["when"]) == everything[2:]
    assert (await client.get("/api/v2/eventLogs", params={"order_by": "nothing"})).status_code == 400


async def test_what_cannot_be_stored_is_logged_all_the_same(client: httpx.AsyncClient, dag_id: str) -> None:
    body = json.dumps({"dag_run_id": "a\ud800\0b", "conf": {"x": "\ud800"}, "note": "n" * 20_000})
    await client.post(f"/api/v2/dags/{dag_id}/dagRuns", content=body, headers={"Content-Type": "application/json"})
    await client.post(f"/api/v2/dags/{dag_id}/dagRuns", content=body[:150] + '"', headers={"Content-Type": "text/csv"})
    await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"dag_run_id": "a\0b"})

    found = await events(client, dag_id=dag_id)

    assert [each["run_id"] for each in found] == [None, None, "ab"]
    assert json.loads(found[0]["extra"]) == {"body": f"{len(body)} bytes"}
