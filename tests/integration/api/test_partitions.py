"""`/dags/{dag_id}/clearPartitions`: runs become runs of no partition."""

from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.polling import poll_until
from tests.servers.api import ApiServer
from tests.servers.scene import Scene
from tradewind.bus.memory import MemoryBus
from tradewind.core.spec import DagSpec, TaskSpec, TimetableSpec
from tradewind.core.states import TaskInstanceState
from tradewind.wire.codec import decode
from tradewind.wire.messages import DagRunsRevised
from tradewind.wire.queues import EVENTS

pytestmark = pytest.mark.asyncio(loop_scope="session")

ONE = TaskSpec(task_id="one")
KEYS = ("2030-01-01", "2030-01-02", "2030-01-03")


@pytest_asyncio.fixture(loop_scope="session")
async def dag(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> str:
    """A DAG of daily partitions in Tokyo, with the runs `r0` (running; its task has ended), `r1` and `r2` of three days
    and `plain` of none."""
    data: dict[str, object] = {"expression": "@daily", "timezone": "Asia/Tokyo", "key_format": "%Y-%m-%d"}
    timetable = TimetableSpec(kind="cron_partition", data=data)
    spec = DagSpec(
        dag_id=dag_id,
        relative_fileloc=f"{dag_id}.py",
        tasks=(ONE,),
        timezone="Asia/Tokyo",
        timetable=timetable,
        timetable_partitioned=True,
        max_active_runs=1,
    )
    await scene.write_dag(spec)
    for number, key in enumerate(KEYS):
        body = {"dag_run_id": f"r{number}", "partition_key": key}
        answer = await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["partition_date"] is not None, answer.text
    await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"dag_run_id": "plain"})
    (run,) = await scene.start_runs(dag_id)
    await scene.end_attempt(await scene.start_attempt(run, ONE))
    return dag_id


async def clear(client: httpx.AsyncClient, dag_id: str, **body: Any) -> tuple[int, int]:
    answer = await client.post(f"/api/v2/dags/{dag_id}/clearPartitions", json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["dry_run"] is body.get("dry_run", True)
    return found["dag_runs_cleared"], found["task_instances_cleared"]


async def keys(client: httpx.AsyncClient, dag_id: str) -> dict[str, str | None]:
    runs = (await client.get(f"/api/v2/dags/{dag_id}/dagRuns")).json()["dag_runs"]
    assert all((run["partition_key"] is None) >= (run["partition_date"] is None) for run in runs)
    return {run["dag_run_id"]: run["partition_key"] for run in runs}


async def test_nothing_is_changed_unless_it_is_meant(client: httpx.AsyncClient, dag: str) -> None:
    before = await keys(client, dag)

    assert await clear(client, dag, run_id="r0") == (1, 0)
    assert await clear(client, dag, run_id="r0", clear_task_instances=True) == (1, 1)
    assert await clear(client, dag, partition_key="2030-01-02") == (1, 0)
    assert await clear(client, dag, partition_date_start="2030-01-02") == (2, 0)
    assert await clear(client, dag, partition_date_start="2029-12-31T15:00:00Z", partition_date_end="2030-01-01") == (
        1,
        0,
    )
    assert await clear(client, dag, run_id="plain") == (0, 0)
    assert await clear(client, dag, run_id="no such run", clear_task_instances=True) == (0, 0)
    assert await keys(client, dag) == before == {"r0": KEYS[0], "r1": KEYS[1], "r2": KEYS[2], "plain": None}


async def test_runs_are_of_no_partition_any_more(api: ApiServer, client: httpx.AsyncClient, dag: str) -> None:
    async with MemoryBus(api.broker).subscribe(EVENTS) as events:
        assert await clear(client, dag, partition_date_end="2030-01-02", dry_run=False) == (2, 0)
        message = decode((await anext(aiter(events))).body, DagRunsRevised)
    again = await clear(client, dag, partition_date_end="2030-01-02", dry_run=False)

    runs = await api.database.fetch("SELECT id, run_id, revision FROM dag_run WHERE dag_id = $1", dag)
    revisions = {row["run_id"]: row["revision"] for row in runs}
    assert await keys(client, dag) == {"r0": None, "r1": None, "r2": KEYS[2], "plain": None}
    assert again == (0, 0)
    assert message.dag_run_ids == tuple(row["id"] for row in runs if row["run_id"] == "r0")
    assert (revisions["r0"], revisions["r1"], revisions["r2"]) == (1, 1, 0)


async def test_their_tasks_run_again_if_that_is_wanted(client: httpx.AsyncClient, dag: str) -> None:
    path = f"/api/v2/dags/{dag}/dagRuns/r0/taskInstances/one"
    assert (await client.get(path)).json()["state"] == TaskInstanceState.SUCCESS

    assert await clear(client, dag, run_id="r0", clear_task_instances=True, dry_run=False) == (1, 1)

    async def is_cleared() -> bool:
        return (await client.get(path)).json()["state"] is None

    await poll_until(is_cleared)


async def test_what_selects_nothing_or_too_much_is_refused(client: httpx.AsyncClient, dag: str) -> None:
    path = f"/api/v2/dags/{dag}/clearPartitions"
    for body in (
        {},
        {"run_id": "r0", "partition_key": "k"},
        {"partition_key": "k", "partition_date_start": "2030-01-01"},
        {"partition_date_start": "2030-01-02", "partition_date_end": "2030-01-01"},
        {"run_id": "r0", "more": 1},
    ):
        assert (await client.post(path, json=body)).status_code == 422, body
    assert (await client.post(path.replace(dag, "none"), json={"run_id": "r0"})).status_code == 404
    assert (await client.post(path.replace(dag, "none"), json={"partition_key": "k"})).status_code == 404


async def test_runs_are_found_by_the_days_of_their_partitions(
    client: httpx.AsyncClient, scene: Scene, dag: str
) -> None:
    async def found(**params: str) -> list[str]:
        answer = await client.get(f"/api/v2/dags/{dag}/dagRuns", params=params)
        assert answer.status_code == 200, answer.text
        return sorted(run["dag_run_id"] for run in answer.json()["dag_runs"])

    # A day is one of Tokyo's, where it begins at 15:00 UTC of the day before.
    assert await found(partition_date_gte="2030-01-02") == ["r1", "r2"]
    assert await found(partition_date_lte="2030-01-02") == ["r0", "r1"]
    assert await found(partition_date_gte="2030-01-02", partition_date_lte="2030-01-02") == ["r1"]
    assert await found(partition_date_lte="9999-12-31") == ["plain", "r0", "r1", "r2"]
    assert await found(partition_key_pattern="01-03", partition_key_prefix_pattern="2030") == ["r2"]
    assert await found(partition_key_pattern="01-03|01-02") == []
    await scene.write_dag(DagSpec(dag_id=f"{dag}_none", relative_fileloc=f"{dag}_none.py", tasks=(ONE,)))
    for dag_id in ("~", f"{dag}_none"):
        answer = await client.get(f"/api/v2/dags/{dag_id}/dagRuns", params={"partition_date_gte": "2030-01-02"})
        assert answer.status_code == 400, dag_id
