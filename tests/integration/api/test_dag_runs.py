"""`…/dagRuns`: triggering, lists and their filters, one run."""

import asyncio
from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio

from tests.polling import poll_until
from tests.servers.api import ApiServer
from tests.servers.scene import Scene
from tradewind.bus.memory import MemoryBus
from tradewind.bus.port import Queue
from tradewind.core.spec import DagSpec, TaskSpec, TimetableSpec
from tradewind.core.states import DagRunState
from tradewind.wire.codec import decode
from tradewind.wire.messages import DagRunsCreated
from tradewind.wire.queues import RUNS

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOON = "2026-11-20T12:00:00Z"
TYPED_PARAMS: dict[str, object] = {
    "size": {"value": 3, "schema": {"type": "integer", "minimum": 1}, "description": None},
    "day": {"value": "2026-01-01", "schema": {"type": "string", "format": "date"}, "description": None},
    "name": {"schema": {"type": "string"}, "description": None},
}


@pytest_asyncio.fixture(loop_scope="session")
async def dag(scene: Scene, dag_id: str) -> str:
    """A DAG that is not paused."""
    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=(TaskSpec(task_id="one"),)))
    return dag_id


async def trigger(client: httpx.AsyncClient, dag_id: str, **body: object) -> httpx.Response:
    return await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body)


async def run_ids(client: httpx.AsyncClient, dag_id: str, **params: str | list[str]) -> list[str]:
    answer = await client.get(f"/api/v2/dags/{dag_id}/dagRuns", params=params)
    assert answer.status_code == 200, answer.text
    return [run["dag_run_id"] for run in answer.json()["dag_runs"]]


async def test_a_manual_run_is_about_what_the_timetable_says(
    client: httpx.AsyncClient, scene: Scene, dag_id: str
) -> None:
    daily = TimetableSpec(kind="cron_data_interval", data={"expression": "0 0 * * *", "timezone": "Europe/Berlin"})
    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", timetable=daily))

    run = (await trigger(client, dag_id, logical_date=NOON)).json()

    assert run["logical_date"] == NOON
    assert (run["data_interval_start"], run["data_interval_end"]) == ("2026-11-18T23:00:00Z", "2026-11-19T23:00:00Z")


