"""`…/wait`: an answer that ends with the run."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from airflow_client.client import ApiClient, Configuration
from airflow_client.client.api.dag_run_api import DagRunApi

from tests.dag_specs import dag, task
from tests.polling import poll_until
from tests.servers.api import ApiServer
from tests.servers.scene import Scene
from tradewind.api.events import waiting
from tradewind.core.states import DagRunState

pytestmark = pytest.mark.asyncio(loop_scope="session")

ADD = task("add", returns_dag_result=True)
OTHER = task("other")
NDJSON = {"Accept": "application/x-ndjson"}


async def begun(scene: Scene, api: ApiServer, dag_id: str) -> int:
    """A run named `r`; nobody waits any more for those of other tests."""
    await poll_until(lambda: waiters(api) == 0)
    await scene.write_dag(dag(ADD, OTHER, dag_id=dag_id))
    answer = await api.client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"dag_run_id": "r", "logical_date": None})
    assert answer.status_code == 200, answer.text
    [run] = await scene.start_runs(dag_id)
    return run


async def waited(client: httpx.AsyncClient, dag_id: str, run_id: str = "r", **params: Any) -> list[dict[str, Any]]:
    path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/wait"
    answer = await client.get(path, params={"interval": 60, **params}, headers=NDJSON)
    assert (answer.status_code, answer.headers["content-type"]) == (200, NDJSON["Accept"]), answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def waiters(api: ApiServer) -> float | None:
    return api.registry.get_sample_value("tradewind_api_run_waiters")


async def test_the_end_is_told_with_what_was_returned(api: ApiServer, scene: Scene, dag_id: str) -> None:
    run = await begun(scene, api, dag_id)
    selections: list[dict[str, Any]] = [{}, {"result": ["other", "add"]}, {"result": "nobody"}]
    async with asyncio.TaskGroup() as group:
        told = [group.create_task(waited(api.client, dag_id, **params), name="waiter") for params in selections]
        await poll_until(lambda: waiters(api) == 3)
        await scene.end_attempt(await scene.start_attempt(run, ADD), xcoms=(("return_value", b"3"), ("more", b"4")))
        await scene.end_attempt(await scene.start_attempt(run, OTHER), xcoms=(("return_value", b'{"a":[1]}'),))
        await scene.end_run(run)
    running = {"state": "running"}
    assert told[0].result() == [running, {"state": "success", "results": {"add": 3}}]
    assert told[1].result() == [running, {"state": "success", "results": {"add": 3, "other": {"a": [1]}}}]
    assert told[2].result() == [running, {"state": "success"}]
    await poll_until(lambda: waiters(api) == 0)
    assert await waited(api.client, dag_id) == [{"state": "success", "results": {"add": 3}}]


async def test_every_state_on_the_way_is_told(api: ApiServer, scene: Scene, dag_id: str) -> None:
    await scene.write_dag(dag(ADD, dag_id=dag_id))
    await api.client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"dag_run_id": "r", "logical_date": None})
    path = f"/api/v2/dags/{dag_id}/dagRuns/r/wait"
    async with api.client.stream("GET", path, params={"interval": 60}, headers=NDJSON) as answer:
        lines = answer.aiter_lines()
        states = [json.loads(await anext(lines))["state"]]
        [run] = await scene.start_runs(dag_id)
        states.append(json.loads(await anext(lines))["state"])
        await scene.end_run(run, DagRunState.FAILED)
        states += [json.loads(line)["state"] async for line in lines]
    assert states == ["queued", "running", "failed"]


async def test_values_of_mapped_tasks_come_as_a_list(api: ApiServer, scene: Scene, dag_id: str) -> None:
    run = await begun(scene, api, dag_id)
    await scene.add_mapped_task_instances(run, ADD, 2)
    for index in (1, 0):
        path = f"/api/v2/dags/{dag_id}/dagRuns/r/taskInstances/add/xcomEntries"
        body = {"key": "return_value", "value": f"v{index}", "map_index": index}
        assert (await api.client.post(path, json=body)).status_code == 201
    await scene.end_run(run)
    assert await waited(api.client, dag_id) == [{"state": "success", "results": {"add": ["v0", "v1"]}}]


async def test_the_same_is_said_again_after_an_interval(
    api: ApiServer, scene: Scene, dag_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "SHORTEST_SECONDS", 0.01)
    run = await begun(scene, api, dag_id)
    path = f"/api/v2/dags/{dag_id}/dagRuns/r/wait"
    async with api.client.stream("GET", path, params={"interval": 0.01}, headers=NDJSON) as answer:
        lines = answer.aiter_lines()
        assert [json.loads(await anext(lines)) for _ in range(2)] == [{"state": "running"}] * 2
        await scene.end_run(run)
        assert [json.loads(line)["state"] async for line in lines][-1] == "success"


async def test_a_run_that_is_deleted_ends_the_answer(
    api: ApiServer, scene: Scene, dag_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "SWEEP_SECONDS", 0.1)
    await begun(scene, api, dag_id)
    async with asyncio.TaskGroup() as group:
        waiter = group.create_task(waited(api.client, dag_id, interval=1), name="waiter")
        await poll_until(lambda: waiters(api) == 1)
        await scene.database.fetch("DELETE FROM dag_run WHERE dag_id = $1", dag_id)
    assert {line["state"] for line in waiter.result()} == {"running"}


async def test_the_client_package_waits(api: ApiServer, scene: Scene, dag_id: str) -> None:
    run = await begun(scene, api, dag_id)

    def wait() -> Any:
        with ApiClient(Configuration(host=api.url, access_token=api.token)) as client:
            return DagRunApi(client).wait_dag_run_until_finished(dag_id, "r", interval=60, result=["add"])

    async with asyncio.TaskGroup() as group:
        waiter = group.create_task(asyncio.to_thread(wait), name="waiter")
        await poll_until(lambda: waiters(api) == 1)
        await scene.end_attempt(await scene.start_attempt(run, ADD), xcoms=(("return_value", b"3"),))
        await scene.end_run(run)
    assert json.loads(waiter.result().splitlines()[-1]) == {"state": "success", "results": {"add": 3}}


@pytest.mark.parametrize(
    ("run_id", "interval", "status"), [("nowhere", "1", 404), ("r", "0", 422), ("r", "soon", 422), ("r", "inf", 200)]
)
async def test_what_is_asked_for_is_checked(
    api: ApiServer, scene: Scene, dag_id: str, run_id: str, interval: str, status: int
) -> None:
    await scene.end_run(await begun(scene, api, dag_id))
    path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/wait"
    assert (await api.client.get(path, params={"interval": interval})).status_code == status
    assert (await api.client.get(path)).status_code == (404 if run_id == "nowhere" else 422) or run_id == "nowhere"
