"""Attempts that processes run over HTTP, and a collector for the API to ask."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from tests.servers.api import ApiServer
from tests.servers.scene import Scene
from tests.servers.task_sdk import SdkClient, TaskSdk, task_sdk
from tradewind.bus.memory import MemoryBus
from tradewind.collector.service import run as run_collector
from tradewind.collector.settings import CollectorSettings
from tradewind.core.spec import AssetRef, DagSpec, TaskSpec
from tradewind.db.postgres.store import PostgresStore
from tradewind.service.clock import new_id, utc_now
from tradewind.service.tokens import AttemptClaims

HEADERS = {"Airflow-API-Version": "2026-06-30"}
STARTED = "2026-11-21T12:00:00Z"
ENDED = "2026-11-21T12:05:00Z"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def collector(api: ApiServer) -> AsyncGenerator[None]:
    """One that answers the API, until the tests are over."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        running = run_collector(
            settings=CollectorSettings(home=api.settings.home),
            bus=MemoryBus(api.broker),
            store=PostgresStore(api.database),
            clock=utc_now,
            new_id=new_id,
            stop=stop,
            registry=CollectorRegistry(),
        )
        group.create_task(running, name="collector")
        yield
        stop.set()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sdk(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[TaskSdk]:
    async with task_sdk(tmp_path_factory.mktemp("airflow")) as running:
        yield running


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A DAG with a run `r`, whose tasks are queued one by one."""

    api: ApiServer
    scene: Scene
    dag_id: str
    run: int
    tasks: dict[str, TaskSpec]
    asset: AssetRef
    sdk: TaskSdk | None = None

    async def queued(self, task_id: str = "work", *, try_number: int = 1) -> AttemptClaims:
        attempt_id = await self.scene.queue_attempt(self.run, self.tasks[task_id], try_number=try_number)
        return AttemptClaims(
            attempt_id=attempt_id, dag_id=self.dag_id, run_id="r", task_id=task_id, map_index=-1, try_number=try_number
        )

    def workload_token(self, claims: AttemptClaims) -> str:
        return self.api.signer.mint_workload_token(claims, now=utc_now(), lifetime_seconds=3600)

    def http(self, token: str) -> httpx.AsyncClient:
        """A task process that speaks HTTP by itself."""
        headers = {"Authorization": f"Bearer {token}", **HEADERS}
        return httpx.AsyncClient(base_url=f"{self.api.url}/execution", headers=headers, timeout=60.0)

    def client(self, claims: AttemptClaims) -> SdkClient:
        """The SDK's client, as a supervisor has it before it starts the attempt."""
        assert self.sdk is not None
        return SdkClient(self.sdk, self.api.url, self.workload_token(claims), str(claims.attempt_id))

    async def row(self, task_id: str = "work") -> dict[str, object]:
        sql = "SELECT * FROM task_instance WHERE dag_run_id = $1 AND task_id = $2"
        (row,) = await self.api.database.fetch(sql, self.run, task_id)
        return dict(row.items())

    async def workers(self, attempt_id: UUID) -> int:
        """How many leases the attempt has."""
        sql = "SELECT 1 FROM worker WHERE worker_id = $1 AND expired_at IS NULL"
        return len(await self.api.database.fetch(sql, f"http@{attempt_id}"))


@pytest_asyncio.fixture(loop_scope="session")
async def place(api: ApiServer, collector: None, scene: Scene, dag_id: str) -> Place:
    asset = AssetRef(name=f"{dag_id} asset", uri=f"s3://{dag_id}/x", extra={"k": "v"})
    alias = AssetRef(kind="alias", name=f"{dag_id} alias")
    tasks = (
        TaskSpec(task_id="work", retries=2, retry_delay_seconds=60.0, outlets=(asset, alias)),
        TaskSpec(task_id="other"),
        TaskSpec(task_id="branch"),
    )
    await scene.write_dag(DagSpec(dag_id=dag_id, relative_fileloc=f"{dag_id}.py", tasks=tasks, owners=("ada", "bob")))
    body = {"dag_run_id": "r", "logical_date": "2026-01-02T00:00:00Z", "conf": {"a": 1}, "note": "why"}
    answer = await api.client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body)
    assert answer.status_code == 200, answer.text
    (run,) = await scene.start_runs(dag_id)
    return Place(
        api=api,
        scene=scene,
        dag_id=dag_id,
        run=run,
        tasks={task.task_id: task for task in tasks},
        asset=asset,
    )


def start_body(**changed: object) -> dict[str, Any]:
    return {
        "state": "running",
        "hostname": "pod-1",
        "unixname": "ada",
        "pid": 4711,
        "start_date": STARTED,
        **changed,
    }


async def started(place: Place, claims: AttemptClaims, *, pid: int = 4711) -> httpx.AsyncClient:
    """A process that runs the attempt; whoever asks closes it."""
    async with place.http(place.workload_token(claims)) as http:
        answer = await http.patch(f"/task-instances/{claims.attempt_id}/run", json=start_body(pid=pid))
    assert answer.status_code == 200, answer.text
    return place.http(answer.headers["Refreshed-API-Token"])
