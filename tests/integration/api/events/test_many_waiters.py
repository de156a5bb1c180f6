"""Waiting is cheap: a thousand who wait for one run cost no statement each, and all know of its end at once."""

import asyncio
import sys
import time

import httpx
import pytest

from tests.dag_specs import dag, task
from tests.servers.api import ApiServer
from tests.servers.scene import Scene

pytestmark = pytest.mark.asyncio(loop_scope="session")

WAITERS = 1_000
AT_ONCE = 50
QUIET_SECONDS = 3.0

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def waiting(api: ApiServer, path: str) -> Connection:
    """A client that has read the first line."""
    url = httpx.URL(api.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = f"GET {path}?interval=30 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.token}\r\n\r\n"
    writer.write(head.encode())
    await reader.readuntil(b'{"state":"running"}')
    return reader, writer


async def many_waiting(api: ApiServer, path: str) -> list[Connection]:
    connections = list[Connection]()
    for _ in range(WAITERS // AT_ONCE):
        async with asyncio.TaskGroup() as group:
            entering = [group.create_task(waiting(api, path), name="waiter") for _ in range(AT_ONCE)]
        connections += [each.result() for each in entering]
    return connections


async def transactions(scene: Scene) -> int:
    """How many the database has seen."""
    await scene.database.fetch("SELECT pg_stat_force_next_flush()")
    count = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
    found = await scene.database.fetch_value(count)
    assert isinstance(found, int)
    return found


@pytest.mark.full
async def test_a_thousand_wait_for_one_run(
    api: ApiServer, scene: Scene, dag_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await scene.write_dag(dag(task("t"), dag_id=dag_id))
    await api.client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"dag_run_id": "r", "logical_date": None})
    [run] = await scene.start_runs(dag_id)
    connections = await many_waiting(api, f"/api/v2/dags/{dag_id}/dagRuns/r/wait")
    before, began = await transactions(scene), time.process_time()
    await asyncio.sleep(QUIET_SECONDS)  # what is measured is the time in which nothing happens
    spent, seen = time.process_time() - began, await transactions(scene) - before

    ended_at = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for reader, _ in connections:
            group.create_task(reader.readuntil(b'{"state":"success"}'), name="waiter")
        await scene.end_run(run)
    took = time.perf_counter() - ended_at
    for _, writer in connections:
        writer.close()

    with capsys.disabled():
        sys.stdout.write(
            f"\n{WAITERS} waiting: {seen / QUIET_SECONDS:.0f} transactions a second,"
            f" {spent / QUIET_SECONDS:.1%} of a core; all told of the end within {took * 1e3:.0f} ms\n"
        )
    assert seen < 100 * QUIET_SECONDS
    assert took < 10.0
