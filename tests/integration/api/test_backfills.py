"""`/backfills`: made, listed, paused, cancelled; and how their runs are started."""

from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio

from tests.servers.scene import Scene
from tradewind.core.spec import DagSpec, TaskSpec, TimetableSpec
from tradewind.core.states import DagRunState
from tradewind.service.clock import utc_now

pytestmark = pytest.mark.asyncio(loop_scope="session")

DAILY = TimetableSpec(kind="cron_data_interval", data={"expression": "0 0 * * *", "timezone": "UTC"})


@pytest_asyncio.fixture(loop_scope="session")
async def dag(scene: Scene, dag_id: str) -> str:
    await write(scene, dag_id)
    return dag_id


async def write(scene: Scene, dag_id: str, task: TaskSpec | None = None) -> None:
    tasks = (task or TaskSpec(task_id="one"),)
    await scene.write_dag(
        DagSpec(
            dag_id=dag_id,
            relative_fileloc=f"{dag_id}.py",
            tasks=tasks,
            timetable=DAILY,
            start_date=datetime(2024, 1, 1, tzinfo=UTC),
        )
    )


async def ask(client: httpx.AsyncClient, dag: str, path: str = "", **fields: object) -> httpx.Response:
    body = {"dag_id": dag, "from_date": "2024-01-01T00:00:00Z", "to_date": "2024-01-03T00:00:00Z", **fields}
    return await client.post(f"/api/v2/backfills{path}", json=body)


async def runs(client: httpx.AsyncClient, dag_id: str) -> list[dict[str, object]]:
    answer = await client.get(f"/api/v2/dags/{dag_id}/dagRuns", params={"order_by": "run_after"})
    return answer.json()["dag_runs"]


async def test_a_backfill_makes_a_run_per_date(client: httpx.AsyncClient, dag: str) -> None:
    answer = await ask(client, dag, dag_run_conf={"a": 1}, max_active_runs=2)
    assert answer.status_code == 200, answer.text
    backfill = answer.json()
    expected = {
        "dag_id": dag,
        "from_date": "2024-01-01T00:00:00Z",
        "to_date": "2024-01-03T00:00:00Z",
        "dag_run_conf": {"a": 1},
        "is_paused": False,
        "reprocess_behavior": "none",
        "max_active_runs": 2,
        "completed_at": None,
        "dag_display_name": dag,
    }
    assert {name: backfill[name] for name in expected} == expected
    made = await runs(client, dag)
    assert [run["dag_run_id"] for run in made] == [f"backfill__2024-01-0{day}T00:00:00+00:00" for day in (2, 3, 4)]
    assert [run["logical_date"] for run in made] == [f"2024-01-0{day}T00:00:00Z" for day in (1, 2, 3)]
    assert {(run["state"], run["run_type"], run["triggered_by"]) for run in made} == {
        ("queued", "backfill", "backfill")
    }
    assert made[0]["conf"] == {"a": 1}
    assert (await client.get(f"/api/v2/backfills/{backfill['id']}")).json() == backfill
    listed = (await client.get("/api/v2/backfills", params={"dag_id": dag})).json()
    assert listed == {"backfills": [backfill], "total_entries": 1}


async def test_a_dry_run_says_which_dates_and_makes_nothing(client: httpx.AsyncClient, dag: str) -> None:
    answer = await ask(client, dag, "/dry_run", run_backwards=True)
    assert answer.status_code == 200, answer.text
    dates = [entry["logical_date"] for entry in answer.json()["backfills"]]
    assert dates == [f"2024-01-0{day}T00:00:00Z" for day in (3, 2, 1)]
    assert answer.json()["total_entries"] == 3
    assert await runs(client, dag) == []


