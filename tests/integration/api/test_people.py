"""What people ask of runs over REST: which task instances are meant, what is answered, what is refused and why."""

import asyncio
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.dag_specs import dag, task
from tests.servers.api import ApiServer
from tests.servers.scene import WORKER_ID, Attempt, Scene
from tradewind.bus.memory import MemoryBus
from tradewind.bus.port import Queue
from tradewind.core.states import Outcome
from tradewind.wire.codec import decode
from tradewind.wire.messages import KillAttempts
from tradewind.wire.queues import worker_queue

pytestmark = pytest.mark.asyncio(loop_scope="session")

ONE, TWO = task("one", retries=1), task("two", "one")
DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")


@pytest_asyncio.fixture(loop_scope="session")
async def runs(scene: Scene, client: httpx.AsyncClient, dag_id: str) -> list[int]:
    """Three running runs, a day apart, named by their days; `one` has failed in each, `two` has not begun."""
    await scene.write_dag(dag(ONE, TWO, dag_id=dag_id))
    for day in DAYS:
        body = {"dag_run_id": day, "logical_date": f"{day}T00:00:00Z"}
        assert (await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body)).status_code == 200
    started = list(await scene.start_runs(dag_id))
    for run in started:
        await scene.end_attempt(await scene.start_attempt(run, ONE), Outcome.FAILED_WITHOUT_RETRY)
        await scene.add_task_instances(run, TWO)
    return started


async def clear(client: httpx.AsyncClient, dag_id: str, **body: Any) -> httpx.Response:
    return await client.post(f"/api/v2/dags/{dag_id}/clearTaskInstances", json=body)


async def cleared(client: httpx.AsyncClient, dag_id: str, **body: Any) -> list[tuple[str, str, str | None]]:
    answer = await clear(client, dag_id, **body)
    assert answer.status_code == 200, answer.text
    found = answer.json()["task_instances"]
    assert answer.json()["total_entries"] == len(found)
    return [(ti["dag_run_id"], ti["task_id"], ti["state"]) for ti in found]


async def states(client: httpx.AsyncClient, dag_id: str, run_id: str) -> dict[str, str | None]:
    answer = await client.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances")
    return {ti["task_id"]: ti["state"] for ti in answer.json()["task_instances"]}


async def running(scene: Scene, client: httpx.AsyncClient, dag_id: str) -> Attempt:
    """A run named `live` in which `one` runs."""
    body = {"dag_run_id": "live", "logical_date": None}
    assert (await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body)).status_code == 200
    (run,) = await scene.start_runs(dag_id)
    return await scene.start_attempt(run, ONE)


@pytest.mark.usefixtures("runs")
async def test_a_dry_run_changes_nothing(client: httpx.AsyncClient, dag_id: str) -> None:
    assert await cleared(client, dag_id) == [(day, "one", "failed") for day in DAYS]
    assert await states(client, dag_id, DAYS[0]) == {"one": "failed", "two": None}


@pytest.mark.usefixtures("runs")
async def test_past_and_future_reach_from_the_run_that_is_named(client: httpx.AsyncClient, dag_id: str) -> None:
    asked = {"task_ids": ["one"], "only_failed": False, "dag_run_id": DAYS[1]}
    assert [run for run, _, _ in await cleared(client, dag_id, **asked)] == [DAYS[1]]
    assert [run for run, _, _ in await cleared(client, dag_id, **asked, include_past=True)] == [*DAYS[:2]]
    assert [run for run, _, _ in await cleared(client, dag_id, **asked, include_future=True)] == [*DAYS[1:]]
    both = await cleared(client, dag_id, **asked, include_past=True, include_future=True, dry_run=False)
    assert both == [(day, "one", None) for day in DAYS]


