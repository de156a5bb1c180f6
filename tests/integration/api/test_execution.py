"""`/execution`: what an attempt may read and write, and that one which is not current may do nothing."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

import httpx
import pytest
import pytest_asyncio

from tests.servers.api import ApiServer
from tests.servers.scene import Attempt, Scene
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.core.states import Outcome
from tradewind.service.clock import new_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

TASK = TaskSpec(task_id="work", retries=3, retry_delay_seconds=0.0)
OTHER = TaskSpec(task_id="other")


@dataclass(frozen=True, slots=True)
class Child:
    """A task process that speaks for its attempt."""

    attempt: Attempt
    http: httpx.AsyncClient
    run: int

    def xcom(self, key: str, **names: str) -> str:
        own = {"dag_id": self.attempt.dag_id, "run_id": self.attempt.run_id, "task_id": self.attempt.task_id, **names}
        return f"/execution/xcoms/{own['dag_id']}/{own['run_id']}/{own['task_id']}/{key}"

    @property
    def log(self) -> str:
        return f"/execution/task-instances/{self.attempt.attempt_id}/logs"


def speaking_for(api: ApiServer, attempt: Attempt) -> httpx.AsyncClient:
    token = api.signer.mint_attempt_token(attempt.claims)
    return httpx.AsyncClient(base_url=api.url, headers={"Authorization": f"Bearer {token}"}, timeout=60.0)


@pytest_asyncio.fixture(loop_scope="session")
async def child(api: ApiServer, scene: Scene, dag_id: str) -> AsyncGenerator[Child]:
    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=(TASK, OTHER)))
    await api.client.post(
        f"/api/v2/dags/{dag_id}/dagRuns", json={"dag_run_id": "r", "logical_date": "2026-01-02T00:00:00Z"}
    )
    [run] = await scene.start_runs(dag_id)
    attempt = await scene.start_attempt(run, TASK)
    async with speaking_for(api, attempt) as http:
        yield Child(attempt, http, run)


@pytest.mark.parametrize(
    "value", [b'{"a": [1, null]}', b"null", b'"\\u0000"', b'"\xc3\xbc"', b"12345678901234567890", b"NaN"]
)
async def test_an_xcom_comes_back_as_it_was_written(child: Child, value: bytes) -> None:
    written = await child.http.post(child.xcom("odd/key é"), content=value)
    read = await child.http.get(child.xcom("odd/key é"))
    removed = await child.http.delete(child.xcom("odd/key é"))
    gone = await child.http.get(child.xcom("odd/key é"))

    assert [written.status_code, read.status_code, removed.status_code, gone.status_code] == [201, 200, 200, 404]
    assert read.content == b'{"key":"odd/key \xc3\xa9","value":' + value + b"}"
    assert gone.json()["detail"]["reason"] == "not_found"


async def test_a_second_write_replaces_the_first(child: Child) -> None:
    for value in (b"1", b"2"):
        await child.http.post(child.xcom("k"), content=value)

    assert (await child.http.get(child.xcom("k"))).json() == {"key": "k", "value": 2}


async def test_no_body_is_null(child: Child) -> None:
    """As Airflow's SDK sends it."""
    assert (await child.http.post(child.xcom("k"))).json() == {"message": "XCom stored"}
    assert (await child.http.get(child.xcom("k"))).content == b'{"key":"k","value":null}'


@pytest.mark.parametrize("content", [b"{", b"\xff", b"nothing"])
async def test_an_xcom_must_be_json(child: Child, content: bytes) -> None:
    answer = await child.http.post(child.xcom("k"), content=content)

    assert answer.status_code == 422
    assert answer.json()["detail"]["reason"] == "invalid_value"


