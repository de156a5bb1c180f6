"""One running API for all tests of this folder, over one database: each test uses names of its own."""

import re
import zlib
from collections.abc import AsyncGenerator

import httpx
import pytest
import pytest_asyncio

from tests.servers.api import ApiServer, api_server
from tests.servers.postgres import PostgresServer
from tests.servers.scene import Scene
from tradewind.db.migrate import set_parallelism
from tradewind.db.pool import open_pool


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def api(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[ApiServer]:
    with postgres.new_database() as url:
        async with open_pool(url, 8) as database, api_server(database, tmp_path_factory.mktemp("home")) as server:
            # Attempts of one test stay running; they must not keep those of others from starting.
            await set_parallelism(database, 0)
            await database.fetch("UPDATE slot_pool SET slots = -1")
            yield server


@pytest.fixture
def client(api: ApiServer) -> httpx.AsyncClient:
    """Logged in as the API's admin."""
    return api.client


@pytest.fixture
def scene(api: ApiServer) -> Scene:
    return Scene(api.database)


@pytest.fixture
def dag_id(request: pytest.FixtureRequest) -> str:
    """A name that no other test uses."""
    name: str = request.node.name
    words = re.sub(r"\W+", "_", name)[:80]
    return f"{words}_{zlib.crc32(request.node.nodeid.encode()):08x}"