@pytest.mark.usefixtures("runs")
async def test_dates_select_runs(client: httpx.AsyncClient, dag_id: str) -> None:
    dates = {"start_date": "2026-01-02T00:00:00Z", "end_date": "2026-01-02T00:00:00Z"}
    assert len(await cleared(client, dag_id, **dates, include_past=True, only_failed=False)) == 4
    assert len(await cleared(client, dag_id, **dates, include_future=True, only_failed=False)) == 4
    assert await cleared(client, dag_id, **dates) == [(DAYS[1], "one", "failed")]
    assert len(await cleared(client, dag_id, start_date="2026-01-02T00:00:00Z", only_failed=False)) == 4


async def test_what_is_wrong_with_a_request_is_said(
    client: httpx.AsyncClient, scene: Scene, dag_id: str, runs: list[int]
) -> None:
    await running(scene, client, dag_id)
    path = f"/api/v2/dags/{dag_id}/dagRuns/live/taskInstances"
    wrong: list[tuple[httpx.Response, int, tuple[str, ...]]] = [
        (await clear(client, "nowhere"), 404, ("nowhere",)),
        (await clear(client, dag_id, dag_run_id="never"), 404, ("never", dag_id)),
        (await clear(client, dag_id, task_ids=["three"]), 404, ("three", dag_id)),
        (await clear(client, dag_id, task_ids=[]), 422, ("task_ids",)),
        (await clear(client, dag_id, dag_run_id="live", include_past=True), 400, ("live",)),
        (await clear(client, dag_id, dag_run_id="live", end_date="2026-01-01T00:00:00Z"), 422, ("not both",)),
        (await clear(client, dag_id, only_failed=True, only_running=True), 422, ("only_running",)),
        (
            await clear(client, dag_id, dag_run_id="live", only_failed=False, prevent_running_task=True, dry_run=False),
            409,
            ("running",),
        ),
        (await client.patch(f"{path}/one", json={"new_state": "running"}), 422, ("running", "success")),
        (await client.patch(f"{path}/three", json={"new_state": "success"}), 404, ("three", "live")),
        (await client.patch(f"{path}/one/7", json={"new_state": "success"}), 404, ("one", "7")),
        (await client.delete(f"{path}/three"), 404, ("three",)),
        (await client.delete(f"/api/v2/dags/{dag_id}/dagRuns/live"), 409, ("live", "running")),
        (await client.delete(f"/api/v2/dags/{dag_id}"), 409, (dag_id, "running")),
        (await client.get(f"/api/v2/dags/{dag_id}/dagVersions/7"), 404, ("7", dag_id)),
    ]
    for answer, status, words in wrong:
        assert answer.status_code == status, (answer.request.url, answer.text)
        assert all(word in answer.text for word in words), (words, answer.text)
    assert await states(client, dag_id, "live") == {"one": "running"}
    assert len(runs) == 3


async def test_the_worker_of_a_marked_task_is_told_at_once(
    client: httpx.AsyncClient, scene: Scene, api: ApiServer, dag_id: str, runs: list[int]
) -> None:
    attempt = await running(scene, client, dag_id)
    bus = MemoryBus(api.broker)
    async with bus.consume(Queue(name=worker_queue(WORKER_ID)), prefetch=10, max_batch=10) as batches:
        path = f"/api/v2/dags/{dag_id}/dagRuns/live"
        assert (await client.patch(path, json={"state": "success"})).json()["state"] == "success"
        async with asyncio.timeout(60):
            batch = await anext(batches)
        (delivery,) = batch.deliveries
        assert decode(delivery.message.body, KillAttempts).attempts == (attempt.attempt_id,)
        await batch.ack()
    await bus.close()
    assert await states(client, dag_id, "live") == {"one": "success", "two": "skipped"}
    assert len(runs) == 3


