"""Variables and connections with their secrets, for whoever has the database and its key: served in this process only,
beside the API's own application."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter

from tradewind.api.dependencies import StateDep
from tradewind.api.kept.connections import KIND as CONNECTIONS
from tradewind.api.kept.variables import KIND as VARIABLES
from tradewind.api.kept.writing import Kind
from tradewind.db.api.admin import list_connections, list_variables
from tradewind.db.api.pages import Page, PageRequest
from tradewind.db.pool import Database, open_pool
from tradewind.db.secrets import SecretBox

PREFIX: Final = "/own-values"
PAGE: Final = 1_000

Pages = Callable[[Database, Mapping[str, object], PageRequest], Awaitable[Page]]
NOUNS: Final[Mapping[str, tuple[Kind[Any], Pages]]] = {
    "variables": (VARIABLES, list_variables),
    "connections": (CONNECTIONS, list_connections),
}

router = APIRouter(prefix=PREFIX)


@router.get("/variables")
async def own_variables(state: StateDep) -> Sequence[dict[str, object]]:
    """All variables, by key."""
    return await own_values(state["database"], state["secrets"], "variables")


@router.get("/connections")
async def own_connections(state: StateDep) -> Sequence[dict[str, object]]:
    """All connections, by id."""
    return await own_values(state["database"], state["secrets"], "connections")


async def own_values(database: Database, box: SecretBox, noun: str) -> Sequence[dict[str, object]]:
    """All rows, by key, by their columns."""
    kind, pages = NOUNS[noun]
    found: list[dict[str, object]] = []
    while rows := (await pages(database, {}, PageRequest(limit=PAGE, offset=len(found)))).rows:
        found += [dict(kind.opened(row, box)) for row in rows]
    return found


def own_values_at(url: str, keys: str, noun: str) -> Sequence[dict[str, object]]:
    """The same of a database that nothing else is asked of; `keys` as in the setting of Fernet keys."""

    async def read() -> Sequence[dict[str, object]]:
        async with open_pool(url, 1) as database:
            return await own_values(database, SecretBox(keys), noun)

    return asyncio.run(read())
