"""One task run by hand over REST: what is answered, who is told, and what stands against it."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.dag_specs import dag, task
from tests.integration.api.test_fleet import beat
from tests.servers.api import ApiServer, api_server
from tests.servers.scene import Scene
from tradewind.bus.memory import MemoryBus
from tradewind.bus.port import Queue
from tradewind.core.states import Outcome
from tradewind.service.clock import utc_now
from tradewind.wire.codec import decode
from tradewind.wire.messages import DispatchBatch
from tradewind.wire.queues import DISPATCH
from tradewind.wire.task_run import parse_task_run_command

pytestmark = pytest.mark.asyncio(loop_scope="session")

ONE, TWO = task("one", retries=1), task("two", "one")


async def running(scene: Scene, client: httpx.AsyncClient, dag_id: str) -> int:
    """A run named `run`: `one` has failed, `two` has not begun."""
    await scene.write_dag(dag(ONE, TWO, dag_id=dag_id))
    body = {"dag_run_id": "run", "logical_date": None}
    assert (await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body)).status_code == 200
    (run,) = await scene.start_runs(dag_id)
    await scene.end_attempt(await scene.start_attempt(run, ONE), Outcome.FAILED_WITHOUT_RETRY)
    await scene.add_task_instances(run, TWO)
    return run


async def ask(client: httpx.AsyncClient, dag_id: str, task_id: str, **body: Any) -> httpx.Response:
    return await client.post(f"/api/v2/dags/{dag_id}/dagRuns/run/taskInstances/{task_id}/run", json=body)


def names(answer: httpx.Response) -> list[str]:
    return [each["name"] for each in answer.json()["detail"]["dependencies"]]


async def test_dependencies_that_are_not_met_are_named(scene: Scene, client: httpx.AsyncClient, dag_id: str) -> None:
    await running(scene, client, dag_id)
    answer = await ask(client, dag_id, "two")
    assert (answer.status_code, names(answer)) == (409, ["Trigger Rule"])
    assert "0 of 1 upstream task instances succeeded" in answer.json()["detail"]["message"]
    assert names(await ask(client, dag_id, "one")) == ["Task Instance State"]
    nowhere = await ask(client, dag_id, "two", pool="nowhere", ignore_all_deps=True)
    assert names(nowhere) == ["Pool Slots Available"]
    [pool] = nowhere.json()["detail"]["dependencies"]
    assert pool["reason"].startswith("there is no pool 'nowhere'; there are "), pool
    assert "'default_pool'" in pool["reason"]


async def test_what_is_queued_is_answered_and_told_to_dispatchers(
    api: ApiServer, scene: Scene, client: httpx.AsyncClient, dag_id: str
) -> None:
    await running(scene, client, dag_id)
    attempt_id = str(uuid4())
    body = {"ignore_task_deps": True, "mark_success": True, "queue": "fast", "attempt_id": attempt_id}
    bus = MemoryBus(api.broker)
    async with bus.consume(Queue(name=DISPATCH, durable=True), prefetch=10, max_batch=10) as batches:
        answer = await ask(client, dag_id, "two", **body)
        async with asyncio.timeout(60):
            batch = await anext(batches)
        (item,) = decode(batch.deliveries[0].message.body, DispatchBatch).items
        await batch.ack()
    await bus.close()
    assert answer.status_code == 200, answer.text
    queued = answer.json()
    assert queued["task_instance"]["state"] == "queued"
    assert (queued["attempt_id"], queued["try_number"], queued["dag_run_state"]) == (attempt_id, 1, "running")
    assert (queued["queue"], queued["pool"], queued["pool_slots"]) == ("fast", "default_pool", 1)
    assert [each["name"] for each in queued["ignored_dependencies"]] == ["Trigger Rule"]
    assert (str(item.attempt_id), item.ti.queue, list(item.ti.command)) == (attempt_id, "fast", queued["command"])
    assert parse_task_run_command(item.ti.command).flags.mark_success
    again = await ask(client, dag_id, "two", **body)
    assert (again.status_code, again.json()["attempt_id"]) == (200, attempt_id)
    other = await ask(client, dag_id, "two", ignore_all_deps=True)
    assert names(other) == ["Task Instance Not Running"]


async def test_a_run_that_has_ended_goes_on(scene: Scene, client: httpx.AsyncClient, dag_id: str) -> None:
    await running(scene, client, dag_id)
    run = f"/api/v2/dags/{dag_id}/dagRuns/run"
    assert (await client.patch(run, json={"state": "failed"})).status_code == 200
    answer = await ask(client, dag_id, "one")
    assert names(answer) == ["Task Instance State", "Dagrun Running"]
    assert (await ask(client, dag_id, "one", ignore_ti_state=True)).json()["dag_run_state"] == "running"
    shown = (await client.get(run)).json()
    assert (shown["state"], shown["end_date"]) == ("running", None)


async def test_a_queue_that_is_asked_for_is_listened_on(
    api: ApiServer, scene: Scene, client: httpx.AsyncClient, dag_id: str, tmp_path: Path
) -> None:
    await running(scene, client, dag_id)
    fleet = beat("fleet-1", kind="celery", queues=(f"fast-{dag_id}",))
    await scene.store.record_beats([fleet, beat("local-1", kind="local", queues=())], utc_now())
    async with api_server(api.database, tmp_path, executor="CeleryExecutor,LocalExecutor") as sends:
        refused = await ask(sends.client, dag_id, "two", ignore_task_deps=True, queue="fasst")
        assert (refused.status_code, names(refused)) == (409, ["Queue Served"])
        message = refused.json()["detail"]["message"]
        assert "no worker listens on the queue 'fasst': the executor 'CeleryExecutor' sends" in message
        assert "and workers listen on '" in message
        assert (await ask(sends.client, dag_id, "one", ignore_ti_state=True, queue=f"fast-{dag_id}")).status_code == 200
        insisting = {"queue": "from zero", "attempt_id": str(uuid4())}
        answer = await ask(sends.client, dag_id, "two", **insisting, ignore_all_deps=True)
        assert answer.status_code == 200, answer.text
        assert "Queue Served" in [each["name"] for each in answer.json()["ignored_dependencies"]]
        again = await ask(sends.client, dag_id, "two", **insisting)
        assert (again.status_code, again.json()["attempt_id"]) == (200, insisting["attempt_id"])


async def test_an_executor_that_runs_tasks_itself_takes_any_queue(
    scene: Scene, client: httpx.AsyncClient, dag_id: str
) -> None:
    await running(scene, client, dag_id)
    assert (await ask(client, dag_id, "two", ignore_task_deps=True, queue="any")).json()["queue"] == "any"


async def test_requests_that_cannot_be_met_say_why(scene: Scene, client: httpx.AsyncClient, dag_id: str) -> None:
    await running(scene, client, dag_id)
    unknown = await ask(client, dag_id, "two", executor="NoExecutor")
    assert (unknown.status_code, "TRADEWIND__CORE__EXECUTOR" in unknown.text) == (422, True)
    assert (await ask(client, dag_id, "three")).status_code == 404
    assert (await ask(client, dag_id, "two", force=True)).status_code == 422
    path = f"/api/v2/dags/{dag_id}/dagRuns/run/taskInstances/two/3/run"
    assert (await client.post(path)).status_code == 404
