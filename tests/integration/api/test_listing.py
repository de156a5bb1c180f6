"""`POST …/list`, `listMapped`, and the addresses of logs elsewhere."""

from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.servers.api import ApiServer, api_server
from tests.servers.scene import Scene
from tradewind.core.spec import DagSpec, LengthKind, MapLength, TaskGroupSpec, TaskSpec
from tradewind.service.settings import LogSettings

pytestmark = pytest.mark.asyncio(loop_scope="session")

LENGTH = MapLength(kind=LengthKind.XCOM, task_id="plain")
PLAIN = TaskSpec(task_id="plain", queue="q1", executor="LocalExecutor")
MAPPED = TaskSpec(task_id="mapped", map_length=LENGTH)
GROUPED = TaskSpec(task_id="g.in", task_group_id="g")
EMPTY = TaskSpec(task_id="empty", map_length=LENGTH)
GROUP = TaskGroupSpec(group_id="g", map_length=LENGTH)


@pytest_asyncio.fixture(loop_scope="session")
async def dags(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> tuple[str, str]:
    """Two DAGs; the first has a running run `r1` with instances of its tasks and a queued run `r2`, the second a run
    that failed."""
    first, second = f"{dag_id}_1", f"{dag_id}_2"
    tasks = (PLAIN, MAPPED, GROUPED, EMPTY)
    for each in (first, second):
        spec = DagSpec(dag_id=each, relative_fileloc=f"{each}.py", tasks=tasks, task_groups=(GROUP,), max_active_runs=1)
        await scene.write_dag(spec)
    await trigger(client, first, "r1", conf={"x": 1})
    await trigger(client, first, "r2", logical_date="2026-01-02T00:00:00Z")
    await trigger(client, second, "r1")
    (run,) = await scene.start_runs(first)
    await scene.add_task_instances(run, PLAIN)
    await scene.add_mapped_task_instances(run, MAPPED, 11)
    await scene.add_mapped_task_instances(run, GROUPED, 1)
    (other,) = await scene.start_runs(second)
    await scene.end_attempt(await scene.start_attempt(other, PLAIN))
    return first, second


async def trigger(client: httpx.AsyncClient, dag_id: str, run_id: str, **body: Any) -> None:
    answer = await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"dag_run_id": run_id, **body})
    assert answer.status_code == 200, answer.text


async def test_runs_of_many_dags_are_listed(client: httpx.AsyncClient, dags: tuple[str, str]) -> None:
    first, second = dags

    async def runs(**body: Any) -> list[tuple[str, str]]:
        answer = await client.post("/api/v2/dags/~/dagRuns/list", json={"dag_ids": dags, "order_by": "dag_id", **body})
        assert answer.status_code == 200, answer.text
        found = [(run["dag_id"], run["dag_run_id"]) for run in answer.json()["dag_runs"]]
        assert answer.json()["total_entries"] >= len(found)
        return found

    everything = [(first, "r1"), (first, "r2"), (second, "r1")]
    assert sorted(await runs()) == everything
    assert await runs(dag_ids=[second]) == [(second, "r1")]
    assert await runs(states=["queued", None]) == [(first, "r2")]
    assert await runs(conf_contains='"x"') == [(first, "r1")]
    assert await runs(logical_date_gte="2026-01-02T00:00:00Z") == [(first, "r2")]
    assert await runs(logical_date_gt="2026-01-02T00:00:00Z") == []
    assert await runs(run_after_lt="2020-01-01T00:00:00Z") == []
    assert await runs(start_date_lte="2100-01-01T00:00:00Z", duration_gte=0) == []
    assert (await runs(order_by="-dag_id"))[0] == (second, "r1")
    assert sorted(await runs(page_limit=2) + await runs(page_offset=2)) == everything
    for body in ({"states": ["bad"]}, {"run_after_gte": "2026-01-01T00:00:00"}, {"nothing": 1}, {"page_limit": -1}):
        assert (await client.post("/api/v2/dags/~/dagRuns/list", json=body)).status_code == 422
    assert (await client.post("/api/v2/dags/~/dagRuns/list", json={"order_by": "bad"})).status_code == 400
    assert (await client.post(f"/api/v2/dags/{first}/dagRuns/list", json={})).status_code == 422