async def test_any_xcom_may_be_read_but_only_ones_own_written(api: ApiServer, scene: Scene, child: Child) -> None:
    other = await scene.start_attempt(child.run, OTHER)
    await scene.end_attempt(other, xcoms=[("k", b'"theirs"')])

    foreign = [
        child.xcom("k", task_id="other"),
        child.xcom("k", run_id="s"),
        child.xcom("k", dag_id="d"),
        child.xcom("k") + "?map_index=0",
    ]
    assert (await child.http.get(child.xcom("k", task_id="other"))).json()["value"] == "theirs"
    for path in foreign:
        assert (await child.http.post(path, content=b"1")).status_code == 403
        assert (await child.http.delete(path)).status_code == 403
    assert (await child.http.get(child.xcom("k", task_id="other"))).json()["value"] == "theirs"
    assert (await child.http.get(child.xcom("k", run_id="s", task_id="other"))).status_code == 404


async def test_an_xcom_of_an_earlier_run_is_found_when_asked_for(
    api: ApiServer, scene: Scene, child: Child, dag_id: str
) -> None:
    for name, date in (("early", "2026-01-01T00:00:00Z"), ("late", "2026-01-03T00:00:00Z")):
        await api.client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"dag_run_id": name, "logical_date": date})
    for run in await scene.start_runs(dag_id):
        attempt = await scene.start_attempt(run, OTHER)
        await scene.end_attempt(attempt, xcoms=[("k", json.dumps(attempt.run_id).encode())])
    path = child.xcom("k", task_id="other")

    assert (await child.http.get(path)).status_code == 404
    assert (await child.http.get(path, params={"include_prior_dates": "true"})).json()["value"] == "early"


async def test_variables_are_read_written_and_removed(api: ApiServer, child: Child, dag_id: str) -> None:
    path = f"/execution/variables/{dag_id}/key"
    await api.client.post("/api/v2/variables", json={"key": f"{dag_id}/key", "value": "secret", "description": "d"})

    read = await child.http.get(path)
    written = [await child.http.put(path, json={name: name, "description": None}) for name in ("value", "val")]
    again = await child.http.get(path)
    shown = (await api.client.get(f"/api/v2/variables/{dag_id}/key")).json()
    removed = [await child.http.delete(path) for _ in range(2)]

    assert read.json() == {"key": f"{dag_id}/key", "value": "secret"}
    assert [answer.status_code for answer in written] == [201, 201]
    assert again.json()["value"] == "val"
    assert (shown["value"], shown["description"]) == ("val", "d")
    assert [answer.status_code for answer in removed] == [204, 204]
    gone = await child.http.get(path)
    assert (gone.status_code, gone.json()["detail"]["reason"]) == (404, "not_found")
    assert (await child.http.put(path, json={"value": "x", "more": 1})).status_code == 422


async def test_connections_come_with_their_secrets(api: ApiServer, child: Child, dag_id: str) -> None:
    connection = {
        "conn_type": "http",
        "host": "h",
        "login": "l",
        "password": "p",
        "port": 1,
        "schema": "s",
        "extra": '{"token": "t"}',
    }
    await api.client.post("/api/v2/connections", json={"connection_id": dag_id, **connection})

    read = await child.http.get(f"/execution/connections/{dag_id}")

    assert read.json() == {"conn_id": dag_id, **connection}
    assert (await child.http.get("/execution/connections/nope")).json()["detail"]["reason"] == "not_found"


async def test_a_log_chunk_is_stored_once(api: ApiServer, child: Child) -> None:
    answers = [
        await child.http.post(child.log, params={"sequence": sequence}, content=content)
        for sequence, content in ((0, b'{"event": "a"}\n'), (0, b'{"event": "changed"}\n'), (1, b'{"event": "b"}\n'))
    ]

    stored = await _log_of(api, child.attempt)
    assert [answer.status_code for answer in answers] == [204, 204, 204]
    assert stored == [(0, b'{"event": "a"}\n'), (1, b'{"event": "b"}\n')]


async def test_an_attempt_writes_no_log_but_its_own(child: Child) -> None:
    answer = await child.http.post(f"/execution/task-instances/{new_id()}/logs", params={"sequence": 0}, content=b"x")

    assert answer.status_code == 403
    for sequence in ("-1", "x", str(2**31)):
        assert (await child.http.post(child.log, params={"sequence": sequence}, content=b"x")).status_code == 422


