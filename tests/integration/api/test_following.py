"""`…/logs/{try_number}?follow=true`: an answer that goes on while a try runs, through any API process."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.polling import poll_until
from tests.servers.api import ApiServer, api_server
from tests.servers.scene import Attempt, Scene
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.core.states import Outcome

pytestmark = pytest.mark.asyncio(loop_scope="session")

TASK = TaskSpec(task_id="talk", retries=0)
NDJSON = {"Accept": "application/x-ndjson"}


def record(event: str) -> bytes:
    return json.dumps({"timestamp": "2026-11-20T12:00:00Z", "level": "info", "event": event}).encode() + b"\n"


class Talk:
    """A queued task, and its log's path."""

    def __init__(self, scene: Scene, run: int, path: str) -> None:
        self.scene, self.run, self.path = scene, run, path
        self._sequence = 0

    async def start(self) -> Attempt:
        return await self.scene.start_attempt(self.run, TASK)

    async def say(self, api: ApiServer, attempt: Attempt, *events: str) -> None:
        """Post a chunk as a worker does."""
        async with httpx.AsyncClient(base_url=api.url, timeout=60.0) as worker:
            answer = await worker.post(
                f"/execution/task-instances/{attempt.attempt_id}/logs",
                params={"sequence": self._sequence},
                content=b"".join(map(record, events)),
                headers={"Authorization": f"Bearer {api.signer.mint_attempt_token(attempt.claims)}"},
            )
        assert answer.status_code == 204, answer.text
        self._sequence += 1

    async def end(self, attempt: Attempt, *events: str) -> None:
        await self.scene.end_attempt(
            attempt, Outcome.SUCCESS, log=b"".join(map(record, events)), log_sequence=self._sequence
        )


@pytest_asyncio.fixture(loop_scope="session")
async def talk(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> Talk:
    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=(TASK,)))
    await client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"dag_run_id": "r"})
    [run] = await scene.start_runs(dag_id)
    return Talk(scene, run, f"/api/v2/dags/{dag_id}/dagRuns/r/taskInstances/talk/logs/1")


@asynccontextmanager
async def another_api(api: ApiServer, **options: Any) -> AsyncGenerator[ApiServer]:
    """One more process of the same API."""
    async with api_server(api.database, Path(api.settings.home), broker=api.broker, **options) as other:
        yield other


@asynccontextmanager
async def followed(api: ApiServer, path: str, **params: str) -> AsyncGenerator[AsyncIterator[dict[str, Any]]]:
    """The records of a log, as they come."""
    async with api.client.stream("GET", path, params={"follow": "true", **params}, headers=NDJSON) as answer:
        assert answer.status_code == 200, await answer.aread()

        async def records() -> AsyncGenerator[dict[str, Any]]:
            async for line in answer.aiter_lines():
                if line:
                    yield json.loads(line)

        yield records()


def followers(api: ApiServer) -> float | None:
    return api.registry.get_sample_value("tradewind_api_log_followers")


async def test_a_log_is_followed_through_another_process_until_the_try_has_ended(
    api: ApiServer, talk: Talk, capsys: pytest.CaptureFixture[str]
) -> None:
    attempt, loop, delays = await talk.start(), asyncio.get_running_loop(), list[float]()
    async with another_api(api) as other, followed(other, talk.path) as records:
        await talk.say(api, attempt, "first")
        assert str(attempt.attempt_id) in (await anext(records))["event"]
        assert (await anext(records))["event"] == "first"
        for number in range(9):
            await talk.say(api, attempt, f"line {number}")
            stored_at = loop.time()
            assert (await anext(records))["event"] == f"line {number}"
            delays.append(loop.time() - stored_at)
        await talk.end(attempt, "tail")
        assert [entry["event"] async for entry in records] == ["tail"]
        await poll_until(lambda: followers(other) == 0)

    with capsys.disabled():
        sys.stdout.write(f"\nfollowed chunks, stored until seen: median {sorted(delays)[4] * 1e3:.0f} ms\n")
    assert sorted(delays)[4] < 0.5, "chunks are found by the look around, not heard of"


async def test_who_comes_early_sees_all_and_nothing_twice(api: ApiServer, talk: Talk) -> None:
    await talk.scene.add_task_instances(talk.run, TASK)
    await talk.scene.database.fetch(
        "UPDATE task_instance SET state = 'scheduled', try_number = 1 WHERE dag_run_id = $1", talk.run
    )
    async with followed(api, talk.path) as records:
        await talk.scene.database.fetch("UPDATE task_instance SET state = 'none' WHERE dag_run_id = $1", talk.run)
        attempt = await talk.start()
        await talk.end(attempt, "the whole log of a short task")
        events = [entry["event"] async for entry in records]

    assert [event.partition(" ")[0] for event in events] == ["Attempt", "the"]


async def test_a_client_that_leaves_gives_its_place_back(api: ApiServer, talk: Talk) -> None:
    attempt = await talk.start()
    await talk.say(api, attempt, "something")
    async with another_api(api, max_log_followers=1) as narrow:
        async with followed(narrow, talk.path) as records:
            await anext(records)
            refused = await narrow.client.get(talk.path, params={"follow": "true"}, headers=NDJSON)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        await poll_until(lambda: followers(narrow) == 0)
        async with followed(narrow, talk.path) as records:
            await anext(records)
    await talk.end(attempt)


async def test_a_process_that_stops_says_where_to_go_on(api: ApiServer, talk: Talk) -> None:
    attempt = await talk.start()
    await talk.say(api, attempt, "before")
    async with httpx.AsyncClient(headers=api.client.headers, timeout=60.0) as client:
        async with another_api(api) as leaving:
            request = client.build_request("GET", leaving.url + talk.path, params={"follow": "true"}, headers=NDJSON)
            answer = await client.send(request, stream=True)
            lines = answer.aiter_lines()
            assert [json.loads(await anext(lines))["event"].partition(" ")[0] for _ in range(2)] == [
                "Attempt",
                "before",
            ]
        [farewell] = [json.loads(line) async for line in lines]
        await answer.aclose()

    async with followed(api, talk.path, token=farewell["continuation_token"]) as records:
        await talk.say(api, attempt, "after")
        assert (await anext(records))["event"] == "after"
        await talk.end(attempt)
        assert [entry async for entry in records] == []


async def test_an_ended_try_is_given_and_done(api: ApiServer, talk: Talk) -> None:
    await talk.end(await talk.start(), "hello")

    async with followed(api, talk.path) as records:
        events = [entry["event"] async for entry in records]
    text = await api.client.get(talk.path, params={"follow": "true"}, headers={"Accept": "text/plain"})

    assert events[1:] == ["hello"]
    assert text.text.splitlines()[1] == "2026-11-20T12:00:00Z info hello"


@pytest.mark.parametrize(
    ("headers", "path", "status"),
    [({"Accept": "application/json"}, "", 400), (NDJSON, "0", 404)],
    ids=["as JSON", "no such try"],
)
async def test_what_cannot_be_followed_is_refused(
    api: ApiServer, talk: Talk, headers: dict[str, str], path: str, status: int
) -> None:
    await talk.end(await talk.start())
    answer = await api.client.get(talk.path + path, params={"follow": "true"}, headers=headers)
    assert answer.status_code == status, answer.text
    await poll_until(lambda: followers(api) == 0)  # others have left before, and perhaps not been seen off yet
