"""The real API on a free port, over a real database and an in-memory bus, and what fills the database for it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from prometheus_client import CollectorRegistry

from tradewind.api.service import run
from tradewind.api.settings import ApiServerLimits, ApiServiceSettings
from tradewind.bus.memory import MemoryBroker, MemoryBus
from tradewind.db.pool import Database
from tradewind.service.clock import new_id, utc_now
from tradewind.service.environment import SecretStr
from tradewind.service.secrets import jwt_secret
from tradewind.service.settings import ApiSettings, CoreSettings, LogSettings
from tradewind.service.tokens import TokenSigner

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServer:
    """A running API. `client` is logged in as its admin."""

    url: str
    client: httpx.AsyncClient
    broker: MemoryBroker
    registry: CollectorRegistry
    settings: ApiServiceSettings
    username: str
    password: str
    database: Database

    @property
    def token(self) -> str:
        """The client's own."""
        return self.client.headers["Authorization"].partition(" ")[2]

    @property
    def signer(self) -> TokenSigner:
        return TokenSigner(jwt_secret(self.settings))


def api_settings(
    home: Path,
    password: str,
    *,
    port: int = 0,
    executor: str = "LocalExecutor",
    logging: LogSettings | None = None,
    max_log_followers: int = 200,
) -> ApiServiceSettings:
    """Settings of a test's own; bodies of a megabyte are too long."""
    return ApiServiceSettings(
        home=home,
        core=CoreSettings(executor=executor),
        api=ApiSettings(port=port, admin_username="ada", admin_password=SecretStr(password)),
        api_server=ApiServerLimits(max_request_bytes=1 << 20, max_log_followers=max_log_followers),
        logging=logging or LogSettings(),
    )


@asynccontextmanager
async def api_server(
    database: Database,
    home: Path,
    *,
    broker: MemoryBroker | None = None,
    executor: str = "LocalExecutor",
    logging: LogSettings | None = None,
    max_log_followers: int = 200,
    password: str = "a password of ada's",
    change: Callable[[ApiServiceSettings], ApiServiceSettings] = lambda settings: settings,
) -> AsyncGenerator[ApiServer]:
    """Serve until the context is left; others on the same broker are other processes of one API, if they have the
    same home. `change`: settings as they are for other servers → as they are for this one."""
    settings = change(
        api_settings(home, password, executor=executor, logging=logging, max_log_followers=max_log_followers)
    )
    broker, registry = broker or MemoryBroker(), CollectorRegistry()
    stop, address = asyncio.Event(), asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        serving = run(
            settings=settings,
            bus=MemoryBus(broker),
            pool=database,
            clock=utc_now,
            new_id=new_id,
            stop=stop,
            registry=registry,
            on_ready=lambda host, port: address.set_result(f"http://{host}:{port}"),
        )
        group.create_task(serving, name="api")
        url = await address
        async with httpx.AsyncClient(base_url=url, timeout=60.0) as client:
            await log_in(client, "ada", password)
            yield ApiServer(
                url=url,
                client=client,
                broker=broker,
                registry=registry,
                settings=settings,
                username="ada",
                password=password,
                database=database,
            )
        stop.set()


async def log_in(client: httpx.AsyncClient, username: str, password: str) -> None:
    """Let the client send its token from now on."""
    answer = await client.post("/auth/token", json={"username": username, "password": password})
    assert answer.status_code == 201, answer.text
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
