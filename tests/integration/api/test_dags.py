"""`/api/v2/dags`: lists and their filters, one DAG, pausing."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from tests.polling import poll_until
from tests.servers.api import ApiServer
from tests.servers.scene import Scene
from tradewind.bus.memory import MemoryBus
from tradewind.bus.port import Queue
from tradewind.core.spec import DagSpec, LengthKind, MapLength, TaskSpec
from tradewind.core.states import DagRunState
from tradewind.wire.codec import decode
from tradewind.wire.messages import DagRunsCreated, DagRunsRevised, DagsChanged
from tradewind.wire.queues import EVENTS, RUNS

pytestmark = pytest.mark.asyncio(loop_scope="session")


def spec(dag_id: str, **fields: object) -> DagSpec:
    values = {"dag_id": dag_id, "relative_fileloc": f"{dag_id}.py", "tasks": (TaskSpec(task_id="one"),), **fields}
    return DagSpec(**values)  # pyright: ignore[reportArgumentType] - fields by name


async def ids_of(client: httpx.AsyncClient, prefix: str, **params: str | list[str]) -> list[str]:
    answer = await client.get("/api/v2/dags", params={"dag_id_prefix_pattern": prefix, **params})
    assert answer.status_code == 200, answer.text
    dags = [dag["dag_id"] for dag in answer.json()["dags"]]
    if "limit" not in params:
        assert answer.json()["total_entries"] == len(dags)
    return dags


async def test_a_dag_is_shown_as_it_was_parsed(api: ApiServer, scene: Scene, dag_id: str) -> None:
    await scene.write_file(
        f"folder/{dag_id}.py",
        [
            spec(
                dag_id,
                relative_fileloc=f"folder/{dag_id}.py",
                description="what it is",
                tags=("b", "a"),
                owners=("ada", "bob"),
                timetable_summary="0 3 * * *",
                timetable_description="At 03:00",
                timetable_periodic=True,
                max_active_runs=3,
                max_active_tasks=5,
                dag_display_name="Nice name",
            )
        ],
    )

    answer = await api.client.get(f"/api/v2/dags/{dag_id}")

    assert answer.status_code == 200, answer.text
    dag = answer.json()
    expected = {
        "dag_id": dag_id,
        "dag_display_name": "Nice name",
        "is_paused": True,
        "is_stale": False,
        "description": "what it is",
        "owners": ["ada", "bob"],
        "timetable_summary": "0 3 * * *",
        "timetable_description": "At 03:00",
        "timetable_periodic": True,
        "is_backfillable": True,
        "max_active_runs": 3,
        "max_active_tasks": 5,
        "has_import_errors": False,
        "relative_fileloc": f"folder/{dag_id}.py",
        "fileloc": str(api.settings.dags_folder.absolute() / "folder" / f"{dag_id}.py"),
    }
    assert {name: dag[name] for name in expected} == expected
    assert dag["tags"] == [{"name": tag, "dag_id": dag_id, "dag_display_name": "Nice name"} for tag in ("a", "b")]
    assert dag["last_parsed_time"].endswith("Z")


async def test_runs_of_a_kind_that_the_dag_does_not_allow_are_refused(
    client: httpx.AsyncClient, scene: Scene, dag_id: str
) -> None:
    await scene.write_dag(spec(dag_id, allowed_run_types=("scheduled",), timetable_periodic=True))

    dag = (await client.get(f"/api/v2/dags/{dag_id}")).json()
    assert (dag["allowed_run_types"], dag["timetable_periodic"], dag["is_backfillable"]) == (["scheduled"], True, False)
    answer = await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None})
    assert (answer.status_code, "does not allow manual runs" in answer.text) == (400, True)
    body = {"dag_id": dag_id, "from_date": "2024-01-01T00:00:00Z", "to_date": "2024-01-02T00:00:00Z"}
    answer = await client.post("/api/v2/backfills", json=body)
    assert (answer.status_code, "does not allow backfill runs" in answer.text) == (400, True)


async def test_dags_are_found_by_the_class_of_their_timetable(
    client: httpx.AsyncClient, scene: Scene, dag_id: str
) -> None:
    await scene.write_dag(spec(dag_id, timetable_type="OnceTimetable"))
    assert await ids_of(client, dag_id, timetable_type=["OnceTimetable", "EventsTimetable"]) == [dag_id]
    assert await ids_of(client, dag_id, timetable_type="EventsTimetable") == []


async def test_details_show_what_the_author_wrote(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    params = {"size": {"value": 3, "schema": {"type": "integer"}, "description": None, "source": None}}
    written = spec(
        dag_id,
        doc_md="# Doc",
        params=params,
        dagrun_timeout_seconds=90.0,
        timezone="Asia/Tokyo",
        default_args={"retries": 2, "api_key": "s3cret"},
        template_searchpath=("/templates",),
    )
    await scene.write_dag(written)
    await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={})
    await scene.start_runs(dag_id)

    details = (await client.get(f"/api/v2/dags/{dag_id}/details")).json()

    assert details["doc_md"] == "# Doc"
    assert details["params"] == params
    assert details["dag_run_timeout"] == "PT1M30S"
    assert details["default_args"] == {"retries": 2, "api_key": "***"}
    assert details["template_search_path"] == ["/templates"]
    assert details["timezone"] == "Asia/Tokyo"
    assert details["active_runs_count"] == 1
    assert details["latest_dag_version"]["version_number"] == 1
    assert details["concurrency"] == details["max_active_tasks"] == 16


async def test_texts_that_changed_without_a_new_version_are_shown(
    client: httpx.AsyncClient, scene: Scene, dag_id: str
) -> None:
    await scene.write_dag(spec(dag_id, doc_md="before"))
    assert (await client.get(f"/api/v2/dags/{dag_id}/details")).json()["doc_md"] == "before"

    await scene.write_dag(spec(dag_id, doc_md="after"))

    details = (await client.get(f"/api/v2/dags/{dag_id}/details")).json()
    assert (details["doc_md"], details["latest_dag_version"]["version_number"]) == ("after", 1)


@pytest.mark.parametrize("path", ["", "/details", "/tasks", "/tasks/one", "/dagRuns"])
async def test_an_unknown_dag_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(f"/api/v2/dags/no_such_dag{path}")

    assert answer.status_code == 404
    assert "no_such_dag" in answer.json()["detail"]


async def test_lists_are_filtered(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    p = dag_id
    await scene.write_dag(spec(f"{p}_a", tags=("x", "y"), owners=("ada",)))
    await scene.write_dag(
        spec(f"{p}_b", tags=("y",), owners=("bob", "under_score"), dag_display_name="Beta"), is_paused=True
    )
    await scene.write_dag(spec(f"{p}_c", owners=("underXscore",)))
    await scene.write_file(f"{p}_c.py", [])  # the DAG has left its file: stale
    await scene.break_file(f"{p}_b.py")

    assert await ids_of(client, p) == [f"{p}_a", f"{p}_b"]
    assert await ids_of(client, p, exclude_stale="false") == [f"{p}_a", f"{p}_b", f"{p}_c"]
    assert await ids_of(client, p, paused="true") == [f"{p}_b"]
    assert await ids_of(client, p, paused="false") == [f"{p}_a"]
    assert await ids_of(client, p, tags=["x", "y"]) == [f"{p}_a", f"{p}_b"]
    assert await ids_of(client, p, tags=["x", "y"], tags_match_mode="all") == [f"{p}_a"]
    assert await ids_of(client, p, owners=["AD"]) == [f"{p}_a"]
    assert await ids_of(client, p, owners=["under_s"], exclude_stale="false") == [f"{p}_b"]
    assert await ids_of(client, p, dag_id_pattern=f"{p[-6:].upper()}_B") == [f"{p}_b"]
    assert await ids_of(client, p, dag_id_pattern=f"{p}_a|{p}_b") == [f"{p}_a", f"{p}_b"]
    assert await ids_of(client, f"{p}_a|{p}_b") == [f"{p}_a", f"{p}_b"]
    assert await ids_of(client, p, dag_id_pattern="~") == [f"{p}_a", f"{p}_b"]
    assert await ids_of(client, p, dag_display_name_pattern="bet") == [f"{p}_b"]
    assert await ids_of(client, p, dag_display_name_prefix_pattern="bet") == []
    assert await ids_of(client, p, has_import_errors="true") == [f"{p}_b"]


async def test_what_tradewind_has_none_of_matches_nothing(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    await scene.write_dag(spec(dag_id))

    assert await ids_of(client, dag_id, bundle_name="dags-folder") == [dag_id]
    assert await ids_of(client, dag_id, bundle_name="other") == []
    assert await ids_of(client, dag_id, has_asset_schedule="false", is_favorite="false") == [dag_id]
    assert await ids_of(client, dag_id, has_asset_schedule="true") == []
    assert await ids_of(client, dag_id, asset_dependency="x") == []


async def test_dags_are_found_by_their_latest_run(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    p = dag_id
    for name in ("a", "b", "c"):
        await scene.write_dag(spec(f"{p}_{name}"))
    for name in ("a", "b"):
        await client.post(f"/api/v2/dags/{p}_{name}/dagRuns", json={})
    [run] = await scene.start_runs(f"{p}_a")
    await scene.end_run(run, DagRunState.FAILED)

    assert await ids_of(client, p, last_dag_run_state="failed") == [f"{p}_a"]
    assert await ids_of(client, p, dag_run_state=["failed", "queued"]) == [f"{p}_a", f"{p}_b"]
    assert await ids_of(client, p, dag_run_start_date_gte="2020-01-01T00:00:00Z") == [f"{p}_a"]
    assert await ids_of(client, p, dag_run_end_date_lt="2020-01-01T00:00:00Z") == []
    assert await ids_of(client, p, order_by="last_run_state") == [f"{p}_a", f"{p}_b", f"{p}_c"]
    assert (await ids_of(client, p, order_by="-last_run_start_date"))[-1] == f"{p}_a"


async def test_lists_are_ordered_and_cut(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    names = [f"{dag_id}_{number}" for number in range(5)]
    for number, name in enumerate(names):
        await scene.write_dag(spec(name, dag_display_name=f"{9 - number}"))

    assert await ids_of(client, dag_id, order_by="-dag_id") == names[::-1]
    assert await ids_of(client, dag_id, order_by="dag_display_name") == names[::-1]
    assert await ids_of(client, dag_id, limit="2", offset="3") == names[3:]
    assert await ids_of(client, dag_id, limit="0") == []
    page = await client.get("/api/v2/dags", params={"dag_id_prefix_pattern": dag_id, "limit": 2, "offset": 9})
    assert page.json() == {"dags": [], "total_entries": 5}


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"limit": "-1"}, 422),
        ({"limit": "many"}, 422),
        ({"offset": "99999999999999999999"}, 422),
        ({"tags_match_mode": "some"}, 422),
        ({"last_dag_run_state": "gone"}, 422),
        ({"dag_run_state": "gone"}, 422),
        ({"dag_run_start_date_gte": "yesterday"}, 422),
        ({"order_by": "nothing"}, 400),
        ({"order_by": ["dag_id"] * 11}, 400),
    ],
)
async def test_wrong_parameters_are_explained(
    client: httpx.AsyncClient, params: dict[str, str | list[str]], status: int
) -> None:
    answer = await client.get("/api/v2/dags", params=params)

    assert answer.status_code == status, answer.text
    detail = answer.json()["detail"]
    if not isinstance(detail, str):
        assert {"type", "loc", "msg", "input"} <= {*detail[0]}
        assert detail[0]["loc"][:2] == ["query", next(iter(params))]


async def test_a_page_holds_at_most_100(api: ApiServer, client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    await scene.write_file(
        f"{dag_id}.py", [spec(f"{dag_id}_{n:03}", relative_fileloc=f"{dag_id}.py") for n in range(120)]
    )

    answer = await client.get("/api/v2/dags", params={"dag_id_prefix_pattern": dag_id, "limit": 1000})

    assert (len(answer.json()["dags"]), answer.json()["total_entries"]) == (100, 120)
    default = await client.get("/api/v2/dags", params={"dag_id_prefix_pattern": dag_id})
    assert len(default.json()["dags"]) == 50


async def test_pausing_is_told_to_the_schedulers(api: ApiServer, scene: Scene, dag_id: str) -> None:
    await scene.write_dag(spec(dag_id))
    await api.client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={})
    [run] = await scene.start_runs(dag_id)
    revision = await _revision(scene, run)
    bus = MemoryBus(api.broker)
    async with bus.subscribe(EVENTS) as events:
        answer = await api.client.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": True})
        async with asyncio.timeout(60):
            changed = decode((await anext(events)).body, DagsChanged)
            revised = decode((await anext(events)).body, DagRunsRevised)

    assert answer.status_code == 200, answer.text
    assert answer.json()["is_paused"] is True
    assert (changed, revised) == (DagsChanged((dag_id,)), DagRunsRevised((run,)))
    assert await _revision(scene, run) == revision + 1
    await bus.close()


async def test_pausing_what_is_paused_changes_nothing(api: ApiServer, scene: Scene, dag_id: str) -> None:
    await scene.write_dag(spec(dag_id))
    await api.client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={})
    [run] = await scene.start_runs(dag_id)
    revision = await _revision(scene, run)

    answer = await api.client.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": False})

    assert (answer.status_code, answer.json()["is_paused"]) == (200, False)
    assert await _revision(scene, run) == revision


async def test_unpausing_nudges_the_runs_that_waited(api: ApiServer, scene: Scene, dag_id: str) -> None:
    await scene.write_dag(spec(dag_id), is_paused=True)
    bus = MemoryBus(api.broker)
    async with bus.consume(Queue(name=RUNS), prefetch=100, max_batch=100) as batches:
        await api.client.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": False}, params={"update_mask": "is_paused"})
        named: list[str] = []

        async def has_heard() -> bool:
            async with asyncio.timeout(60):
                batch = await anext(batches)
            named.extend(id_ for got in batch.deliveries for id_ in decode(got.message.body, DagRunsCreated).dag_ids)
            await batch.ack()
            return dag_id in named

        await poll_until(has_heard)
    await bus.close()


async def test_many_are_paused_by_pattern(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    names = [f"{dag_id}_{number}" for number in range(4)]
    for name in names:
        await scene.write_dag(spec(name))

    by_pattern = {"dag_id_prefix_pattern": f"{names[0]}|{names[1]}|{names[2]}", "limit": "2", "paused": "false"}
    answer = await client.patch("/api/v2/dags", json={"is_paused": True}, params=by_pattern)

    assert answer.status_code == 200, answer.text
    assert answer.json()["total_entries"] == 3
    assert [(dag["dag_id"], dag["is_paused"]) for dag in answer.json()["dags"]] == [(name, True) for name in names[:2]]
    assert await ids_of(client, dag_id, paused="true") == names[:3]


async def test_without_a_pattern_none_is_paused(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    await scene.write_dag(spec(dag_id))

    answer = await client.patch("/api/v2/dags", json={"is_paused": True}, params={"owners": "airflow"})

    assert answer.json() == {"dags": [], "total_entries": 0}
    assert await ids_of(client, dag_id, paused="true") == []


@pytest.mark.parametrize(
    ("body", "params", "status"),
    [
        ({}, {}, 422),
        ({"is_paused": "perhaps"}, {}, 422),
        ({"is_paused": True, "owners": []}, {}, 422),
        ({"is_paused": True}, {"update_mask": "owners"}, 400),
        ({"is_paused": True}, {"update_mask": ["is_paused", "owners"]}, 400),
    ],
)
async def test_only_pausing_can_be_asked_for(
    client: httpx.AsyncClient, scene: Scene, dag_id: str, body: object, params: dict[str, str], status: int
) -> None:
    await scene.write_dag(spec(dag_id))

    assert (await client.patch(f"/api/v2/dags/{dag_id}", json=body, params=params)).status_code == status
    assert (await client.patch("/api/v2/dags", json=body, params=params)).status_code == status
    assert (await client.patch("/api/v2/dags/no_such_dag", json={"is_paused": True})).status_code == 404


async def test_tasks_are_shown(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    first = TaskSpec(
        task_id="first",
        task_type="BashOperator",
        task_module="airflow.providers.standard.operators.bash",
        downstream_task_ids=("second",),
        retries=2,
        retry_delay_seconds=timedelta(days=1, seconds=2.5).total_seconds(),
        execution_timeout_seconds=60.0,
        template_fields=("bash_command",),
    )
    await scene.write_dag(spec(dag_id, tasks=(first, TaskSpec(task_id="second", retries=5))))

    tasks = (await client.get(f"/api/v2/dags/{dag_id}/tasks", params={"order_by": "-retries"})).json()
    one = (await client.get(f"/api/v2/dags/{dag_id}/tasks/first")).json()

    assert ([task["task_id"] for task in tasks["tasks"]], tasks["total_entries"]) == (["second", "first"], 2)
    assert one == tasks["tasks"][1]
    assert one["retry_delay"] == {"__type": "TimeDelta", "days": 1, "seconds": 2, "microseconds": 500000}
    assert one["execution_timeout"] == {"__type": "TimeDelta", "days": 0, "seconds": 60, "microseconds": 0}
    assert one["class_ref"] == {"module_path": first.task_module, "class_name": "BashOperator"}
    assert one["downstream_task_ids"] == ["second"]
    assert (await client.get(f"/api/v2/dags/{dag_id}/tasks/third")).status_code == 404
    assert (await client.get(f"/api/v2/dags/{dag_id}/tasks", params={"order_by": "params"})).status_code == 400


async def test_params_of_tasks_and_dags(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    integer: dict[str, object] = {"schema": {"type": "integer"}, "description": "d"}
    own: dict[str, object] = {"n": {**integer, "value": 2}}
    mapped = TaskSpec(task_id="mapped", map_length=MapLength(kind=LengthKind.LITERAL, length=2))
    params: dict[str, object] = {"n": {**integer, "value": "wrong"}, "m": {"schema": {}, "description": None}}
    await scene.write_dag(spec(dag_id, params=params, tasks=(TaskSpec(task_id="one", params=own), mapped)))

    details = (await client.get(f"/api/v2/dags/{dag_id}/details")).json()
    tasks = (await client.get(f"/api/v2/dags/{dag_id}/tasks", params={"order_by": "-task_id"})).json()["tasks"]

    unset: dict[str, object] = {"value": None, "schema": {}, "description": None}
    assert details["params"] == {"n": {**integer, "value": None, "source": None}, "m": {**unset, "source": None}}
    assert tasks[0]["params"] == {"n": {**integer, "value": 2, "source": "task"}, "m": {**unset, "source": "dag"}}
    assert tasks[1]["params"]["n"] == {**integer, "value": None, "source": "dag"}
    assert [task["is_mapped"] for task in tasks] == [False, True]


async def _revision(scene: Scene, dag_run_id: int) -> int:
    return (await scene.database.fetch("SELECT revision FROM dag_run WHERE id = $1", dag_run_id))[0]["revision"]
