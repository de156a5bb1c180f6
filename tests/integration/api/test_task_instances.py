"""`…/taskInstances`: lists and their filters, one instance, its tries, XComs, pools."""

from dataclasses import replace

import httpx
import pytest
import pytest_asyncio

from tests.servers.scene import WORKER_ID, Scene
from tradewind.core.spec import DagSpec, LengthKind, MapLength, TaskSpec
from tradewind.core.states import Outcome

pytestmark = pytest.mark.asyncio(loop_scope="session")

EXTRACT = TaskSpec(
    task_id="extract",
    task_type="_PythonDecoratedOperator",
    operator_name="@task",
    retries=1,
    retry_delay_seconds=0.0,
    queue="q1",
    executor="LocalExecutor",
    priority_weight=7,
)
LOAD = TaskSpec(task_id="load", task_type="BashOperator", task_display_name="Load it", upstream_task_ids=("extract",))
NEVER = TaskSpec(task_id="never")


@pytest_asyncio.fixture(loop_scope="session")
async def run(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> int:
    """A running run `r` of a DAG with three tasks."""
    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=(EXTRACT, LOAD, NEVER)))
    await client.post(
        f"/api/v2/dags/{dag_id}/dagRuns", json={"dag_run_id": "r", "logical_date": "2026-01-01T00:00:00Z"}
    )
    [run] = await scene.start_runs(dag_id)
    return run


async def task_ids(client: httpx.AsyncClient, dag_id: str, run_id: str = "r", **params: str | list[str]) -> list[str]:
    path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
    answer = await client.get(path, params={"order_by": "operator", **params})
    assert answer.status_code == 200, answer.text
    return sorted(ti["task_id"] for ti in answer.json()["task_instances"])


async def test_a_task_instance_is_shown_through_its_life(
    client: httpx.AsyncClient, scene: Scene, dag_id: str, run: int
) -> None:
    path = f"/api/v2/dags/{dag_id}/dagRuns/r/taskInstances/extract"
    await scene.add_task_instances(run, EXTRACT)
    created = (await client.get(path)).json()
    attempt = await scene.start_attempt(run, EXTRACT)
    running = (await client.get(path)).json()
    await scene.end_attempt(attempt, rendered_fields=b'{"templates_dict": {"a": 1}}')
    ended = (await client.get(path)).json()

    assert (created["state"], created["try_number"], created["max_tries"]) == (None, 0, 1)
    assert created["rendered_fields"] == {}
    assert (running["state"], running["try_number"], running["end_date"]) == ("running", 1, None)
    assert running["queued_when"] is not None
    expected = {
        "task_id": "extract",
        "dag_id": dag_id,
        "dag_run_id": "r",
        "map_index": -1,
        "logical_date": "2026-01-01T00:00:00Z",
        "state": "success",
        "task_display_name": "extract",
        "dag_display_name": dag_id,
        "hostname": "host-1",
        "pid": 4711,
        "pool": "default_pool",
        "pool_slots": 1,
        "queue": "q1",
        "executor": "LocalExecutor",
        "executor_config": "{}",
        "priority_weight": 7,
        "operator": "_PythonDecoratedOperator",
        "operator_name": "@task",
        "rendered_fields": {"templates_dict": {"a": 1}},
        "trigger": None,
        "triggerer_job": None,
    }
    assert {name: ended[name] for name in expected} == expected
    assert ended["duration"] > 0
    assert ended["id"] == created["id"]
    assert ended["dag_version"]["version_number"] == 1


async def test_lists_are_filtered(client: httpx.AsyncClient, scene: Scene, dag_id: str, run: int) -> None:
    await scene.add_task_instances(run, NEVER)
    await scene.end_attempt(await scene.start_attempt(run, EXTRACT))
    await scene.start_attempt(run, LOAD)
    everything = ["extract", "load", "never"]

    assert await task_ids(client, dag_id) == everything
    assert await task_ids(client, dag_id, "~") == everything
    assert await task_ids(client, "~", "~", dag_id_prefix_pattern=dag_id) == everything
    assert await task_ids(client, dag_id, task_id="load") == ["load"]
    assert await task_ids(client, dag_id, state=["success", "running"]) == ["extract", "load"]
    assert await task_ids(client, dag_id, state="none") == ["never"]
    assert await task_ids(client, dag_id, state="no_status") == ["never"]
    assert await task_ids(client, dag_id, pool="default_pool", queue=["q1", "q2"]) == ["extract"]
    assert await task_ids(client, dag_id, executor="LocalExecutor") == ["extract"]
    assert await task_ids(client, dag_id, operator="BashOperator") == ["load"]
    assert await task_ids(client, dag_id, operator_name_pattern="bash") == ["load"]
    assert await task_ids(client, dag_id, operator_name_prefix_pattern="bash|_Py") == ["extract"]
    assert await task_ids(client, dag_id, pool_name_pattern="fault_p", queue_name_prefix_pattern="def") == [
        "load",
        "never",
    ]
    assert await task_ids(client, dag_id, task_display_name_pattern="load IT") == ["load"]
    assert await task_ids(client, dag_id, task_display_name_prefix_pattern="ex|ne") == ["extract", "never"]
    assert await task_ids(client, dag_id, run_id_prefix_pattern="r", run_id_pattern="R") == everything
    assert await task_ids(client, dag_id, try_number="0", map_index="-1", version_number="1") == ["never"]
    assert await task_ids(client, dag_id, version_number="2") == []
    assert await task_ids(client, dag_id, rendered_map_index_pattern="x") == []
    assert await task_ids(client, dag_id, duration_gt="0") == ["extract"]
    assert await task_ids(client, dag_id, logical_date_gte="2026-01-01T00:00:00Z") == everything
    assert await task_ids(client, dag_id, run_after_gt="2100-01-01T00:00:00Z") == []
    assert await task_ids(client, dag_id, start_date_gte="2100-01-01T00:00:00Z") == ["never"]
    assert await task_ids(client, dag_id, end_date_gte="2100-01-01T00:00:00Z") == ["load", "never"]
    assert await task_ids(client, dag_id, updated_at_gte="2020-01-01T00:00:00Z") == ["extract", "load"]
    assert await task_ids(client, dag_id, limit="1") != everything


