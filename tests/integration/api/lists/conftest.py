"""The world that the lists are asked about, made once."""

import httpx
import pytest_asyncio

from tests.integration.api.lists.world import make_world
from tests.servers.api import ApiServer
from tests.servers.scene import Scene


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client(api: ApiServer) -> httpx.AsyncClient:
    """Logged in as the API's admin."""
    await make_world(Scene(api.database))
    return api.client
