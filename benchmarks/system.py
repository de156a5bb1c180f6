"""A running Tradewind as the workloads use it: REST to act, the database to read exact times."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import asyncpg
import httpx

from benchmarks import dag_files
from benchmarks.stacks import Running

POLL_SECONDS: Final = 0.005
APPEARS_SECONDS: Final = 60.0

_TASKS: Final = """
SELECT t.task_id, t.state, t.queued_at, t.start_date, t.code_started_at, t.end_date, t.recorded_at
FROM task_instance t
JOIN dag_run r ON r.id = t.dag_run_id
WHERE r.dag_id = $1 AND r.run_id = $2
ORDER BY t.task_id
"""
_RUN: Final = "SELECT state, end_date FROM dag_run WHERE dag_id = $1 AND run_id = $2"


class TaskTimes(NamedTuple):
    """When one task instance reached each station of its way."""

    task_id: str
    state: str
    queued_at: datetime
    start_date: datetime
    code_started_at: datetime
    end_date: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run: when it was asked for (client's clock, same machine), and its tasks by id."""

    asked_at: datetime
    tasks: Sequence[TaskTimes]


class System:
    """One stack, with an open database connection and a logged-in HTTP client."""

    def __init__(self, running: Running, database: "asyncpg.Connection[Any]", http: httpx.AsyncClient) -> None:
        self.name = running.name
        self.reuses = running.reuses
        self.stack = running.stack
        self.dags_folder = running.dags_folder
        self.database = database
        self.http = http
        self._texts: dict[str, str] = {}
        self._warm: dict[str, None] = {}

    async def add_dag(self, dag_id: str, text: str) -> float:
        """Write a DAG file, wait until the API has the DAG, unpause it; returns the seconds from write to sight. What
        is there already is not written again."""
        if self._texts.get(dag_id) == text:
            return 0.0
        self._texts[dag_id] = text
        began = time.monotonic()
        dag_files.write(self.dags_folder, dag_id, text)
        while (answer := await self.http.get(f"/dags/{dag_id}")).status_code != 200:
            if time.monotonic() - began > APPEARS_SECONDS:
                raise AssertionError(f"{dag_id} did not appear: {(await self.http.get('/importErrors')).text}")
            await asyncio.sleep(POLL_SECONDS)
        assert answer.status_code == 200, answer.text
        seconds = time.monotonic() - began
        answer = await self.http.patch(f"/dags/{dag_id}", json={"is_paused": False})
        assert answer.status_code == 200, answer.text
        return seconds

    async def until_count(self, sql: str, value: str, count: int) -> None:
        """Wait until the query, given the value, counts as many."""
        while await self.database.fetchval(sql, value) < count:  # noqa: ASYNC110 - the database is not in this process
            await asyncio.sleep(POLL_SECONDS)

    async def trigger(self, dag_id: str) -> str:
        """Start a run; returns its id."""
        answer = await self.http.post(f"/dags/{dag_id}/dagRuns", json={"logical_date": None})
        assert answer.status_code == 200, answer.text
        return answer.json()["dag_run_id"]

    async def warm_up(self, dag_id: str) -> None:
        """A run that does not count, the first time that the DAG is measured."""
        if dag_id not in self._warm:
            self._warm[dag_id] = None
            await self.run(dag_id)

    async def run(self, dag_id: str, timeout_seconds: float = 300.0) -> Run:
        """Trigger a run and wait for its success."""
        asked_at = datetime.now().astimezone()
        run_id = await self.trigger(dag_id)
        deadline = time.monotonic() + timeout_seconds
        while (row := await self.database.fetchrow(_RUN, dag_id, run_id)) is None or row["end_date"] is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"{dag_id} {run_id} has not ended after {timeout_seconds:g} s")
            await asyncio.sleep(POLL_SECONDS)
        tasks = [TaskTimes(*row) for row in await self.database.fetch(_TASKS, dag_id, run_id)]
        wrong = [task for task in tasks if task.state != "success"]
        assert row["state"] == "success", f"{dag_id} {run_id} is {row['state']}: {wrong[:3]}"
        assert not wrong, wrong[:3]
        return Run(asked_at, tasks)


@asynccontextmanager
async def opened(running: Running) -> AsyncGenerator[System]:
    """Connect to a running stack."""
    stack, database = running.stack, await asyncpg.connect(running.database_url)
    try:
        async with httpx.AsyncClient(base_url=f"{stack.api_url}/api/v2", timeout=60.0, trust_env=False) as http:
            login = {"username": stack.username, "password": stack.password}
            answer = await http.post(f"{stack.api_url}/auth/token", json=login)
            assert answer.status_code == 201, answer.text
            http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            yield System(running, database, http)
    finally:
        await database.close()