@pytest.mark.parametrize("body", [{}, {"logical_date": None}])
async def test_a_run_needs_no_logical_date(api: ApiServer, dag: str, body: dict[str, object]) -> None:
    answers = [await trigger(api.client, dag, **body) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
    first = answers[0].json()
    assert first["dag_run_id"].startswith("manual__")
    assert first["dag_run_id"] != answers[1].json()["dag_run_id"]
    absent = ("logical_date", "data_interval_start", "data_interval_end", "start_date", "end_date", "duration", "note")
    assert {name: first[name] for name in absent} == dict.fromkeys(absent)
    assert (first["state"], first["run_type"], first["triggered_by"]) == ("queued", "manual", "rest_api")
    assert first["triggering_user_name"] == api.username
    assert first["conf"] == {}
    assert [version["version_number"] for version in first["dag_versions"]] == [1]


async def test_a_run_id_is_as_airflow_makes_it(client: httpx.AsyncClient, dag: str) -> None:
    first = await trigger(client, dag, logical_date=None, run_after=NOON)
    assert first.json()["dag_run_id"] == f"manual__{NOON.removesuffix('Z')}+00:00"
    assert (await trigger(client, dag, logical_date=None, run_after=NOON)).status_code == 409


async def test_what_is_answered_is_what_is_stored(client: httpx.AsyncClient, dag: str) -> None:
    created = await trigger(
        client,
        dag,
        dag_run_id="mine",
        logical_date="2026-11-20T13:00:00+01:00",
        run_after=NOON,
        conf={"a": [1, {"b": "ü\u0000"}], "n": 1e100},
        note="why",
    )

    assert created.status_code == 200, created.text
    read = await client.get(f"/api/v2/dags/{dag}/dagRuns/mine")
    assert read.json() == created.json()
    assert read.json()["logical_date"] == NOON
    assert read.json()["conf"] == {"a": [1, {"b": "ü\u0000"}], "n": 1e100}


async def test_a_logical_date_names_the_run_and_its_interval(client: httpx.AsyncClient, dag: str) -> None:
    run = (await trigger(client, dag, logical_date=NOON, run_after="2026-11-21T00:00:00Z")).json()

    assert run["dag_run_id"] == "manual__2026-11-21T00:00:00+00:00"
    assert run["data_interval_start"] == run["data_interval_end"] == NOON


async def test_a_given_interval_is_kept(client: httpx.AsyncClient, dag: str) -> None:
    interval = {"data_interval_start": "2026-11-19T00:00:00Z", "data_interval_end": "2026-11-20T00:00:00Z"}

    with_date = (await trigger(client, dag, logical_date=NOON, **interval)).json()
    without = (await trigger(client, dag, **interval)).json()

    assert {name: with_date[name] for name in interval} == interval
    assert {name: without[name] for name in interval} == dict.fromkeys(interval)


async def test_a_moment_without_a_zone_is_utc(client: httpx.AsyncClient, dag: str) -> None:
    run = (await trigger(client, dag, run_after="2026-11-20T12:00:00")).json()

    assert run["run_after"] == NOON


@pytest.mark.parametrize("again", [{"dag_run_id": "first"}, {"dag_run_id": "other", "logical_date": NOON}])
async def test_a_run_exists_once(client: httpx.AsyncClient, dag: str, again: dict[str, object]) -> None:
    await trigger(client, dag, dag_run_id="first", logical_date=NOON)

    answer = await trigger(client, dag, **again)

    assert answer.status_code == 409
    detail = answer.json()["detail"]
    assert set(detail) == {"reason", "statement", "orig_error", "message"}
    assert detail["reason"] == "Unique constraint violation"
    assert await run_ids(client, dag) == ["first"]


async def test_of_many_equal_requests_one_wins(client: httpx.AsyncClient, dag: str) -> None:
    async with asyncio.TaskGroup() as group:
        posts = [group.create_task(trigger(client, dag, dag_run_id="same")) for _ in range(10)]

    assert sorted(post.result().status_code for post in posts) == [200] + [409] * 9


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"logical_date": "2026-11-20T12:00:00"}, ["body", "logical_date"]),
        ({"conf": "text"}, ["body", "conf"]),
        ({"dag_run_id": 5}, ["body", "dag_run_id"]),
        ({"something": 1}, ["body", "something"]),
        ({"logical_date": NOON, "data_interval_start": NOON}, ["body"]),
    ],
)
async def test_malformed_bodies_are_explained(
    client: httpx.AsyncClient, dag: str, body: dict[str, object], where: list[str]
) -> None:
    answer = await trigger(client, dag, **body)

    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()["detail"]] == [where]
    assert await run_ids(client, dag) == []


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[1]", b'{"conf": {"x": NaN}}x', b"\xff"])
async def test_what_is_no_json_object_is_refused(client: httpx.AsyncClient, dag: str, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await client.post(f"/api/v2/dags/{dag}/dagRuns", content=content, headers=headers)

    assert answer.status_code in (400, 422), answer.text
    assert "detail" in answer.json()


async def test_not_a_number_is_answered_in_json(client: httpx.AsyncClient, dag: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await client.post(f"/api/v2/dags/{dag}/dagRuns", content=b'{"note": NaN}', headers=headers)

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "note"]


@pytest.mark.parametrize(
    "body",
    [
        {"dag_run_id": "scheduled__2026-11-20T12:00:00+00:00"},
        {"dag_run_id": "backfill__x"},
        {"dag_run_id": "a/../b"},
        {"dag_run_id": "a..b"},
        {"dag_run_id": "with space"},
        {"dag_run_id": "slash/ed"},
        {"dag_run_id": "line\n"},
        {"partition_key": "p"},
    ],
)
async def test_senseless_requests_are_refused(client: httpx.AsyncClient, dag: str, body: dict[str, object]) -> None:
    answer = await trigger(client, dag, **body)

    assert answer.status_code == 400
    assert isinstance(answer.json()["detail"], str)


@pytest.mark.parametrize(
    ("conf", "complaint"),
    [
        ({"name": "n", "size": 0}, "size"),
        ({"name": "n", "size": "3"}, "size"),
        ({"name": "n", "day": "someday"}, "day"),
        ({"name": 1}, "name"),
        ({}, "name"),
        ({"name": "n", "size": 5, "anything": "else"}, None),
        ({"name": "n"}, None),
    ],
)
async def test_conf_is_checked_against_the_params(
    client: httpx.AsyncClient, scene: Scene, dag_id: str, conf: dict[str, object], complaint: str | None
) -> None:
    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", params=TYPED_PARAMS))

    answer = await trigger(client, dag_id, conf=conf)

    assert answer.status_code == (400 if complaint else 200), answer.text
    if complaint:
        assert f"Invalid input for param {complaint}" in answer.json()["detail"]


async def test_a_param_that_changes_before_the_first_run_counts(
    client: httpx.AsyncClient, scene: Scene, dag_id: str
) -> None:
    def params(kind: str) -> dict[str, object]:
        return {"x": {"value": 1, "schema": {"type": kind}, "description": None}}

    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", params=params("integer")))
    assert (await trigger(client, dag_id, conf={"x": "text"})).status_code == 400

    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", params=params("string")))

    assert (await trigger(client, dag_id, conf={"x": "text"})).status_code == 200


async def test_an_unknown_or_stale_dag_is_not_found(client: httpx.AsyncClient, scene: Scene, dag: str) -> None:
    await scene.write_file(f"{dag}.py", [])

    for dag_id in (dag, "no_such_dag"):
        answer = await trigger(client, dag_id)
        assert answer.status_code == 404
        assert dag_id in answer.json()["detail"]


async def test_a_dag_with_import_errors_is_not_triggered(client: httpx.AsyncClient, scene: Scene, dag: str) -> None:
    await scene.break_file(f"{dag}.py")

    answer = await trigger(client, dag)

    assert answer.status_code == 400
    assert "import errors" in answer.json()["detail"]


async def test_the_schedulers_are_told(api: ApiServer, dag: str) -> None:
    bus = MemoryBus(api.broker)
    async with bus.consume(Queue(name=RUNS), prefetch=1000, max_batch=1000) as batches:
        await trigger(api.client, dag)
        named: list[str] = []

        async def has_heard() -> bool:
            async with asyncio.timeout(60):
                batch = await anext(batches)
            named.extend(id_ for got in batch.deliveries for id_ in decode(got.message.body, DagRunsCreated).dag_ids)
            await batch.ack()
            return dag in named

        await poll_until(has_heard)
    await bus.close()


async def test_a_run_from_the_browser_says_so(client: httpx.AsyncClient, dag: str) -> None:
    answer = await client.post(f"/api/v2/dags/{dag}/dagRuns", json={}, headers={"Referer": "http://localhost/dags"})

    assert answer.json()["triggered_by"] == "ui"


async def test_runs_are_shown_as_they_move(client: httpx.AsyncClient, scene: Scene, dag: str) -> None:
    await trigger(client, dag, dag_run_id="r")
    [run] = await scene.start_runs(dag)
    running = (await client.get(f"/api/v2/dags/{dag}/dagRuns/r")).json()
    await scene.end_run(run, DagRunState.FAILED)
    ended = (await client.get(f"/api/v2/dags/{dag}/dagRuns/r")).json()

    assert (running["state"], running["end_date"], running["duration"]) == ("running", None, None)
    assert ended["state"] == "failed"
    start, end = (datetime.fromisoformat(ended[name]) for name in ("start_date", "end_date"))
    assert ended["duration"] == pytest.approx((end - start).total_seconds())
    assert end.tzinfo == UTC


async def test_lists_are_filtered(client: httpx.AsyncClient, scene: Scene, dag: str) -> None:
    await trigger(client, dag, dag_run_id="one", logical_date="2026-01-01T00:00:00Z", conf={"key": "value"})
    [run] = await scene.start_runs(dag)
    await scene.end_run(run)
    await trigger(client, dag, dag_run_id="two", run_after="2026-02-02T00:00:00Z")
    await trigger(client, dag, dag_run_id="three_3", run_after="2026-03-03T00:00:00Z")

    assert await run_ids(client, dag) == ["one", "two", "three_3"]
    assert await run_ids(client, dag, state=["success"]) == ["one"]
    assert await run_ids(client, dag, state=["success", "queued"]) == ["one", "two", "three_3"]
    assert await run_ids(client, dag, state="running") == []
    assert await run_ids(client, dag, run_type="manual", dag_version="1") == ["one", "two", "three_3"]
    assert await run_ids(client, dag, run_type="scheduled") == []
    assert await run_ids(client, dag, dag_version="2") == []
    assert await run_ids(client, dag, run_after_gte="2026-03-03T00:00:00Z", run_after_lt="2026-03-04T00:00:00Z") == [
        "three_3"
    ]
    assert await run_ids(client, dag, run_after_gt="2026-02-02T00:00:00Z", run_after_lte="2026-03-03T00:00:00Z") == [
        "three_3"
    ]
    assert await run_ids(client, dag, logical_date_lte="2026-01-01T00:00:00Z") == ["one"]
    # Runs that have not started will start after any moment, and have not started before any.
    assert await run_ids(client, dag, start_date_gte="2100-01-01T00:00:00Z") == ["two", "three_3"]
    assert await run_ids(client, dag, end_date_lte="2020-01-01T00:00:00Z") == []
    assert await run_ids(client, dag, duration_gte="0", duration_lt="1000") == ["one"]
    assert await run_ids(client, dag, updated_at_gte="2020-01-01T00:00:00Z") == ["one", "two", "three_3"]
    assert await run_ids(client, dag, conf_contains="value") == ["one"]
    assert await run_ids(client, dag, run_id_pattern="THREE") == ["three_3"]
    assert await run_ids(client, dag, run_id_prefix_pattern="t") == ["two", "three_3"]
    assert await run_ids(client, dag, run_id_prefix_pattern="three_|on") == ["one", "three_3"]
    assert await run_ids(client, dag, triggering_user_name_pattern="AD") == ["one", "two", "three_3"]
    assert await run_ids(client, dag, triggering_user_name_prefix_pattern="bob") == []
    assert await run_ids(client, dag, partition_key_pattern="x") == []
    assert await run_ids(client, "~", dag_id_prefix_pattern=dag, run_id_pattern="one") == ["one"]
    assert await run_ids(client, "~", dag_id_pattern=f"{dag}|no_such_dag", order_by="-run_id") == [
        "two",
        "three_3",
        "one",
    ]


async def test_lists_are_ordered_and_cut(client: httpx.AsyncClient, dag: str) -> None:
    for number in range(5):
        await trigger(client, dag, dag_run_id=f"r{number}", run_after=f"2026-01-0{5 - number}T00:00:00Z", conf={"n": 1})

    assert await run_ids(client, dag, order_by="run_after") == ["r4", "r3", "r2", "r1", "r0"]
    assert await run_ids(client, dag, order_by=["conf", "-dag_run_id"]) == ["r4", "r3", "r2", "r1", "r0"]
    assert await run_ids(client, dag, order_by="-state") == ["r4", "r3", "r2", "r1", "r0"]
    assert await run_ids(client, dag, limit="2", offset="1") == ["r1", "r2"]
    page = (await client.get(f"/api/v2/dags/{dag}/dagRuns", params={"limit": 1, "offset": 7})).json()
    assert (page["dag_runs"], page["total_entries"], page["next_cursor"]) == ([], 5, None)


@pytest.mark.parametrize("order_by", ["run_after", "-run_after", "state", "end_date", "-id"])
async def test_a_list_can_be_read_by_cursor_both_ways(client: httpx.AsyncClient, dag: str, order_by: str) -> None:
    for number in range(7):
        await trigger(client, dag, dag_run_id=f"r{number}", run_after=f"2026-01-0{1 + number % 3}T00:00:00Z")
    whole = await run_ids(client, dag, order_by=order_by)

    pages = [await _page(client, dag, order_by, "")]
    while pages[-1]["next_cursor"]:
        pages.append(await _page(client, dag, order_by, str(pages[-1]["next_cursor"])))
    back = await _page(client, dag, order_by, str(pages[-1]["previous_cursor"]))

    assert [run for page in pages for run in _ids(page)] == whole
    assert [len(_ids(page)) for page in pages] == [3, 3, 1]
    assert _ids(back) == whole[3:6]
    assert pages[0]["previous_cursor"] is None
    first = await _page(client, dag, order_by, str(back["previous_cursor"]))
    assert (_ids(first), first["previous_cursor"]) == (whole[:3], None)


async def test_a_new_row_shifts_no_page(client: httpx.AsyncClient, dag: str) -> None:
    for number in range(4):
        await trigger(client, dag, dag_run_id=f"r{number}")
    first = await _page(client, dag, "-id", "")
    await trigger(client, dag, dag_run_id="new")

    second = await _page(client, dag, "-id", str(first["next_cursor"]))

    assert (_ids(first), _ids(second)) == (["r3", "r2", "r1"], ["r0"])


@pytest.mark.parametrize("cursor", ["nonsense", "~", "~!!", "OTk5OTk5OTk5OTk5", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5"])
async def test_a_cursor_that_names_no_row_is_refused(client: httpx.AsyncClient, dag: str, cursor: str) -> None:
    answer = await client.get(f"/api/v2/dags/{dag}/dagRuns", params={"cursor": cursor})

    assert (answer.status_code, cursor) == (200 if cursor == "~" else 400, cursor)


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"state": "gone"}, 422),
        ({"run_type": "odd"}, 422),
        ({"run_after_gte": "x"}, 422),
        ({"dag_version": "one"}, 422),
        ({"dag_version": "99999999999"}, 422),
        ({"order_by": "owner"}, 400),
    ],
)
async def test_wrong_parameters_are_explained(
    client: httpx.AsyncClient, dag: str, params: dict[str, str], status: int
) -> None:
    assert (await client.get(f"/api/v2/dags/{dag}/dagRuns", params=params)).status_code == status


@pytest.mark.parametrize("path", ["no_such_dag/dagRuns/r", "{}/dagRuns/no_such_run"])
async def test_an_unknown_run_is_not_found(client: httpx.AsyncClient, dag: str, path: str) -> None:
    assert (await client.get(f"/api/v2/dags/{path.format(dag)}")).status_code == 404


@pytest.mark.parametrize("path", ["x%00y", "x%00y/dagRuns", "x%00y/dagRuns/r", "~/dagRuns?run_id_pattern=a%00"])
async def test_text_that_postgres_cannot_hold_is_refused(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(f"/api/v2/dags/{path}")

    assert answer.status_code == 422, answer.text
    assert "detail" in answer.json()


async def _page(client: httpx.AsyncClient, dag_id: str, order_by: str, cursor: str) -> dict[str, object]:
    params = {"order_by": order_by, "limit": "3", "cursor": cursor}
    answer = await client.get(f"/api/v2/dags/{dag_id}/dagRuns", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _ids(page: dict[str, object]) -> list[str]:
    runs = page["dag_runs"]
    assert isinstance(runs, list)
    return [run["dag_run_id"] for run in runs]  # pyright: ignore[reportUnknownVariableType] - JSON
