"""Workers, queues and what runs where, over REST."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.dag_specs import dag, task
from tests.servers.scene import NOON, Scene
from tradewind.core.rows import WorkerBeat
from tradewind.core.states import Outcome
from tradewind.service.clock import new_id, utc_now

pytestmark = pytest.mark.asyncio(loop_scope="session")


def beat(worker_id: str, **fields: Any) -> WorkerBeat:
    values: dict[str, Any] = {"incarnation": new_id(), "kind": "celery", "queues": ("default",), "concurrency": 4}
    values |= {"hostname": f"host-of-{worker_id}", "pid": 77, "attempt_ids": (), "sequence": 1}
    return WorkerBeat(worker_id=worker_id, **(values | fields))


async def get(client: httpx.AsyncClient, path: str, **params: Any) -> dict[str, Any]:
    answer = await client.get(f"/api/v2/{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_workers_are_listed_as_they_were_last_heard_of(
    scene: Scene, client: httpx.AsyncClient, dag_id: str
) -> None:
    name = dag_id[-8:]
    idle = beat(f"a-{name}", queues=("fast", name), tags=("gpu",), pools=("slow",))
    leaving = beat(f"b-{name}", queues=(name,), draining=True, concurrency=0)
    gone = beat(f"c-{name}", queues=(name,))
    local = beat(f"d-{name}", queues=(), kind="local")
    now = utc_now()
    await scene.store.record_beats([idle, leaving, local], now)
    await scene.store.record_beats([gone], now - timedelta(hours=1))
    found = (await get(client, "workers", queue=name))["workers"]
    assert [(each["worker_id"][0], each["state"]) for each in found] == [
        ("a", "running"),
        ("b", "draining"),
        ("c", "lost"),
    ]
    first = found[0]
    assert (first["tags"], first["pools"], first["queues"]) == (["gpu"], ["slow"], ["fast", name])
    assert (first["concurrency"], first["busy_slots"], first["free_slots"]) == (4, 0, 4)
    assert (first["hostname"], first["pid"], first["kind"]) == (f"host-of-a-{name}", 77, "celery")
    assert first["heartbeat_age_seconds"] < 60 < found[2]["heartbeat_age_seconds"]
    assert first["lease_left_seconds"] > 0 == found[2]["lease_left_seconds"]
    assert found[1]["free_slots"] is None
    page = await get(client, "workers", queue=name, limit=1, offset=1, order_by="-worker_id")
    assert ([each["worker_id"] for each in page["workers"]], page["total_entries"]) == ([leaving.worker_id], 3)
    lost = await get(client, "workers", queue=name, state="lost")
    assert [each["worker_id"] for each in lost["workers"]] == [gone.worker_id]
    assert (await client.get("/api/v2/workers", params={"order_by": "shoe_size"})).status_code == 400


async def test_a_worker_that_came_back_is_shown_once(scene: Scene, client: httpx.AsyncClient, dag_id: str) -> None:
    name = dag_id[-8:]
    before, after = beat(name, queues=(name,)), beat(name, queues=(name,), pid=78)
    await scene.store.record_beats([before], utc_now() - timedelta(minutes=5))
    await scene.store.record_beats([after], utc_now())
    (found,) = (await get(client, "workers", queue=name))["workers"]
    assert (found["pid"], found["state"], found["incarnation"]) == (78, "running", str(after.incarnation))


async def test_what_runs_where_and_what_waits(scene: Scene, client: httpx.AsyncClient, dag_id: str) -> None:
    queue = f"q-{dag_id[-8:]}"
    one, two = task("one", queue=queue), task("two", queue=queue)
    await scene.write_dag(dag(one, two, dag_id=dag_id))
    body = {"dag_run_id": "run", "logical_date": None}
    assert (await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body)).status_code == 200
    (run,) = await scene.start_runs(dag_id)
    attempt = await scene.start_attempt(run, one)
    await scene.queue_attempt(run, two)
    listener = beat(f"w-{queue}", queues=(queue,))
    drains = beat(f"x-{queue}", queues=(queue,), draining=True)
    await scene.store.record_beats([listener, drains], utc_now())
    # This deployment has no CeleryExecutor: workers listen in vain, and say so by their row.
    celery, local = [each for each in (await get(client, "queues", limit=100))["queues"] if each["queue"] == queue]
    assert (celery["executor"], celery["workers"], celery["slots"], celery["queued_attempts"]) == (
        "CeleryExecutor",
        1,
        4,
        0,
    )
    assert (local["executor"], local["queued_attempts"], local["running_attempts"]) == ("LocalExecutor", 1, 1)
    assert 0 <= local["oldest_queued_seconds"] < 60
    first = (await get(client, "queues", order_by="-oldest_queued_seconds", limit=1))["queues"]
    assert first[0]["oldest_queued_seconds"] >= local["oldest_queued_seconds"]
    assert (await client.get("/api/v2/queues", params={"order_by": "colour"})).status_code == 400
    running = (await get(client, "workers/worker-1/attempts", queue=queue))["attempts"]
    assert [(each["dag_id"], each["dag_run_id"], each["task_id"]) for each in running] == [(dag_id, "run", "one")]
    assert (running[0]["attempt_id"], running[0]["try_number"]) == (str(attempt.attempt_id), 1)
    assert 0 <= running[0]["duration"] < 60
    assert (running[0]["hostname"], running[0]["worker_pid"], running[0]["executor"]) == (
        "host-1",
        4711,
        "LocalExecutor",
    )
    assert (await get(client, "workers/~/attempts", queue=queue))["total_entries"] == 1
    assert (await get(client, "workers/worker-1"))["busy_slots"] >= 1
    await scene.end_attempt(attempt, Outcome.SUCCESS)
    assert (await get(client, "workers/~/attempts", queue=queue))["attempts"] == []


async def test_a_worker_is_asked_to_leave_with_its_next_heartbeat(
    scene: Scene, client: httpx.AsyncClient, dag_id: str
) -> None:
    name = dag_id[-8:]
    worker, local = beat(name), beat(f"local-{name}", kind="local", queues=())
    assert [each.drain for each in await scene.store.record_beats([worker, local], utc_now())] == [False, False]
    answer = await client.post(f"/api/v2/workers/{name}/drain")
    assert (answer.status_code, answer.json()["state"]) == (200, "draining")
    again = await client.post(f"/api/v2/workers/{name}/drain")
    assert again.json()["drain_asked_at"] == answer.json()["drain_asked_at"]
    later = beat(name, incarnation=worker.incarnation, sequence=2)
    assert [each.drain for each in await scene.store.record_beats([later], utc_now())] == [True]
    assert (await client.post(f"/api/v2/workers/local-{name}/drain")).status_code == 409
    assert (await client.post("/api/v2/workers/nobody/drain")).status_code == 404
    await scene.store.record_beats([beat(f"old-{name}")], NOON)
    assert (await client.post(f"/api/v2/workers/old-{name}/drain")).status_code == 409