async def test_mapped_instances_are_named_by_their_index(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    mapped = TaskSpec(task_id="m", map_length=MapLength(kind=LengthKind.LITERAL, length=12))
    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=(mapped,)))
    await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None, "dag_run_id": "r"})
    [run] = await scene.start_runs(dag_id)
    await scene.add_mapped_task_instances(run, mapped, 12)
    path = f"/api/v2/dags/{dag_id}/dagRuns/r/taskInstances"

    async def names(**params: str) -> list[str]:
        found = (await client.get(path, params=params)).json()["task_instances"]
        return [ti["rendered_map_index"] for ti in found]

    assert await names() == [str(number) for number in range(12)]
    assert await names(rendered_map_index_prefix_pattern="1") == ["1", "10", "11"]
    assert await names(rendered_map_index_pattern="1|0") == ["0", "1", "10", "11"]


async def test_a_list_can_be_read_by_cursor(client: httpx.AsyncClient, scene: Scene, dag_id: str, run: int) -> None:
    await scene.add_task_instances(run, *(TaskSpec(task_id=f"t{number}") for number in range(5)))
    path = f"/api/v2/dags/{dag_id}/dagRuns/r/taskInstances"
    whole = [
        ti["task_id"] for ti in (await client.get(path, params={"order_by": "-map_index"})).json()["task_instances"]
    ]

    params = {"order_by": "-map_index", "limit": "2", "cursor": ""}
    seen: list[str] = []
    while True:
        page = (await client.get(path, params=params)).json()
        seen += [ti["task_id"] for ti in page["task_instances"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]

    assert seen == whole
    assert (await client.get(path, params={"cursor": "bm90LWEtdXVpZA"})).status_code == 400


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("~/dagRuns/r/taskInstances", 400),
        ("{}/dagRuns/nope/taskInstances", 404),
        ("nope/dagRuns/~/taskInstances", 404),
        ("{}/dagRuns/r/taskInstances/nope", 404),
        ("{}/dagRuns/r/taskInstances/extract/5", 404),
        ("{}/dagRuns/r/taskInstances/nope/tries", 404),
        ("{}/dagRuns/r/taskInstances?task_group_id=nope", 404),
        ("{}/dagRuns/r/taskInstances?state=nope", 422),
        ("{}/dagRuns/r/taskInstances?map_index=x", 422),
        ("{}/dagRuns/r/taskInstances/extract/x", 422),
        ("{}/dagRuns/r/taskInstances?order_by=nope", 400),
    ],
)
async def test_wrong_questions_are_explained(
    client: httpx.AsyncClient, scene: Scene, dag_id: str, run: int, path: str, status: int
) -> None:
    await scene.add_task_instances(run, EXTRACT)

    answer = await client.get(f"/api/v2/dags/{path.format(dag_id)}")

    assert answer.status_code == status, answer.text
    assert "detail" in answer.json()


async def test_mapped_instances_are_told_apart(client: httpx.AsyncClient, scene: Scene, dag_id: str, run: int) -> None:
    await scene.add_task_instances(run, EXTRACT)
    await scene.database.fetch("UPDATE task_instance SET map_index = 3 WHERE dag_run_id = $1", run)
    path = f"/api/v2/dags/{dag_id}/dagRuns/r/taskInstances/extract"

    assert (await client.get(path)).status_code == 404
    assert (await client.get(f"{path}/3")).json()["map_index"] == 3


async def test_all_tries_are_shown(client: httpx.AsyncClient, scene: Scene, dag_id: str, run: int) -> None:
    await scene.end_attempt(await scene.start_attempt(run, EXTRACT), Outcome.FAILED)
    path = f"/api/v2/dags/{dag_id}/dagRuns/r/taskInstances/extract/tries"
    waiting = (await client.get(path)).json()
    await scene.end_attempt(await scene.start_attempt(run, EXTRACT, try_number=2))
    ended = (await client.get(path)).json()

    assert [ti["try_number"] for ti in waiting["task_instances"]] == [1]
    assert [(ti["try_number"], ti["state"]) for ti in ended["task_instances"]] == [(1, "failed"), (2, "success")]
    assert ended["total_entries"] == 2
    assert ended["task_instances"][0]["hostname"] == "host-1"