async def test_partitions_get_runs_by_their_keys_and_others_when_they_are_run_again(
    client: httpx.AsyncClient, scene: Scene, dag_id: str
) -> None:
    data: dict[str, object] = {
        "expression": "@daily",
        "timezone": "Asia/Tokyo",
        "run_offset": 1,
        "key_format": "%Y-%m-%d",
    }
    timetable = TimetableSpec(kind="cron_partition", data=data)
    one = TaskSpec(task_id="one")
    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=(one,), timetable=timetable))
    keys = [f"2024-01-0{day}" for day in (1, 2, 3)]
    dry = (await ask(client, dag_id, "/dry_run")).json()["backfills"]
    assert [entry["partition_key"] for entry in dry] == keys
    assert dry[0] == {"logical_date": None, "partition_key": keys[0], "partition_date": "2023-12-31T15:00:00Z"}

    first = (await ask(client, dag_id)).json()
    made = await runs(client, dag_id)
    assert [run["partition_key"] for run in made] == keys
    assert {(run["logical_date"], run["data_interval_start"], run["run_type"]) for run in made} == {
        (None, None, "backfill")
    }
    assert str(made[0]["dag_run_id"]).startswith("backfill__2023-12-31T15:00:00+00:00__2024-01-01__")
    await client.put(f"/api/v2/backfills/{first['id']}/cancel")
    assert (await ask(client, dag_id, "/dry_run")).json()["total_entries"] == 0
    assert (await ask(client, dag_id, reprocess_behavior="failed")).is_success
    assert [run["partition_key"] for run in await runs(client, dag_id)] == sorted(keys * 2)
    assert [run["state"] for run in await runs(client, dag_id)] == ["failed", "queued"] * 3


async def test_there_is_one_active_backfill_per_dag(client: httpx.AsyncClient, dag: str) -> None:
    first = (await ask(client, dag)).json()
    second = await ask(client, dag, from_date="2024-02-01T00:00:00Z", to_date="2024-02-02T00:00:00Z")
    assert second.status_code == 409
    assert second.json()["detail"] == f"There is already a running backfill for dag {dag}"
    assert (await client.put(f"/api/v2/backfills/{first['id']}/cancel")).json()["completed_at"] is not None
    assert (await ask(client, dag, from_date="2024-02-01T00:00:00Z", to_date="2024-02-02T00:00:00Z")).is_success


async def test_its_runs_start_in_its_order_within_its_own_limit(
    client: httpx.AsyncClient, scene: Scene, dag: str
) -> None:
    backfill = (await ask(client, dag, run_backwards=True, max_active_runs=1)).json()
    manual = await client.post(f"/api/v2/dags/{dag}/dagRuns", json={"logical_date": None})
    started = [await scene.run_id_of(number) for number in await scene.start_runs(dag)]
    expected = {(dag, manual.json()["dag_run_id"]), (dag, "backfill__2024-01-04T00:00:00+00:00")}
    assert {*started} == expected
    assert await scene.start_runs(dag) == []
    paused = await client.put(f"/api/v2/backfills/{backfill['id']}/pause")
    assert paused.json()["is_paused"] is True
    for run in await runs(client, dag):
        if run["state"] == "running" and run["run_type"] == "backfill":
            await scene.end_run(await number_of(scene, dag, str(run["dag_run_id"])))
    assert await scene.start_runs(dag) == []
    assert (await client.put(f"/api/v2/backfills/{backfill['id']}/unpause")).json()["is_paused"] is False
    (second,) = await scene.start_runs(dag)
    assert await scene.run_id_of(second) == (dag, "backfill__2024-01-03T00:00:00+00:00")


async def number_of(scene: Scene, dag_id: str, run_id: str) -> int:
    row = await scene.database.fetch_row("SELECT id FROM dag_run WHERE dag_id = $1 AND run_id = $2", dag_id, run_id)
    assert row is not None
    return row["id"]


