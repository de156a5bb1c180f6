"""Finished logs go to the log store, each once, and are read as if they had not; while the store is away they stay."""

import json
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from tests.polling import poll_until
from tests.servers.api import ApiServer, api_server
from tests.servers.s3 import S3Server, s3_server
from tests.servers.scene import Attempt, Scene
from tradewind.api.task_logs.moving import LogMover, Round
from tradewind.api.task_logs.retention import LogRetention
from tradewind.api.task_logs.stores import LogStores
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.core.states import Outcome
from tradewind.db.secrets import SecretBox
from tradewind.service.clock import new_id, utc_now
from tradewind.service.metrics import Telemetry
from tradewind.service.secrets import fernet_key
from tradewind.service.settings import LogSettings

pytestmark = pytest.mark.asyncio(loop_scope="session")

TASK = TaskSpec(task_id="talk", retries=2, retry_delay_seconds=0.0)
LATER = timedelta(minutes=5)
NDJSON = {"Accept": "application/x-ndjson"}


def record(event: str) -> bytes:
    return json.dumps({"timestamp": "2026-11-20T12:00:00Z", "level": "info", "event": event}).encode() + b"\n"


@pytest.fixture(scope="module")
def s3() -> Generator[S3Server]:
    with s3_server() as server:
        yield server


@dataclass(frozen=True, slots=True)
class Talk:
    api: ApiServer
    scene: Scene
    attempt: Attempt
    path: str

    async def say(self, sequence: int, lines: bytes, *, status: int = 204) -> None:
        answer = await self.api.client.post(
            f"{self.api.url}/execution/task-instances/{self.attempt.attempt_id}/logs",
            params={"sequence": sequence},
            content=lines,
            headers={"Authorization": f"Bearer {self.api.signer.mint_attempt_token(self.attempt.claims)}"},
        )
        assert answer.status_code == status, answer.text

    async def events(self, token: str | None = None, *, try_number: int = 1) -> list[str]:
        answer = await self.api.client.get(f"{self.path}/{try_number}", params={"token": token} if token else {})
        assert answer.status_code == 200, answer.text
        return [entry["event"] for entry in answer.json()["content"]]

    async def chunks(self) -> int:
        return (
            await self.scene.database.fetch(
                "SELECT count(*) FROM task_log WHERE dag_run_id = $1", self.attempt.dag_run_id
            )
        )[0][0]


@pytest_asyncio.fixture(loop_scope="session")
async def talk(api: ApiServer, client: httpx.AsyncClient, scene: Scene, dag_id: str) -> Talk:
    await scene.database.fetch("DELETE FROM task_log")  # of other tests
    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=(TASK,)))
    await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"dag_run_id": "r"})
    [run] = await scene.start_runs(dag_id)
    attempt = await scene.start_attempt(run, TASK)
    return Talk(api, scene, attempt, f"/api/v2/dags/{dag_id}/dagRuns/r/taskInstances/talk/logs")


def mover(api: ApiServer, settings: LogSettings) -> LogMover:
    """As a process of the API has it."""
    secrets = SecretBox(fernet_key(api.settings))
    stores = LogStores(settings=settings, database=api.database, secrets=secrets)
    assert stores.base is not None
    return LogMover(
        base=stores.base,
        stores=stores,
        database=api.database,
        clock=utc_now,
        new_id=new_id,
        jitter=lambda: 0.0,
        telemetry=Telemetry(CollectorRegistry(), service="api"),
    )


def in_folder(folder: Path) -> LogSettings:
    return LogSettings(base_log_folder=folder)


def file_of(talk: Talk, folder: Path, try_number: int = 1) -> Path:
    return folder / f"dag_id={talk.attempt.dag_id}/run_id=r/task_id=talk/attempt={try_number}.log"


async def test_a_log_is_moved_once_it_is_settled(api: ApiServer, talk: Talk, tmp_path: Path) -> None:
    moving = mover(api, in_folder(tmp_path))
    await talk.say(0, record("zero"))
    running = await moving.run_once(utc_now() + LATER)
    await talk.scene.end_attempt(talk.attempt, log=record("tail"), log_sequence=1)
    before = await talk.events()
    fresh = await moving.run_once(utc_now())
    settled = await moving.run_once(utc_now() + LATER)
    again = await moving.run_once(utc_now() + LATER)

    nothing, one = Round(0, 0, is_over=True), Round(1, 0, is_over=True)
    assert (running, fresh, settled, again) == (nothing, nothing, one, nothing)
    assert await talk.chunks() == 0
    lines = file_of(talk, tmp_path).read_bytes().splitlines()
    assert [json.loads(line)["event"] for line in lines] == before == await talk.events()
    assert [path.name for path in file_of(talk, tmp_path).parent.iterdir()] == ["attempt=1.log"]


