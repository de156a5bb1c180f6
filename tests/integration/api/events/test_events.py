"""`GET /events`: every change of state once, filtered, resumed on any process, bounded."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from prometheus_client import CollectorRegistry

from tests.dag_specs import dag, task
from tests.integration.api.events.client import EVENTS, listening
from tests.integration.api.events.conftest import WAITING_EVENTS, another_api
from tests.polling import poll_until
from tests.servers.api import ApiServer
from tests.servers.scene import Scene
from tradewind.api.events import feed, retention, stream
from tradewind.core.states import DagRunState, Outcome
from tradewind.db.api.changes import forget_changes
from tradewind.service.clock import utc_now
from tradewind.service.metrics import Telemetry

pytestmark = pytest.mark.asyncio(loop_scope="session")

ONE, TWO = task("one"), task("two")
LIFE = [
    *(("run", "queued"), ("run", "running"), ("one", "queued"), ("one", "running"), ("one", "success")),
    *(("two", "queued"), ("two", "running"), ("two", "failed"), ("run", "failed")),
]


async def live(client: httpx.AsyncClient, scene: Scene, dag_id: str, run_id: str = "r") -> None:
    """A whole run: what `LIFE` says."""
    body = {"dag_run_id": run_id, "logical_date": None}
    assert (await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body)).status_code == 200
    [run] = await scene.start_runs(dag_id)
    await scene.end_attempt(await scene.start_attempt(run, ONE))
    await scene.end_attempt(await scene.start_attempt(run, TWO), Outcome.FAILED_WITHOUT_RETRY)
    await scene.end_run(run, DagRunState.FAILED)


async def nobody_listens(server: ApiServer) -> None:
    """Those who have left are seen off."""
    await poll_until(lambda: server.registry.get_sample_value("tradewind_api_event_clients") == 0)


def seen_before(event_id: str) -> int:
    """Every transaction below it has been read."""
    return int(event_id.partition(":")[0])


async def test_every_change_is_told_once_and_in_order(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    await scene.write_dag(dag(ONE, TWO, dag_id=dag_id))
    async with listening(client, dag_id=dag_id) as listened:
        await live(client, scene, dag_id)
        events = await listened.take(len(LIFE))

    assert [event.what for event in events] == LIFE
    assert [event.kind for event in events] == ["dag_run" if who == "run" else "task_instance" for who, _ in LIFE]
    names = {"dag_id": dag_id, "dag_run_id": "r"}
    of_task = {"kind": "task_instance", "task_id": "one", "map_index": -1, "try_number": 1, "state": "success"}
    assert events[4].data == {**names, **of_task, "when": events[4].data["when"]}
    of_run = {"kind": "dag_run", "run_type": "manual", "state": "failed"}
    assert events[-1].data == {**names, **of_run, "when": events[-1].data["when"]}


async def test_who_comes_again_gets_what_was_missed_whatever_the_process(
    api: ApiServer, narrow: ApiServer, scene: Scene, dag_id: str
) -> None:
    await scene.write_dag(dag(ONE, TWO, dag_id=dag_id))
    async with listening(api.client, dag_id=dag_id) as listened:
        begin = listened.last_id
        await live(api.client, scene, dag_id)
        ids = [begin, *(event.id for event in await listened.take(len(LIFE)))]

    for number, last_id in enumerate(ids[:-1]):
        await nobody_listens(narrow)
        async with listening(narrow.client, last_id=last_id, dag_id=dag_id) as listened:
            assert [event.what for event in await listened.take(len(LIFE) - number)] == LIFE[number:]
    # And on with what comes, without a gap; the parameter says the same as the header.
    await nobody_listens(narrow)
    async with listening(narrow.client, last_event_id=ids[3], dag_id=dag_id) as listened:
        await live(api.client, scene, dag_id, "r2")
        events = await listened.take(2 * len(LIFE) - 3)
    assert [event.what for event in events] == [*LIFE[3:], *LIFE]


async def test_what_is_committed_late_is_neither_missed_nor_told_twice(
    api: ApiServer, scene: Scene, dag_id: str
) -> None:
    """A transaction that began before one that was told of, and had its number before it, is committed after it."""
    await scene.write_dag(dag(ONE, TWO, dag_id=dag_id))
    for run_id in ("early", "late"):
        await api.client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"dag_run_id": run_id, "logical_date": None})
    change = "UPDATE dag_run SET state = 'failed' WHERE dag_id = $1 AND run_id = $2"
    async with listening(api.client, dag_id=dag_id) as listened:
        async with scene.database.transaction() as session:
            await session.fetch(change, dag_id, "late")
            await scene.database.fetch(change, dag_id, "early")
            [first] = await listened.take(1)
        [second] = await listened.take(1)
    assert [event.data["dag_run_id"] for event in (first, second)] == ["early", "late"]

    async with listening(api.client, last_id=first.id, dag_id=dag_id) as listened:
        assert [event.data["dag_run_id"] for event in await listened.take(1)] == ["late"]
    async with listening(api.client, last_id=second.id, dag_id=dag_id) as listened:
        await scene.database.fetch(change.replace("failed", "queued"), dag_id, "early")
        [only] = await listened.take(1)
        assert only.what == ("run", "queued")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"kind": "dag_run"}, [each for each in LIFE if each[0] == "run"]),
        ({"task_id": ["two", "three"]}, [each for each in LIFE if each[0] == "two"]),
        ({"state": ["failed"]}, [each for each in LIFE if each[1] == "failed"]),
        ({"state": ["failed", "success"], "kind": "task_instance"}, [("one", "success"), ("two", "failed")]),
        ({"dag_run_id": "r"}, LIFE),
    ],
)
async def test_filters(
    client: httpx.AsyncClient, scene: Scene, dag_id: str, filters: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    others = f"{dag_id}_too"
    for each in (dag_id, others):
        await scene.write_dag(dag(ONE, TWO, dag_id=each))
    async with listening(client) as listened:
        begin = listened.last_id
    await live(client, scene, others)
    await live(client, scene, dag_id, "x")
    await live(client, scene, dag_id)
    async with listening(client, last_id=begin, dag_id_pattern=f"{dag_id.upper()[:-2]}%", **filters) as listened:
        events = await listened.take(len(expected) * (2 if "dag_run_id" in filters else 3))
    assert {event.data["dag_id"] for event in events} == {dag_id, others}
    both = filters | {"dag_id": dag_id, "dag_run_id": "r"}
    async with listening(client, last_id=begin, **both) as listened:
        assert [event.what for event in await listened.take(len(expected))] == expected


async def test_a_backlog_of_many_pages_is_resumed_in_its_midst(
    api: ApiServer, scene: Scene, dag_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "PAGE", 2)
    monkeypatch.setattr(stream, "PAGE", 2)
    await scene.write_dag(dag(ONE, TWO, dag_id=dag_id))
    async with listening(api.client, dag_id=dag_id) as listened:
        begin = listened.last_id
        await live(api.client, scene, dag_id)
        assert [event.what for event in await listened.take(len(LIFE))] == LIFE
    seen, last_id = list[tuple[str, Any]](), begin
    for count in (1, 2, 1, 3, 2):
        async with listening(api.client, last_id=last_id, dag_id=dag_id) as listened:
            seen += [event.what for event in await listened.take(count)]
            last_id = listened.last_id
    assert seen == LIFE


async def test_a_slow_client_is_cut_off_and_goes_on_from_its_last_event(
    api: ApiServer, narrow: ApiServer, scene: Scene, dag_id: str
) -> None:
    await scene.write_dag(dag(task("many"), dag_id=dag_id))
    await api.client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"dag_run_id": "r", "logical_date": None})
    [run] = await scene.start_runs(dag_id)
    await scene.add_mapped_task_instances(run, task("many"), 20)
    await nobody_listens(narrow)
    async with listening(narrow.client, dag_id=dag_id) as listened:
        await scene.database.fetch("UPDATE task_instance SET state = 'scheduled' WHERE dag_run_id = $1", run)
        events = [event async for event in listened.events]
        last_id = listened.last_id
    assert (events[-1].kind, events[-1].data["reason"]) == ("end", "too_slow")
    told = [event.data["map_index"] for event in events[:-1]]
    assert len(told) == WAITING_EVENTS
    await nobody_listens(narrow)
    assert narrow.registry.get_sample_value("tradewind_api_event_clients_cut_off_total") == 1
    async with listening(narrow.client, last_id=last_id, dag_id=dag_id) as listened:
        told += [event.data["map_index"] for event in await listened.take(20 - WAITING_EVENTS)]
    assert sorted(told) == list(range(20))


async def test_as_many_may_listen_as_there_are_places(narrow: ApiServer) -> None:
    await nobody_listens(narrow)
    async with listening(narrow.client):
        refused = await narrow.client.get(EVENTS)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    await nobody_listens(narrow)
    async with listening(narrow.client):
        pass


async def test_who_takes_nothing_is_dropped(
    api: ApiServer, scene: Scene, dag_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than the buffers between the processes hold is waiting for a client that does not read."""
    monkeypatch.setattr(stream, "SEND_SECONDS", 0.2)
    await scene.write_dag(dag(ONE, dag_id=dag_id))
    answer = await api.client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None})
    assert answer.status_code == 200
    async with listening(api.client) as listened:
        begin = listened.last_id
    fill = (
        "INSERT INTO state_change (dag_run_id, state) SELECT id, repeat('x', 2000) FROM dag_run, generate_series(1, $1)"
    )
    await scene.database.fetch(f"{fill} WHERE dag_id = $2", 8_000, dag_id)
    await nobody_listens(api)
    url = httpx.URL(api.url)
    reader, writer = await asyncio.open_connection(url.host, url.port, limit=1024)
    head = f"GET {EVENTS}?last_event_id={begin} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.token}\r\n\r\n"
    writer.write(head.encode())
    await reader.readuntil(b"\r\n\r\n")
    await nobody_listens(api)
    writer.close()
    while await forget_changes(scene.database, utc_now(), 1_000_000, 10_000):
        pass