async def test_task_instances_of_many_dags_are_listed(client: httpx.AsyncClient, dags: tuple[str, str]) -> None:
    path = "/api/v2/dags/~/dagRuns/~/taskInstances/list"

    async def found(**body: Any) -> list[tuple[str, str, int]]:
        answer = await client.post(path, json={"dag_ids": dags, "task_ids": ["plain", "g.in"], **body})
        assert answer.status_code == 200, answer.text
        listed = answer.json()["task_instances"]
        return sorted((each["dag_id"][-1], each["task_id"], each["map_index"]) for each in listed)

    plain, grouped, ended = ("1", "plain", -1), ("1", "g.in", 0), ("2", "plain", -1)
    assert await found() == [grouped, plain, ended]
    assert await found(dag_run_ids=["r2"]) == []
    assert await found(dag_ids=[dags[1]], dag_run_ids=["r1"]) == [ended]
    assert await found(state=["success"]) == [ended]
    assert await found(state=[None]) == [grouped, plain]
    assert await found(queue=["q1"], executor=["LocalExecutor"]) == [plain, ended]
    assert await found(pool=["none"]) == []
    assert await found(duration_gte=0, end_date_lte="2100-01-01T00:00:00Z") == [ended]
    assert await found(order_by="-map_index", page_limit=1) == [grouped]
    for body in ({"state": ["bad"]}, {"nothing": 1}):
        assert (await client.post(path, json=body)).status_code == 422
    assert (await client.post(path.replace("dags/~", f"dags/{dags[0]}"), json={})).status_code == 422


async def test_instances_of_a_mapped_task_are_listed_by_index(client: httpx.AsyncClient, dags: tuple[str, str]) -> None:
    path = f"/api/v2/dags/{dags[0]}/dagRuns/r1/taskInstances/{{}}/listMapped"

    async def indexes(task_id: str, **params: Any) -> list[int]:
        answer = await client.get(path.format(task_id), params=params)
        assert answer.status_code == 200, answer.text
        return [each["map_index"] for each in answer.json()["task_instances"]]

    assert await indexes("mapped") == list(range(11))
    assert await indexes("mapped", order_by="-rendered_map_index", limit=2) == [10, 9]
    assert await indexes("mapped", map_index=["3", "4"], state="none") == [3, 4]
    assert await indexes("mapped", state="success") == []
    assert await indexes("g.in") == [0]
    assert await indexes("empty") == []
    statuses = [(await client.get(path.format(task_id))).status_code for task_id in ("plain", "none")] + [
        (await client.get(path.format("mapped").replace("/r1/", "/r9/"))).status_code
    ]
    assert statuses == [404, 404, 404]


async def test_task_instances_of_a_group_are_listed(client: httpx.AsyncClient, dags: tuple[str, str]) -> None:
    async def status_and_ids(dag_id: str, run_id: str, group_id: str) -> tuple[int, list[str]]:
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        answer = await client.get(path, params={"task_group_id": group_id})
        return answer.status_code, [each["task_id"] for each in answer.json().get("task_instances", [])]

    assert await status_and_ids(dags[0], "r1", "g") == (200, ["g.in"])
    assert await status_and_ids(dags[0], "~", "g") == (200, ["g.in"])
    assert await status_and_ids(dags[0], "r1", "none") == (404, [])
    assert await status_and_ids("~", "~", "g") == (400, [])


async def test_a_log_elsewhere_is_named_if_the_settings_say_where(
    api: ApiServer, dags: tuple[str, str], tmp_path: Path
) -> None:
    path = f"/api/v2/dags/{dags[0]}/dagRuns/r1/taskInstances/g.in/externalLogUrl"
    nowhere = await api.client.get(f"{path}/1", params={"map_index": 0})
    template = "https://logs/{dag_id}/{run_id}?q={task_id}~{map_index}~{try_number}&view={own}"
    logging = LogSettings(external_log_url=template)
    async with api_server(api.database, tmp_path, logging=logging, password=api.password) as other:
        found = (await other.client.get(f"{path}/2", params={"map_index": 0})).json()
        missing = await other.client.get(f"{path}/2")
        no_try = await other.client.get(f"{path}/0")

    assert (nowhere.status_code, "EXTERNAL_LOG_URL" in nowhere.json()["detail"]) == (400, True)
    assert found == {"url": f"https://logs/{dags[0]}/r1?q=g.in~0~2&view={{own}}"}
    assert (missing.status_code, no_try.status_code) == (404, 422)