async def test_xcoms_are_shown(client: httpx.AsyncClient, scene: Scene, dag_id: str, run: int) -> None:
    values = [
        ("return_value", b'{"a": [1, null, "\\u0000"]}'),
        ("text", b'"plain"'),
        ("odd/key", b"1.5"),
        ("nan", b"NaN"),
    ]
    await scene.end_attempt(await scene.start_attempt(run, LOAD), xcoms=values)
    path = f"/api/v2/dags/{dag_id}/dagRuns/r/taskInstances/load/xcomEntries"

    listed = (await client.get(path)).json()
    native = (await client.get(f"{path}/return_value")).json()

    assert [entry["key"] for entry in listed["xcom_entries"]] == ["nan", "odd/key", "return_value", "text"]
    assert (listed["total_entries"], "value" in listed["xcom_entries"][0]) == (4, False)
    assert native["value"] == {"a": [1, None, "\u0000"]}
    assert (native["task_display_name"], native["run_id"], native["logical_date"]) == (
        "Load it",
        "r",
        "2026-01-01T00:00:00Z",
    )
    assert (await client.get(f"{path}/return_value", params={"deserialize": "true"})).json() == native
    as_text = (await client.get(f"{path}/return_value", params={"stringify": "true"})).json()["value"]
    assert as_text == "{'a': [1, None, '\\x00']}"
    assert (await client.get(f"{path}/text", params={"stringify": "true"})).json()["value"] == "plain"
    assert (await client.get(f"{path}/odd/key")).json()["value"] == 1.5
    assert (await client.get(f"{path}/nan")).json()["value"] is None
    assert (await client.get(f"{path}/nope")).status_code == 404
    assert (await client.get(f"{path}/text", params={"map_index": "0"})).status_code == 404


async def test_xcoms_are_filtered(client: httpx.AsyncClient, scene: Scene, dag_id: str, run: int) -> None:
    await scene.end_attempt(await scene.start_attempt(run, EXTRACT), xcoms=[("a", b"1"), ("b", b"2")])
    await scene.end_attempt(await scene.start_attempt(run, LOAD), xcoms=[("a", b"3")])

    async def found(task_id: str = "~", run_id: str = "~", dag: str = dag_id, **params: str) -> list[str]:
        path = f"/api/v2/dags/{dag}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries"
        answer = await client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return [f"{entry['task_id']}.{entry['key']}" for entry in answer.json()["xcom_entries"]]

    assert await found() == ["extract.a", "extract.b", "load.a"]
    assert await found("extract", "r") == ["extract.a", "extract.b"]
    assert await found("extract", "s") == []
    assert await found(dag="~", dag_display_name_prefix_pattern=dag_id, xcom_key="a") == ["extract.a", "load.a"]
    assert await found(xcom_key_pattern="B") == ["extract.b"]
    assert await found(xcom_key_prefix_pattern="a|c", task_id_prefix_pattern="lo") == ["load.a"]
    assert await found(task_id_pattern="XTR", run_id_pattern="r", map_index="-1") == ["extract.a", "extract.b"]
    assert await found(map_index_filter="0") == []
    assert await found(logical_date_lt="2026-01-01T00:00:00Z") == []
    assert await found(order_by="-key", limit="1") == ["extract.b"]


async def test_pools_show_how_their_slots_are_used(
    client: httpx.AsyncClient, scene: Scene, dag_id: str, run: int
) -> None:
    await scene.database.fetch("INSERT INTO slot_pool (pool, slots) VALUES ($1, 10), ($2, -1)", dag_id, f"{dag_id}/2")
    pooled = replace(EXTRACT, pool=dag_id, pool_slots=3)
    await scene.start_attempt(run, pooled)

    pool = (await client.get(f"/api/v2/pools/{dag_id}")).json()
    unlimited = (await client.get(f"/api/v2/pools/{dag_id}/2")).json()
    listed = (
        await client.get("/api/v2/pools", params={"pool_name_prefix_pattern": dag_id, "order_by": "-name"})
    ).json()

    used = {"slots": 10, "occupied_slots": 3, "running_slots": 3, "queued_slots": 0, "open_slots": 7}
    assert {name: pool[name] for name in used} == used
    assert (pool["scheduled_slots"], pool["deferred_slots"], pool["include_deferred"]) == (0, 0, False)
    assert (unlimited["slots"], unlimited["open_slots"]) == (-1, -1)
    assert [entry["name"] for entry in listed["pools"]] == [f"{dag_id}/2", dag_id]
    assert (await client.get("/api/v2/pools/nope")).status_code == 404


async def test_the_worker_is_the_one_that_claimed(scene: Scene, run: int) -> None:
    attempt = await scene.start_attempt(run, EXTRACT)

    rows = await scene.database.fetch("SELECT worker_id FROM task_instance WHERE attempt_id = $1", attempt.attempt_id)
    assert [row["worker_id"] for row in rows] == [WORKER_ID]
