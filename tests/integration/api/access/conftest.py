"""People of every role, and a client for each."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import AsyncExitStack
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from tests.servers.api import ApiServer
from tradewind.api.access.coverage import routes_of
from tradewind.api.app import create_app
from tradewind.api.state import ApiState
from tradewind.db.api.identity.users import NewUser, create_user
from tradewind.service.clock import new_id, utc_now
from tradewind.service.metrics import Telemetry

As = Callable[[str, str], Awaitable[httpx.AsyncClient]]
"""(name, role) → a client that is logged in as a new user of this role."""
Narrowed = Callable[..., Awaitable[httpx.AsyncClient]]
"""Scopes → a client with an API token of the admin that has them."""


@pytest_asyncio.fixture(loop_scope="session")
async def log_in_as(api: ApiServer) -> AsyncGenerator[As]:
    async with AsyncExitStack() as stack:

        async def client_of(username: str, role: str) -> httpx.AsyncClient:
            names = {"first_name": "", "last_name": "", "email": ""}
            user = NewUser(username=username, password_hash="!", role=role, is_active=True, **names)
            credentials_id = new_id()
            assert await create_user(api.database, user, utc_now(), credentials_id)
            ids = {"token_id": new_id(), "credentials_id": credentials_id}
            token = api.signer.mint_api_token(username, now=utc_now(), lifetime_seconds=3600, **ids)
            return await stack.enter_async_context(client_with(api, token))

        yield client_of


@pytest_asyncio.fixture(loop_scope="session")
async def narrowed(api: ApiServer) -> AsyncGenerator[Narrowed]:
    async with AsyncExitStack() as stack:

        async def client_of(**scopes: list[str]) -> httpx.AsyncClient:
            answer = await api.client.post("/auth/tokens", json={"name": "narrow", **scopes})
            assert answer.status_code == 201, answer.text
            return await stack.enter_async_context(client_with(api, answer.json()["token"]))

        yield client_of


def client_with(api: ApiServer, token: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=api.url, timeout=60.0, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture(scope="session")
def routes(api: ApiServer) -> list[Any]:
    """Every route that is served, those of documents included."""
    return list(served(api))


def served(api: ApiServer) -> Iterator[Any]:
    needed = cast("ApiState", {"settings": api.settings, "new_id": new_id})
    app = create_app(needed, Telemetry(CollectorRegistry(), service="api"))
    return routes_of(app.routes)


def filled(path: str) -> str:
    """The path with something in every place, of the right type, that stands for nothing that is there."""
    values = {"map_index": "0", "event_log_id": "1", "import_error_id": "1", "grantee_type": "role"}
    for part in [part for part in path.split("/") if part.startswith("{")]:
        name = part.strip("{}").partition(":")[0]
        path = path.replace(part, values.get(name, _value(name)))
    return path


def _value(name: str) -> str:
    if name in ("attempt_id", "task_instance_id", "worker_id", "token_id"):
        return "00000000-0000-7000-8000-000000000000"
    return "999999999" if name.endswith("_id") and name not in TEXTS else "1" if name.endswith("number") else name


TEXTS = ("dag_id", "dag_run_id", "task_id", "connection_id", "group_id")


def methods_of(route: Any) -> Iterable[str]:
    return sorted(cast("set[str]", route.methods) - {"HEAD"})