async def test_a_process_that_stops_ends_its_streams(api: ApiServer, scene: Scene, dag_id: str) -> None:
    await scene.write_dag(dag(ONE, TWO, dag_id=dag_id))
    async with httpx.AsyncClient(headers=api.client.headers) as client:
        async with another_api(api) as leaving:
            context = listening(client, leaving.url, dag_id=dag_id)
            listened = await context.__aenter__()
            await live(api.client, scene, dag_id)
            await listened.take(2)
        rest = [event async for event in listened.events]
        await context.__aexit__(None, None, None)
    assert (rest[-1].kind, rest[-1].data["reason"]) == ("end", "stopping")
    async with listening(api.client, last_id=listened.last_id, dag_id=dag_id) as again:
        missed = await again.take(len(LIFE) - 2 - len(rest[:-1])) if len(rest) <= len(LIFE) - 2 else []
    assert [event.what for event in (*rest[:-1], *missed)] == LIFE[2:]


async def test_a_heartbeat_says_how_far_one_has_come(
    api: ApiServer, scene: Scene, dag_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a filter leaves out need not be read again, and may be removed meanwhile."""
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.05)
    await scene.write_dag(dag(ONE, TWO, dag_id=dag_id))
    async with listening(api.client, dag_id=dag_id, state="skipped") as listened:
        begin = listened.last_id
        await live(api.client, scene, dag_id)
        waiting = asyncio.ensure_future(anext(listened.events, None))
        await poll_until(lambda: seen_before(listened.last_id) > seen_before(begin))
        waiting.cancel()
    assert listened.comments > 0


async def test_what_is_kept_no_longer_is_said(api: ApiServer, scene: Scene, dag_id: str) -> None:
    await scene.write_dag(dag(ONE, TWO, dag_id=dag_id))
    async with listening(api.client) as listened:
        begin = listened.last_id
    await live(api.client, scene, dag_id)
    assert await forget_changes(scene.database, utc_now() - timedelta(hours=1), 1_000_000, 1_000) == 0
    while await forget_changes(scene.database, utc_now(), 1_000_000, 1_000):
        pass
    gone = await api.client.get(EVENTS, headers={"Last-Event-ID": begin})
    assert (gone.status_code, "not kept" in gone.json()["detail"]) == (410, True)


async def test_more_than_so_many_are_not_kept(
    api: ApiServer, scene: Scene, dag_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    await scene.write_dag(dag(ONE, TWO, dag_id=dag_id))
    await live(api.client, scene, dag_id)
    limits = msgspec.structs.replace(api.settings.api_server, event_retention_rows=3)
    telemetry = Telemetry(CollectorRegistry(), service="api")
    keeper = retention.ChangeRetention(limits=limits, database=scene.database, clock=utc_now, telemetry=telemetry)
    await keeper.run_once(asyncio.Event())
    assert await scene.database.fetch_value("SELECT count(*) FROM state_change") == 3


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"last_event_id": "yesterday"}, 400),
        ({"last_event_id": "5:3:/0"}, 400),
        ({"last_event_id": "999999999999:999999999999:/0"}, 410),
        ({"state": "happy"}, 422),
        ({"kind": "pool"}, 422),
    ],
)
async def test_what_cannot_be_listened_to_is_refused(
    client: httpx.AsyncClient, params: dict[str, str], status: int
) -> None:
    answer = await client.get(EVENTS, params=params)
    assert answer.status_code == status, answer.text