async def _everything(child: Child) -> dict[str, httpx.Response]:
    """What an attempt may do, each tried once."""
    http = child.http
    return {
        "read xcom": await http.get(child.xcom("kept")),
        "write xcom": await http.post(child.xcom("kept"), content=b'"changed"'),
        "write new xcom": await http.post(child.xcom("new"), content=b"1"),
        "remove xcom": await http.delete(child.xcom("kept")),
        "read variable": await http.get(f"/execution/variables/{child.attempt.dag_id}"),
        "list variables": await http.get("/execution/variable-keys"),
        "write variable": await http.put(f"/execution/variables/{child.attempt.dag_id}", json={"value": "changed"}),
        "remove variable": await http.delete(f"/execution/variables/{child.attempt.dag_id}"),
        "read connection": await http.get(f"/execution/connections/{child.attempt.dag_id}"),
        "read asset": await http.get("/execution/assets", params={"name": child.attempt.dag_id}),
        "read asset events": await http.get("/execution/asset-events", params={"name": "a"}),
        "read inactive assets": await http.get("/execution/inactive-assets"),
        "read what made the run": await http.get("/execution/triggering-asset-events"),
        "write log": await http.post(child.log, params={"sequence": 7}, content=b"late\n"),
    }


async def _kept(api: ApiServer, child: Child) -> list[object]:
    """Everything that an attempt could change."""
    xcoms = await api.database.fetch("SELECT key, value FROM xcom WHERE dag_run_id = $1 ORDER BY key", child.run)
    variables = await api.database.fetch("SELECT key, value FROM variable ORDER BY key")
    logs = await api.database.fetch("SELECT sequence, lines FROM task_log WHERE dag_run_id = $1", child.run)
    return [tuple(row) for row in (*xcoms, *variables, *logs)]


async def _prepare(api: ApiServer, child: Child) -> None:
    await child.http.post(child.xcom("kept"), content=b'"kept"')
    await api.client.post("/api/v2/variables", json={"key": child.attempt.dag_id, "value": "v"})
    await api.client.post("/api/v2/connections", json={"connection_id": child.attempt.dag_id, "conn_type": "http"})
    sql = (
        'INSERT INTO asset (name, uri, "group", is_active, created_at, updated_at)'
        " VALUES ($1, $1, 'asset', true, now(), now()) ON CONFLICT DO NOTHING"
    )
    await api.database.fetch(sql, child.attempt.dag_id)


@pytest.mark.parametrize("state", ["restarting", "queued", "up_for_retry", "awaiting_input"])
async def test_an_attempt_that_does_not_run_may_do_nothing(api: ApiServer, child: Child, state: str) -> None:
    await _prepare(api, child)
    await api.database.fetch(
        "UPDATE task_instance SET state = $2 WHERE attempt_id = $1", child.attempt.attempt_id, state
    )
    before = await _kept(api, child)

    answers = await _everything(child)

    assert {what: answer.status_code for what, answer in answers.items()} == dict.fromkeys(answers, 409)
    assert {answer.json()["detail"]["reason"] for answer in answers.values()} == {"attempt_not_running"}
    assert state in answers["write xcom"].json()["detail"]["message"]
    assert await _kept(api, child) == before


async def test_its_trigger_speaks_for_an_attempt_that_was_deferred(api: ApiServer, child: Child) -> None:
    await _prepare(api, child)
    sql = "UPDATE task_instance SET state = 'deferred' WHERE attempt_id = $1"
    await api.database.fetch(sql, child.attempt.attempt_id)

    answers = await _everything(child)

    assert {what: answer.status_code for what, answer in answers.items() if answer.status_code >= 300} == {}