async def test_a_failed_try_is_moved_while_the_next_one_runs(api: ApiServer, talk: Talk, tmp_path: Path) -> None:
    await talk.scene.end_attempt(talk.attempt, Outcome.FAILED, log=record("failed"))
    second = await talk.scene.start_attempt(talk.attempt.dag_run_id, TASK, try_number=2)

    assert (await mover(api, in_folder(tmp_path)).run_once(utc_now())).moved == 1

    await talk.scene.end_attempt(second, log=record("worked"))
    assert (await talk.events())[1:] == ["failed"]
    assert (await talk.events(try_number=2))[1:] == ["worked"]


async def test_a_token_from_before_the_move_goes_on_after_it(api: ApiServer, talk: Talk, tmp_path: Path) -> None:
    await talk.say(0, record("zero") + b"no record")
    token = (await api.client.get(f"{talk.path}/1")).json()["continuation_token"]
    stream = await api.client.get(f"{talk.path}/1", headers=NDJSON)
    await talk.say(1, record("one"))
    await talk.scene.end_attempt(talk.attempt, log=record("tail"), log_sequence=2)
    await mover(api, in_folder(tmp_path)).run_once(utc_now() + LATER)

    assert await talk.events(token) == ["one", "tail"]
    assert await talk.events(stream.headers["airflow-continuation-token"]) == ["one", "tail"]
    assert (await talk.events())[1:] == ["zero", "no record", "one", "tail"]


async def test_callbacks_that_log_after_the_move_are_read_too(api: ApiServer, talk: Talk, tmp_path: Path) -> None:
    await talk.scene.end_attempt(talk.attempt, log=record("done"))
    await mover(api, in_folder(tmp_path)).run_once(utc_now() + LATER)
    await talk.say(1, record("a very late callback"))
    await mover(api, in_folder(tmp_path)).run_once(utc_now() + LATER)

    events = await talk.events()
    assert [event for event in events if not event.startswith("Attempt")] == ["done", "a very late callback"]


async def test_a_mover_that_died_is_taken_over_from_and_deletes_nothing(
    api: ApiServer, talk: Talk, tmp_path: Path
) -> None:
    await talk.scene.end_attempt(talk.attempt, log=record("done"))
    moving, claim = mover(api, in_folder(tmp_path)), uuid4()
    await api.database.fetch(
        "INSERT INTO task_log_file (dag_run_id, task_id, map_index, try_number, base, path, claim, claimed_at)"
        " VALUES ($1, 'talk', -1, 1, 'file:///x', 'x', $2, now())",
        talk.attempt.dag_run_id,
        claim,
    )
    claimed = await moving.run_once(utc_now() + LATER)
    read_meanwhile = await talk.events()
    taken_over = await moving.run_once(utc_now() + LATER + timedelta(minutes=10))
    # It wakes up and believes that it is still its turn.
    late = await finish(api, talk, claim)

    assert (claimed.moved, taken_over.moved, late) == (0, 1, False)
    assert (await talk.events()) == read_meanwhile


async def finish(api: ApiServer, talk: Talk, claim: UUID) -> bool:
    from tradewind.db.api.log_moves import finish_log_move
    from tradewind.db.api.task_logs import LogKey

    key = LogKey(dag_run_id=talk.attempt.dag_run_id, task_id="talk", map_index=-1, try_number=1)
    return await finish_log_move(api.database, key, claim, utc_now(), 1, {talk.attempt.attempt_id: 9})


async def test_a_moved_log_whose_file_is_gone_says_so(api: ApiServer, talk: Talk, tmp_path: Path) -> None:
    await talk.scene.end_attempt(talk.attempt, log=record("done"))
    await mover(api, in_folder(tmp_path)).run_once(utc_now() + LATER)
    file_of(talk, tmp_path).unlink()

    answer = await api.client.get(f"{talk.path}/1")

    assert answer.status_code == 503
    assert tmp_path.as_uri() in answer.json()["detail"]


async def test_many_logs_are_moved_and_none_is_forgotten(api: ApiServer, talk: Talk, tmp_path: Path) -> None:
    await talk.scene.end_attempt(talk.attempt, log=record("done"))
    await api.database.fetch(
        "INSERT INTO task_log (dag_run_id, task_id, map_index, try_number, attempt_id, sequence, created_at, lines)"
        " SELECT $1, 'gone', n, 1, gen_random_uuid(), 0, now(), $2 FROM generate_series(1, 600) n",
        talk.attempt.dag_run_id,
        record("of a task that was removed"),
    )
    moving = mover(api, in_folder(tmp_path))

    rounds = [await moving.run_once(utc_now() + LATER) for _ in range(2)]

    assert [(turn.moved, turn.is_over) for turn in rounds] == [(500, False), (101, True)]
    assert await talk.chunks() == 0


