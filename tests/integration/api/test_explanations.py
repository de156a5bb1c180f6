"""`…/dependencies` and `…/explain`: what the rows say of each gate, for a task instance in every state."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.servers.api import ApiServer
from tests.servers.scene import WORKER_ID, Scene
from tradewind.core.spec import DagSpec, LengthKind, MapLength, TaskSpec, TimetableSpec
from tradewind.core.states import Outcome
from tradewind.service.clock import utc_now

pytestmark = pytest.mark.asyncio(loop_scope="session")

EXTRACT = TaskSpec(task_id="extract", downstream_task_ids=("load",), retries=1, retry_delay_seconds=300.0)
LOAD = TaskSpec(task_id="load", upstream_task_ids=("extract",))


async def start(client: httpx.AsyncClient, scene: Scene, dag_id: str, *tasks: TaskSpec, **fields: Any) -> int:
    """A running run `r` of a DAG with these tasks, and their rows."""
    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=tasks, **fields))
    run = await trigger(client, scene, dag_id, "r")
    await scene.add_task_instances(run, *tasks)
    return run


async def trigger(client: httpx.AsyncClient, scene: Scene, dag_id: str, run_id: str, **body: Any) -> int:
    values = {"dag_run_id": run_id, "logical_date": None, **body}
    answer = await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=values)
    assert answer.status_code == 200, answer.text
    [run] = await scene.start_runs(dag_id)
    return run


async def told(client: httpx.AsyncClient, dag_id: str, task_id: str, *, run_id: str = "r") -> dict[str, Any]:
    answer = await client.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/explain")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def unmet(client: httpx.AsyncClient, dag_id: str, task_id: str, *, run_id: str = "r") -> dict[str, str]:
    answer = await client.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/dependencies")
    assert answer.status_code == 200, answer.text
    found = answer.json()["dependencies"]
    assert [each["name"] for each in found] == sorted(each["name"] for each in found)
    return {each["name"]: each["reason"] for each in found}


def gates(explanation: Mapping[str, Any]) -> dict[str, tuple[bool, str]]:
    return {gate["name"]: (gate["is_open"], gate["reason"]) for gate in explanation["gates"]}


async def set_ready(scene: Scene, run: int, *tasks: TaskSpec) -> None:
    """Make them wait for room."""
    for each in tasks:
        await scene.refuse_slots(run, each)


async def test_upstream_is_counted_and_named(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    run = await start(client, scene, dag_id, EXTRACT, LOAD)
    await scene.start_attempt(run, EXTRACT)

    explanation = await told(client, dag_id, "load")
    is_open, reason = gates(explanation)["trigger_rule"]
    assert not is_open
    assert reason == ("all_success: 0 of 1 upstream task instances succeeded, 1 running; waits for 'extract' (running)")
    assert explanation["state"] is None
    assert explanation["summary"] == f"'load' is not scheduled: {reason}"
    assert await unmet(client, dag_id, "load") == {
        "Trigger Rule": reason,
        "Task Instance State": "its state is 'None': the scheduler has not made it ready yet",
    }


async def test_an_attempt_is_followed_to_its_worker_and_to_its_retry(
    client: httpx.AsyncClient, scene: Scene, dag_id: str
) -> None:
    run = await start(client, scene, dag_id, EXTRACT, LOAD)
    attempt = await scene.start_attempt(run, EXTRACT)
    running = await told(client, dag_id, "extract")
    await scene.end_attempt(attempt, Outcome.FAILED)
    waiting = await told(client, dag_id, "extract")

    assert f"it runs on the celery worker '{WORKER_ID}' (host-1" in gates(running)["worker"][1]
    assert all(is_open for is_open, _ in gates(running).values())
    is_due, reason = gates(waiting)["retry_delay"]
    assert not is_due
    assert reason.startswith("the next try (try 2 of 2) is due at ")
    assert waiting["state"] == "up_for_retry"
    assert await unmet(client, dag_id, "extract") == {}


async def test_a_paused_dag_and_a_full_dag_hold_runs_back(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    await start(client, scene, dag_id, EXTRACT, LOAD, max_active_runs=1)
    values = {"dag_run_id": "second", "logical_date": None}
    assert (await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=values)).status_code == 200
    full = await told(client, dag_id, "extract", run_id="second")
    await client.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": True})
    paused = await told(client, dag_id, "extract", run_id="second")

    assert full["summary"] == (
        "'extract' is not scheduled: the run is queued: 1 of max_active_runs 1 runs of its DAG are running, "
        "0 queued runs before it"
    )
    assert gates(paused)["dag_run"] == (False, "the run is queued: its DAG is paused")
    assert not gates(paused)["dag_paused"][0]
    assert list(await unmet(client, dag_id, "extract", run_id="second")) == [
        "Dag Not Paused",
        "Dagrun Running",
        "Task Instance State",
    ]


async def test_runs_of_a_backfill_wait_for_its_own_limit(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    daily = TimetableSpec(kind="cron_data_interval", data={"expression": "0 0 * * *", "timezone": "UTC"})
    since = datetime(2024, 1, 1, tzinfo=UTC)
    await scene.write_dag(
        DagSpec(
            dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=(EXTRACT, LOAD), timetable=daily, start_date=since
        )
    )
    dates = {"from_date": "2024-01-01T00:00:00Z", "to_date": "2024-01-03T00:00:00Z"}
    made = await client.post("/api/v2/backfills", json={"dag_id": dag_id, "max_active_runs": 1, **dates})
    assert made.status_code == 200, made.text
    number = made.json()["id"]
    await scene.start_runs(dag_id)
    found = await client.get(f"/api/v2/dags/{dag_id}/dagRuns", params={"order_by": "logical_date"})
    last = found.json()["dag_runs"][-1]["dag_run_id"]

    full = gates(await told(client, dag_id, "extract", run_id=last))["dag_run"]
    await client.put(f"/api/v2/backfills/{number}/pause")
    paused = gates(await told(client, dag_id, "extract", run_id=last))["dag_run"]

    reason = f"1 of max_active_runs 1 runs of the backfill {number} are running, 1 queued run before it"
    assert full == (False, f"the run is queued: {reason}")
    assert paused == (False, f"the run is queued: the backfill {number} is paused")


async def test_a_full_pool_is_shown_with_who_holds_it_and_who_comes_first(
    client: httpx.AsyncClient, scene: Scene, dag_id: str, api: ApiServer
) -> None:
    pool = f"pool of {dag_id}"
    await api.database.fetch("INSERT INTO slot_pool (pool, slots) VALUES ($1, 2)", pool)
    holding = replace(EXTRACT, task_id="holding", pool=pool, pool_slots=2, downstream_task_ids=())
    first = replace(holding, task_id="first", pool_slots=1, priority_weight=5)
    second = replace(holding, task_id="second", pool_slots=1)
    run = await start(client, scene, dag_id, holding, first, second)
    await scene.start_attempt(run, holding)
    await set_ready(scene, run, first, second)

    explanation = await told(client, dag_id, "second")
    is_open, reason = gates(explanation)["pool"]
    assert not is_open
    assert reason.startswith(
        f"2 of 2 slots of the pool '{pool}' are taken, it wants 1; held: 2 by 'holding' of {dag_id} r (running for "
    )
    assert explanation["order"] == {"place": 2, "waiting": 2, "is_at_least": False}
    assert (await told(client, dag_id, "first"))["order"]["place"] == 1
    [holder] = explanation["pool_holders"]
    assert (holder["task_id"], holder["slots"], explanation["pool_holder_count"]) == ("holding", 2, 1)
    assert list(await unmet(client, dag_id, "second")) == ["Pool Slots Available"]


async def test_others_that_wait_for_the_pool_are_put_in_the_schedulers_order(
    client: httpx.AsyncClient, scene: Scene, dag_id: str, api: ApiServer
) -> None:
    pool = f"pool of {dag_id}"
    await api.database.fetch("INSERT INTO slot_pool (pool, slots) VALUES ($1, 0)", pool)
    waiting = tuple(TaskSpec(task_id=f"t{number}", pool=pool) for number in range(3))
    busy = TaskSpec(task_id="busy")
    other_run = await start(client, scene, f"{dag_id}_other", *waiting)
    run = await start(client, scene, dag_id, *waiting, busy)
    await scene.start_attempt(run, busy)
    await set_ready(scene, other_run, *waiting)
    await set_ready(scene, run, waiting[0])

    # Of equal priority the DAG of which fewer tasks are active comes first, and one that it gets is active.
    assert (await told(client, dag_id, "t0"))["order"] == {"place": 3, "waiting": 4, "is_at_least": False}
    assert (await told(client, f"{dag_id}_other", "t0"))["order"]["place"] == 1


async def test_limits_of_the_run_and_of_the_task_are_counted(
    client: httpx.AsyncClient, scene: Scene, dag_id: str
) -> None:
    limited = replace(EXTRACT, downstream_task_ids=(), max_active_tis_per_dag=1, max_active_tis_per_dagrun=3)
    run = await start(client, scene, dag_id, limited, max_active_tasks=1)
    await scene.start_attempt(run, limited)
    second = await trigger(client, scene, dag_id, "s")
    await scene.add_task_instances(second, limited)

    of_second = gates(await told(client, dag_id, "extract", run_id="s"))
    assert of_second["max_active_tis_per_dag"] == (
        False,
        "1 of max_active_tis_per_dag 1 instances of the task are active in all runs",
    )
    assert of_second["max_active_tis_per_dagrun"][0]
    assert of_second["max_active_tasks"] == (
        True,
        "0 of max_active_tasks 1 task instances of the run are queued or running",
    )
    assert "Task Concurrency" in await unmet(client, dag_id, "extract", run_id="s")


async def test_the_run_before_holds_a_task_back_that_depends_on_it(
    client: httpx.AsyncClient, scene: Scene, dag_id: str
) -> None:
    task = replace(EXTRACT, downstream_task_ids=(), depends_on_past=True)
    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=(task,)))
    for number in (1, 2):
        run = await trigger(client, scene, dag_id, f"r{number}", logical_date=f"2026-01-0{number}T00:00:00Z")
        await scene.add_task_instances(run, task)

    is_open, reason = gates(await told(client, dag_id, "extract", run_id="r2"))["depends_on_past"]
    assert (is_open, reason) == (False, "1 of 1 in the run before, 'r1', not success or skipped")
    assert "Previous Dagrun State" in await unmet(client, dag_id, "extract", run_id="r2")
    assert gates(await told(client, dag_id, "extract", run_id="r1"))["depends_on_past"][0]


async def test_a_queue_without_a_worker_is_named(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    task = replace(EXTRACT, queue="nobody", executor="CeleryExecutor", downstream_task_ids=())
    run = await start(client, scene, dag_id, task)
    await scene.queue_attempt(run, task)

    found = gates(await told(client, dag_id, "extract"))
    assert not found["workers"][0]
    assert found["workers"][1].startswith("no worker listens on the queue 'nobody' (")
    # The API under test has no such executor in its settings either.
    assert found["executor"] == (False, "it names the executor 'CeleryExecutor', and there is only LocalExecutor")
    assert "its message was published 1 time, last " in found["message"][1]


async def test_an_end_is_explained(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    once = replace(EXTRACT, retries=0)
    run = await start(client, scene, dag_id, once, LOAD)
    attempt = await scene.start_attempt(run, once)
    await scene.end_attempt(attempt, Outcome.FAILED)

    explanation = await told(client, dag_id, "extract")
    [outcome] = explanation["gates"]
    assert outcome["stage"] == "outcome"
    assert outcome["reason"].startswith("it failed on try 1 of 1: user_error (")
    of_load = gates(await told(client, dag_id, "load"))["trigger_rule"]
    assert of_load[1].endswith("1 failed, so that it is to end as upstream_failed")


async def test_mapped_task_instances_are_explained_by_index(
    client: httpx.AsyncClient, scene: Scene, dag_id: str
) -> None:
    mapped = replace(LOAD, map_length=MapLength(kind=LengthKind.XCOM, task_id="extract"))
    await start(client, scene, dag_id, EXTRACT, mapped)
    path = f"/api/v2/dags/{dag_id}/dagRuns/r/taskInstances/load"

    unexpanded = await told(client, dag_id, "load")
    assert gates(unexpanded)["expansion"][1].startswith("it will be mapped over a number not known yet of items")
    assert "Task has been mapped" in await unmet(client, dag_id, "load")
    by_index = gates((await client.get(f"{path}/-1/explain")).json())
    without_times = {name: said[0] for name, said in gates(unexpanded).items()}
    assert {name: said[0] for name, said in by_index.items()} == without_times
    assert (await client.get(f"{path}/-1/dependencies")).status_code == 200
    assert (await client.get(f"{path}/3/explain")).status_code == 404


@pytest.mark.parametrize("which", ["dependencies", "explain"])
async def test_what_is_not_there_is_named(client: httpx.AsyncClient, scene: Scene, dag_id: str, which: str) -> None:
    await start(client, scene, dag_id, EXTRACT, LOAD)
    runs = f"/api/v2/dags/{dag_id}/dagRuns"

    for path, named in (
        (f"/api/v2/dags/none_of_{dag_id}/dagRuns/r/taskInstances/load/{which}", "'r' of the DAG 'none_of_"),
        (f"{runs}/other/taskInstances/load/{which}", "The run 'other' of the DAG"),
        (f"{runs}/r/taskInstances/nothing/{which}", "The task 'nothing' is not in the version"),
        (f"{runs}/r/taskInstances/load/7/{which}", "The task 'load' has no instance with map_index 7"),
    ):
        answer = await client.get(path)
        assert answer.status_code == 404
        assert named in answer.json()["detail"]


async def test_nobody_is_told_without_a_token(api: ApiServer) -> None:
    async with httpx.AsyncClient(base_url=api.url, timeout=60.0) as anonymous:
        answer = await anonymous.get("/api/v2/dags/d/dagRuns/r/taskInstances/t/explain")
    assert answer.status_code == 401


async def test_a_run_whose_scheduler_is_silent_says_so(
    client: httpx.AsyncClient, scene: Scene, dag_id: str, api: ApiServer
) -> None:
    await start(client, scene, dag_id, EXTRACT, LOAD)
    before = gates(await told(client, dag_id, "extract"))["scheduler"]
    values = (scene.scheduler_id, utc_now())
    await api.database.fetch(
        "UPDATE scheduler SET renewed_at = $2::timestamptz - interval '10 minutes' WHERE id = $1", *values
    )
    after = gates(await told(client, dag_id, "extract"))["scheduler"]

    assert before[1].startswith("nothing else holds it back: its scheduler goes on with it with its next decision")
    assert not after[0]
    assert "was last heard of 10 min" in after[1] or after[1] == "no scheduler is alive"