async def test_an_attempt_that_has_ended_may_do_nothing(api: ApiServer, scene: Scene, child: Child) -> None:
    await _prepare(api, child)
    await scene.end_attempt(child.attempt, Outcome.FAILED_WITHOUT_RETRY)
    before = await _kept(api, child)

    answers = await _everything(child)

    assert {what: answer.status_code for what, answer in answers.items()} == dict.fromkeys(answers, 409)
    assert await _kept(api, child) == before


async def test_callbacks_of_a_success_may_read_log_and_write_variables(
    api: ApiServer, scene: Scene, child: Child
) -> None:
    await _prepare(api, child)
    await scene.end_attempt(child.attempt)

    answers = await _everything(child)

    refused = {what: answer.json()["detail"] for what, answer in answers.items() if answer.status_code == 409}
    assert [what for what, answer in answers.items() if answer.status_code >= 300] == list(refused)
    assert list(refused) == ["write xcom", "write new xcom", "remove xcom"]
    assert "may read, log and write variables, but no XComs" in refused["write xcom"]["message"]
    assert (7, b"late\n") in await _log_of(api, child.attempt)

    sql = "UPDATE task_instance SET end_date = end_date - interval '11 minutes' WHERE attempt_id = $1"
    await api.database.fetch(sql, child.attempt.attempt_id)
    before = await _kept(api, child)
    late = await _everything(child)
    assert {what: answer.status_code for what, answer in late.items()} == {
        what: 409 if what in refused else 410 for what in late
    }
    assert await _kept(api, child) == before


async def test_an_attempt_that_was_superseded_may_do_nothing(api: ApiServer, scene: Scene, child: Child) -> None:
    await scene.end_attempt(child.attempt, Outcome.FAILED)
    second = await scene.start_attempt(child.run, TASK, try_number=2)
    async with speaking_for(api, second) as http:
        await _prepare(api, replace(child, attempt=second, http=http))
    before = await _kept(api, child)

    answers = await _everything(child)

    assert {what: answer.status_code for what, answer in answers.items()} == dict.fromkeys(answers, 410)
    assert {answer.json()["detail"]["reason"] for answer in answers.values()} == {"attempt_superseded"}
    assert await _kept(api, child) == before


async def test_a_chunk_that_was_stored_before_the_end_may_be_sent_again(scene: Scene, child: Child) -> None:
    first = await child.http.post(child.log, params={"sequence": 0}, content=b"x\n")
    await scene.end_attempt(child.attempt, Outcome.FAILED_WITHOUT_RETRY, log=b"tail\n", log_sequence=1)

    again = await child.http.post(child.log, params={"sequence": 0}, content=b"x\n")
    late = await child.http.post(child.log, params={"sequence": 2}, content=b"y\n")

    assert [first.status_code, again.status_code, late.status_code] == [204, 204, 409]


async def test_a_write_that_races_with_the_end_comes_before_it_or_not_at_all(
    api: ApiServer, scene: Scene, child: Child
) -> None:
    async with asyncio.TaskGroup() as group:
        writes = [group.create_task(child.http.post(child.xcom(f"k{n}"), content=b"1")) for n in range(20)]
        group.create_task(scene.end_attempt(child.attempt))

    answers = [write.result().status_code for write in writes]
    rows = await api.database.fetch(
        "SELECT count(*) FILTER (WHERE xcom.created_at > ti.recorded_at + interval '1 s') AS late, count(*) AS stored "
        "FROM xcom JOIN task_instance ti USING (dag_run_id, task_id) WHERE dag_run_id = $1",
        child.run,
    )
    assert set(answers) <= {201, 409}
    assert rows[0]["stored"] == answers.count(201)
    assert rows[0]["late"] == 0


async def _log_of(api: ApiServer, attempt: Attempt) -> list[tuple[int, bytes]]:
    rows = await api.database.fetch(
        "SELECT sequence, lines FROM task_log WHERE attempt_id = $1 ORDER BY sequence", attempt.attempt_id
    )
    return [(row["sequence"], row["lines"]) for row in rows]