async def test_cancelling_fails_what_is_queued_and_lets_the_rest_go_on(
    client: httpx.AsyncClient, scene: Scene, dag: str
) -> None:
    backfill = (await ask(client, dag, max_active_runs=1)).json()
    await scene.start_runs(dag)
    cancelled = (await client.put(f"/api/v2/backfills/{backfill['id']}/cancel")).json()
    assert (cancelled["is_paused"], cancelled["completed_at"] is None) == (True, False)
    assert [run["state"] for run in await runs(client, dag)] == ["running", "failed", "failed"]
    for action in ("cancel", "pause", "unpause"):
        again = await client.put(f"/api/v2/backfills/{backfill['id']}/{action}")
        assert (again.status_code, again.json()["detail"]) == (409, "Backfill is already completed.")


async def test_it_is_complete_when_its_runs_are_over(client: httpx.AsyncClient, scene: Scene, dag: str) -> None:
    backfill = (await ask(client, dag)).json()
    await scene.store.complete_backfills(utc_now())
    assert (await client.get(f"/api/v2/backfills/{backfill['id']}")).json()["completed_at"] is None
    for number in await scene.start_runs(dag):
        await scene.end_run(number)
    assert backfill["id"] in await scene.store.complete_backfills(utc_now())
    assert (await client.get(f"/api/v2/backfills/{backfill['id']}")).json()["completed_at"] is not None


@pytest.mark.parametrize(
    ("behavior", "again"), [("none", ()), ("failed", ("failed",)), ("completed", ("failed", "success"))]
)
async def test_runs_that_are_there_are_processed_again_as_asked(
    client: httpx.AsyncClient, scene: Scene, dag: str, behavior: str, again: tuple[str, ...]
) -> None:
    states = {"2024-01-01": DagRunState.SUCCESS, "2024-01-02": DagRunState.FAILED}
    for date in states:
        made = await client.post(
            f"/api/v2/dags/{dag}/dagRuns", json={"logical_date": f"{date}T00:00:00Z", "dag_run_id": date}
        )
        assert made.is_success, made.text
    numbers = {
        run_id: number for number in await scene.start_runs(dag) for _, run_id in [await scene.run_id_of(number)]
    }
    for date, state in states.items():
        await scene.add_task_instances(numbers[date], TaskSpec(task_id="one"))
        await scene.end_run(numbers[date], state)

    dry = await ask(client, dag, "/dry_run", reprocess_behavior=behavior)
    assert len(dry.json()["backfills"]) == 1 + len(again)
    answer = await ask(client, dag, reprocess_behavior=behavior, dag_run_conf={"b": 2})
    assert answer.status_code == 200, answer.text

    found = {str(run["dag_run_id"]): run for run in await runs(client, dag)}
    for date, state in states.items():
        run = found[date]
        if state.value in again:
            assert (run["state"], run["run_type"], run["conf"]) == ("queued", "backfill", {"b": 2})
        else:
            assert (run["state"], run["run_type"], run["conf"]) == (state.value, "manual", {})
    assert found["backfill__2024-01-04T00:00:00+00:00"]["state"] == "queued"


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"from_date": "2024-01-05T00:00:00Z"}, 422, "must not be after"),
        ({"from_date": "2124-01-05T00:00:00Z", "to_date": "2124-01-06T00:00:00Z"}, 422, "future"),
        ({"from_date": "2024-01-01T01:00:00Z", "to_date": "2024-01-01T02:00:00Z"}, 422, "No runs to create"),
        ({"dag_id": "nothing"}, 404, "Could not find dag nothing"),
        ({"reprocess_behavior": "some"}, 422, ""),
        ({"unknown": 1}, 422, ""),
    ],
)
async def test_what_cannot_be_is_refused(
    client: httpx.AsyncClient, dag: str, fields: dict[str, object], status: int, said: str
) -> None:
    answer = await ask(client, dag, "", **fields)
    assert answer.status_code == status, answer.text
    assert said in str(answer.json()["detail"])


async def test_unknown_backfills_are_not_found(client: httpx.AsyncClient) -> None:
    for method, path in (("GET", ""), ("PUT", "/pause"), ("PUT", "/unpause"), ("PUT", "/cancel")):
        answer = await client.request(method, f"/api/v2/backfills/999999999{path}")
        assert (answer.status_code, answer.json()["detail"]) == (404, "Backfill not found")
