"""The ten calls over a million task instances: two processes of the API, fifty clients; and what they bear at most."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks.api_calls import airflow_peer, load
from benchmarks.api_calls.calls import CALLS, Place, places
from benchmarks.api_calls.dataset import BIG_DAG, SMALL_DAG, fill
from benchmarks.results import Figure, Goal, percentile
from tests.servers.environments import is_installed
from tests.servers.postgres import postgres_server
from tests.servers.process import free_ports
from tests.servers.redis import redis_server
from tests.servers.stack import ALL_SERVICES, service_stack
from tradewind.db.migrate import migrate

P95: Final = Goal(50.0)
THINKING_SECONDS: Final = 40.0
SATURATING_SECONDS: Final = 10.0
SEED: Final = 7

LogIn = Callable[[httpx.AsyncClient], Awaitable[None]]
NAME: Final = "two processes"


def measure(*, with_airflow: bool) -> list[Figure]:
    """Tradewind's figures, and Airflow's where it is installed or is to be."""
    with _tradewind() as (urls, username, password):
        figures = asyncio.run(_measured(NAME, urls, partial(_log_in, username=username, password=password), P95))
    if with_airflow or is_installed("airflow"):
        with airflow_peer.running() as (url, token):
            figures += asyncio.run(_measured(airflow_peer.NAME, [url], partial(_use, token=token), None))
    return figures


@contextmanager
def _tradewind() -> Generator[tuple[Sequence[str], str, str]]:
    """(addresses of the API's processes, user, password)."""
    with tempfile.TemporaryDirectory() as folder, postgres_server() as postgres, postgres.new_database() as url:
        asyncio.run(migrate(url))
        print(f"  {asyncio.run(fill(url)):,} task instances", file=sys.stderr, flush=True)
        (port,) = free_ports(1)
        dags_folder = Path(folder) / "dags"
        dags_folder.mkdir()
        with (
            redis_server() as redis,
            service_stack(
                Path(folder),
                database_url=url,
                broker_url=redis.new_url(),
                dags_folder=dags_folder,
                counts={**dict.fromkeys(ALL_SERVICES, 0), "api-server": 2},
                environment={"TRADEWIND__LOGGING__LEVEL": "WARNING"},
                own_environments={"api-server-2": {"TRADEWIND__API__PORT": str(port)}},
            ) as stack,
        ):
            yield (stack.api_url, f"http://127.0.0.1:{port}"), stack.username, stack.password


async def _measured(name: str, urls: Sequence[str], log_in: LogIn, goal: Goal | None) -> list[Figure]:
    async with _clients(urls, log_in) as apis:
        asked = await _places(apis[0])
        await load.one_by_one(apis[0], asked[:3])  # plans, caches and connections are there afterwards
        alone = await load.one_by_one(apis[0], asked[:10])
        together = await load.thinking(apis, asked, THINKING_SECONDS)
        most = await load.saturating(apis, asked, SATURATING_SECONDS)
    figures = [
        Figure(
            workload=f"API, {call.name}: p95",
            system=name,
            value=percentile(together[call.name], 0.95),
            unit="ms",
            goal=goal,
            details={
                "p50": percentile(together[call.name], 0.5),
                "calls": len(together[call.name]),
                "p50 alone": percentile(alone[call.name], 0.5),
            },
        )
        for call in CALLS
    ]
    return [*figures, Figure(workload="API, calls a second at most", system=name, value=most, unit="1/s")]


@asynccontextmanager
async def _clients(urls: Sequence[str], log_in: LogIn) -> AsyncGenerator[list[httpx.AsyncClient]]:
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=url, timeout=load.PATIENCE_SECONDS, trust_env=False)
            )
            for url in urls
        ]
        for client in clients:
            await log_in(client)
        yield clients


async def _log_in(http: httpx.AsyncClient, username: str, password: str) -> None:
    answer = await http.post("/auth/token", json={"username": username, "password": password})
    http.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"


async def _use(http: httpx.AsyncClient, token: str) -> None:
    http.headers["Authorization"] = f"Bearer {token}"


async def _places(http: httpx.AsyncClient) -> list[Place]:
    """Some runs of a DAG with many and of one with few."""
    runs: list[dict[str, Any]] = []
    for dag_id in (BIG_DAG, SMALL_DAG):
        answer = await http.get(f"/api/v2/dags/{dag_id}/dagRuns", params={"limit": 20})
        runs += answer.raise_for_status().json()["dag_runs"]
    chosen = places(runs, SEED)
    return chosen[::2] + chosen[1::2]
