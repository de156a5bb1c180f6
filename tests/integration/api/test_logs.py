"""`…/logs/{try_number}`: as JSON, NDJSON and text, live and after, over several attempts."""

import json
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.servers.api import ApiServer
from tests.servers.scene import WORKER_ID, Attempt, Scene
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.core.states import Outcome

pytestmark = pytest.mark.asyncio(loop_scope="session")

TASK = TaskSpec(task_id="talk", retries=2, retry_delay_seconds=0.0)
NDJSON = {"Accept": "application/x-ndjson"}


def record(event: str, **more: object) -> bytes:
    return json.dumps({"timestamp": "2026-11-20T12:00:00Z", "level": "info", "event": event, **more}).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Talk:
    """A running attempt and the path of its log."""

    attempt: Attempt
    run: int
    path: str

    @property
    def header(self) -> str:
        return f"Attempt {self.attempt.attempt_id} on {WORKER_ID}"


@pytest_asyncio.fixture(loop_scope="session")
async def talk(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> Talk:
    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=(TASK,)))
    await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"dag_run_id": "r"})
    [run] = await scene.start_runs(dag_id)
    attempt = await scene.start_attempt(run, TASK)
    return Talk(attempt, run, f"/api/v2/dags/{dag_id}/dagRuns/r/taskInstances/talk/logs")


async def stream(api: ApiServer, attempt: Attempt, sequence: int, lines: bytes) -> None:
    """Send a chunk as a worker does."""
    async with httpx.AsyncClient(base_url=api.url, timeout=60.0) as worker:
        answer = await worker.post(
            f"/execution/task-instances/{attempt.attempt_id}/logs",
            params={"sequence": sequence},
            content=lines,
            headers={"Authorization": f"Bearer {api.signer.mint_attempt_token(attempt.claims)}"},
        )
    assert answer.status_code == 204, answer.text


async def read(client: httpx.AsyncClient, path: str, token: str | None = None) -> tuple[list[Any], str | None]:
    answer = await client.get(path, params={"token": token} if token else {})
    assert answer.status_code == 200, answer.text
    return [entry["event"] for entry in answer.json()["content"]], answer.json()["continuation_token"]


async def test_an_ended_try_has_its_whole_log(client: httpx.AsyncClient, scene: Scene, talk: Talk) -> None:
    await scene.end_attempt(talk.attempt, log=record("hello", answer=42) + record("bye"))

    answer = await client.get(f"{talk.path}/1")

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    header, hello, bye = answer.json()["content"]
    assert (header["event"], header["worker"]) == (talk.header, WORKER_ID)
    assert header["attempt_id"] == str(talk.attempt.attempt_id)
    assert hello == {"timestamp": "2026-11-20T12:00:00Z", "level": "info", "event": "hello", "answer": 42}
    assert bye["event"] == "bye"
    assert answer.json()["continuation_token"] is None


async def test_a_running_try_is_followed(api: ApiServer, client: httpx.AsyncClient, scene: Scene, talk: Talk) -> None:
    nothing, token = await read(client, f"{talk.path}/1")
    await stream(api, talk.attempt, 0, record("zero"))
    first, token = await read(client, f"{talk.path}/1", token)
    again, _ = await read(client, f"{talk.path}/1")
    unchanged, token = await read(client, f"{talk.path}/1", token)
    await stream(api, talk.attempt, 1, record("one"))
    await scene.end_attempt(talk.attempt, log=record("tail"), log_sequence=2)
    rest, end = await read(client, f"{talk.path}/1", token)

    assert (nothing, unchanged, end) == ([], [], None)
    assert first == again == [talk.header, "zero"]
    assert rest == ["one", "tail"]


async def test_attempts_of_one_try_follow_each_other(
    client: httpx.AsyncClient, scene: Scene, talk: Talk, api: ApiServer
) -> None:
    await stream(api, talk.attempt, 0, record("of the first"))
    await scene.database.fetch(
        "UPDATE task_instance SET state = 'scheduled', held_slots = 0 WHERE attempt_id = $1", talk.attempt.attempt_id
    )
    await scene.store.recount_slots()
    second = await scene.start_attempt(talk.run, TASK, try_number=1)
    _, token = await read(client, f"{talk.path}/1")
    await scene.end_attempt(second, log=record("of the second"))

    events, _ = await read(client, f"{talk.path}/1")
    assert [event.split(" on ")[0] for event in events] == [
        f"Attempt {talk.attempt.attempt_id}",
        "of the first",
        f"Attempt {second.attempt_id}",
        "of the second",
    ]
    later, _ = await read(client, f"{talk.path}/1", token)
    assert later == [f"Attempt {second.attempt_id} on {WORKER_ID}", "of the second"]