@pytest.mark.usefixtures("runs")
async def test_a_mark_with_its_relatives(client: httpx.AsyncClient, dag_id: str) -> None:
    path = f"/api/v2/dags/{dag_id}/dagRuns/{DAYS[0]}/taskInstances/one"
    body = {"new_state": "skipped", "include_downstream": True, "include_future": True}
    dry = (await client.patch(f"{path}/dry_run", json=body)).json()
    assert [(ti["dag_run_id"], ti["task_id"]) for ti in dry["task_instances"]] == [
        (day, name) for day in DAYS for name in ("one", "two")
    ]
    assert (await client.patch(path, json=body)).json()["total_entries"] == 1
    for day in DAYS:
        assert await states(client, dag_id, day) == {"one": "skipped", "two": "skipped"}
    only_note = await client.patch(path, params={"update_mask": "note"}, json={"note": "x", "new_state": "failed"})
    assert [(ti["note"], ti["state"]) for ti in only_note.json()["task_instances"]] == [("x", "skipped")]
    assert (await client.patch(path, json={"note": ""})).json()["task_instances"][0]["note"] is None


@pytest.mark.usefixtures("runs")
async def test_many_at_once(client: httpx.AsyncClient, dag_id: str) -> None:
    path = f"/api/v2/dags/{dag_id}/dagRuns/{DAYS[0]}/taskInstances"
    update = {
        "action": "update",
        "entities": [{"task_id": "two", "new_state": "success"}, {"task_id": "none", "new_state": "success"}],
    }
    create = {"action": "create", "entities": [{"task_id": "two", "new_state": "success"}]}
    delete = {"action": "delete", "entities": ["one"], "action_on_non_existence": "skip"}
    answer = (await client.patch(path, json={"actions": [update, create, delete]})).json()
    assert answer["update"]["success"] == [f"{dag_id}.{DAYS[0]}.two[-1]"]
    assert [error["status_code"] for error in answer["update"]["errors"]] == [404]
    assert [error["status_code"] for error in answer["create"]["errors"]] == [405]
    assert answer["delete"] == {"success": [f"{dag_id}.{DAYS[0]}.one[-1]"], "errors": []}
    assert await states(client, dag_id, DAYS[0]) == {"two": "success"}
    of_runs = {
        "actions": [
            {"action": "update", "entities": [{"dag_run_id": day, "dag_id": dag_id, "state": "failed"} for day in DAYS]}
        ]
    }
    answer = (await client.patch("/api/v2/dags/~/dagRuns", json=of_runs)).json()
    assert answer["update"] == {"success": [f"{dag_id}.{day}" for day in DAYS], "errors": []}
    body = {"dag_runs": [{"dag_run_id": day} for day in DAYS], "only_failed": True}
    assert (await client.post(f"/api/v2/dags/{dag_id}/clearDagRuns", json=body)).json()["total_entries"] == 2


async def test_a_dag_is_deleted_with_all_that_it_has(
    client: httpx.AsyncClient, scene: Scene, dag_id: str, runs: list[int]
) -> None:
    assert (await client.delete(f"/api/v2/dags/{dag_id}")).status_code == 200
    for path in ("", "/dagRuns", "/dagVersions"):
        assert (await client.get(f"/api/v2/dags/{dag_id}{path}")).status_code == 404
    for table in ("dag_run", "dag_version", "task_instance_history"):
        found = await scene.database.fetch_value(f"SELECT count(*) FROM {table} WHERE dag_id = $1", dag_id)
        assert found == 0
    assert await scene.store.recount_slots() == {}
    assert len(runs) == 3


@pytest.mark.usefixtures("runs")
async def test_runs_are_selected_by_their_partition(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    await scene.database.fetch(
        "UPDATE dag_run SET partition_key = run_id, partition_date = logical_date WHERE dag_id = $1", dag_id
    )
    path = f"/api/v2/dags/{dag_id}/clearDagRuns"
    by_key = {"partition_key": DAYS[1], "dry_run": False}
    assert [run["dag_run_id"] for run in (await client.post(path, json=by_key)).json()["dag_runs"]] == [DAYS[1]]
    by_date = {"partition_date_start": DAYS[1] + "T00:00:00", "dry_run": False}
    assert [run["dag_run_id"] for run in (await client.post(path, json=by_date)).json()["dag_runs"]] == [*DAYS[1:]]
    assert (await client.post(path, json={"dry_run": False})).status_code == 422