async def test_a_log_that_cannot_be_moved_holds_up_no_other(api: ApiServer, talk: Talk, tmp_path: Path) -> None:
    await api.database.fetch(
        "INSERT INTO task_log (dag_run_id, task_id, map_index, try_number, attempt_id, sequence, created_at, lines)"
        " SELECT $1, 'gone', n, 1, gen_random_uuid(), 0, now(), $2 FROM generate_series(1, 20) n",
        talk.attempt.dag_run_id,
        record("of a task that was removed"),
    )
    folder = tmp_path / f"dag_id={talk.attempt.dag_id}" / "run_id=r" / "task_id=gone"
    folder.mkdir(parents=True)
    (folder / "map_index=3").write_text("a file where a folder should be")

    turn = await mover(api, in_folder(tmp_path)).run_once(utc_now() + LATER)

    assert (turn.moved, turn.failed) == (19, 1)
    assert await talk.chunks() == 1


@asynccontextmanager
async def moving_to_s3(api: ApiServer, s3: S3Server) -> AsyncGenerator[tuple[ApiServer, str]]:
    """A process of the API that moves logs to a bucket, which is not there yet."""
    bucket = f"b{uuid4().hex}"
    connection: dict[str, Any] = {"connection_id": bucket, "conn_type": "aws", "login": "key", "password": "secret"}
    created = await api.client.post("/api/v2/connections", json=connection | {"extra": json.dumps(s3.extra)})
    assert created.status_code == 201, created.text
    settings = LogSettings(remote_logging=True, remote_base_log_folder=f"s3://{bucket}/logs", remote_log_conn_id=bucket)
    async with api_server(api.database, Path(api.settings.home), broker=api.broker, logging=settings) as server:
        yield server, bucket


async def test_a_store_that_fails_keeps_nothing_from_being_read_and_is_tried_again(
    api: ApiServer, talk: Talk, s3: S3Server
) -> None:
    await talk.scene.end_attempt(talk.attempt, Outcome.FAILED, log=record("kept"))
    async with moving_to_s3(api, s3) as (server, bucket):
        await fails_and_recovers(server, bucket, talk, s3)


async def fails_and_recovers(server: ApiServer, bucket: str, talk: Talk, s3: S3Server) -> None:

    async def health() -> tuple[int, str]:
        answer = await server.client.get("/health")
        return answer.status_code, answer.json()["checks"]["log_store"]["detail"]

    def up() -> float | None:
        return server.registry.get_sample_value("tradewind_api_log_store_up")

    await poll_until(lambda: up() == 0.0)
    status, detail = await health()
    assert status == 200
    assert f"s3://{bucket}/logs did not write" in detail
    assert "NoSuchBucket" in detail
    answer = await server.client.get(f"{talk.path}/1")
    assert [entry["event"] for entry in answer.json()["content"]][1:] == ["kept"]

    await s3.make_bucket(bucket)
    await poll_until(lambda: up() == 1.0, 60.0)
    assert await talk.chunks() == 0
    answer = await server.client.get(f"{talk.path}/1")
    assert [entry["event"] for entry in answer.json()["content"]][1:] == ["kept"]
    key = f"logs/dag_id={talk.attempt.dag_id}/run_id=r/task_id=talk/attempt=1.log"
    stored = await s3.object(bucket, key)
    assert [json.loads(line)["event"] for line in stored.text.splitlines()][1:] == ["kept"]
    assert (await health())[1] == ""


async def test_logs_of_old_runs_are_deleted_wherever_they_are(api: ApiServer, talk: Talk, tmp_path: Path) -> None:
    await talk.scene.end_attempt(talk.attempt, Outcome.FAILED, log=record("moved"))
    await mover(api, in_folder(tmp_path)).run_once(utc_now() + LATER)
    second = await talk.scene.start_attempt(talk.attempt.dag_run_id, TASK, try_number=2)
    await talk.scene.end_attempt(second, log=record("a chunk"))
    stores = LogStores(settings=LogSettings(), database=api.database, secrets=SecretBox(fernet_key(api.settings)))
    telemetry = Telemetry(CollectorRegistry(), service="api")
    retention = LogRetention(days=3, stores=stores, database=api.database, clock=utc_now, telemetry=telemetry)
    week = timedelta(days=7)

    running = await retention.run_once(utc_now() + week)
    await api.database.fetch(
        "UPDATE dag_run SET state = 'success', end_date = now() WHERE id = $1", talk.attempt.dag_run_id
    )
    young = await retention.run_once(utc_now())
    kept = await talk.events()
    old = await retention.run_once(utc_now() + week)

    assert (running, young, old) == (0, 0, 1)
    assert kept[1:] == ["moved"]
    assert await talk.events() == await talk.events(try_number=2) == ["There is no log of this try."]
    assert not file_of(talk, tmp_path).exists()
    assert await retention.run_once(utc_now() + week) == 0