async def test_each_try_has_a_log_of_its_own(client: httpx.AsyncClient, scene: Scene, talk: Talk) -> None:
    await scene.end_attempt(talk.attempt, Outcome.FAILED, log=record("failed"))
    second = await scene.start_attempt(talk.run, TASK, try_number=2)
    await scene.end_attempt(second, log=record("worked"))

    assert (await read(client, f"{talk.path}/1"))[0] == [talk.header, "failed"]
    assert (await read(client, f"{talk.path}/2"))[0][1:] == ["worked"]
    assert (await client.get(f"{talk.path}/3")).status_code == 404


async def test_ndjson_is_streamed(client: httpx.AsyncClient, scene: Scene, talk: Talk, api: ApiServer) -> None:
    for sequence in range(70):
        await stream(api, talk.attempt, sequence, record(f"line {sequence}"))
    await scene.end_attempt(talk.attempt, log=record("tail"), log_sequence=70)

    answer = await client.get(f"{talk.path}/1", headers=NDJSON)

    assert answer.headers["content-type"].startswith("application/x-ndjson")
    events = [json.loads(line)["event"] for line in answer.text.splitlines()]
    assert events == [talk.header, *(f"line {number}" for number in range(70)), "tail"]
    assert (await read(client, f"{talk.path}/1"))[0] == events


async def test_a_stream_of_a_running_try_says_where_to_go_on(
    client: httpx.AsyncClient, scene: Scene, talk: Talk, api: ApiServer
) -> None:
    await stream(api, talk.attempt, 0, record("zero"))
    first = await client.get(f"{talk.path}/1", headers=NDJSON)
    token = first.headers["airflow-continuation-token"]
    await scene.end_attempt(talk.attempt, log=record("tail"), log_sequence=1)

    rest = await client.get(f"{talk.path}/1", headers=NDJSON, params={"token": token})

    assert [json.loads(line)["event"] for line in first.text.splitlines()] == [talk.header, "zero"]
    assert [json.loads(line)["event"] for line in rest.text.splitlines()] == ["tail"]
    assert "airflow-continuation-token" not in rest.headers


async def test_text_is_for_people(client: httpx.AsyncClient, scene: Scene, talk: Talk) -> None:
    await scene.end_attempt(talk.attempt, log=record("hello", answer=42, nothing=None))

    answer = await client.get(f"{talk.path}/1", headers={"Accept": "text/plain"})

    assert answer.text.splitlines()[1] == "2026-11-20T12:00:00Z info hello answer=42"


async def test_what_is_no_record_is_shown_as_one(client: httpx.AsyncClient, scene: Scene, talk: Talk) -> None:
    lines = [
        b"plain text",
        b'{"event": 5}',
        b'{"no": "event"}',
        b"[1]",
        b"\xff\xfe",
        b'{"event": "x", "timestamp": "?"}',
    ]
    await scene.end_attempt(talk.attempt, log=b"\n".join([*lines, b"", record("last").strip()]))

    events, _ = await read(client, f"{talk.path}/1")

    assert events[1:] == [*(line.decode(errors="replace") for line in lines), "last"]


@pytest.mark.parametrize(
    ("path", "params", "headers", "status"),
    [
        ("/9", {}, {}, 404),
        ("/0", {}, {}, 404),
        ("/-1", {}, {}, 422),
        ("/x", {}, {}, 422),
        ("/1", {"map_index": "0"}, {}, 404),
        ("/1", {"token": "nonsense"}, {}, 400),
        ("/1", {"token": "WzFd"}, {}, 400),
        ("/1", {"token": "eyJhIjogLTk5fQ"}, {}, 400),
        ("/1", {}, {"Accept": "image/png"}, 406),
    ],
)
async def test_wrong_questions_are_explained(
    client: httpx.AsyncClient, talk: Talk, path: str, params: dict[str, str], headers: dict[str, str], status: int
) -> None:
    answer = await client.get(talk.path + path, params=params, headers=headers)

    assert answer.status_code == status, answer.text
    assert "detail" in answer.json()


async def test_a_task_that_was_skipped_says_so(client: httpx.AsyncClient, scene: Scene, talk: Talk) -> None:
    await scene.add_task_instances(talk.run, TaskSpec(task_id="skipped"))
    await scene.database.fetch("UPDATE task_instance SET state = 'skipped' WHERE task_id = 'skipped'")

    events, token = await read(client, f"{talk.path}/0".replace("/talk/", "/skipped/"))

    assert events == ["The task was skipped: there is no log."]
    assert token is None
