"""Variables and connections with their secrets, for whoever has the database and its key: served in this process only,
beside the API's own application."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final

from fastapi import APIRouter

from tradewind.api.dependencies import StateDep
from tradewind.api.kept.connections import KIND as CONNECTION
from tradewind.api.kept.variables import KIND as VARIABLE
from tradewind.api.state import ApiState
from tradewind.db.api.admin import list_connections, list_variables
from tradewind.db.api.pages import Page, PageRequest
from tradewind.db.pool import Database, Row

PREFIX: Final = "/own-values"
PAGE: Final = 1_000

Pages = Callable[[Database, Mapping[str, object], PageRequest], Awaitable[Page]]

router = APIRouter(prefix=PREFIX)


@router.get("/variables")
async def own_variables(state: StateDep) -> list[dict[str, object]]:
    """All variables, by key."""
    return [dict(VARIABLE.opened(row, state["secrets"])) async for row in _rows(state, list_variables)]


@router.get("/connections")
async def own_connections(state: StateDep) -> list[dict[str, object]]:
    """All connections, by id."""
    return [dict(CONNECTION.opened(row, state["secrets"])) async for row in _rows(state, list_connections)]


async def _rows(state: ApiState, pages: Pages) -> AsyncIterator[Row]:
    offset = 0
    while rows := (await pages(state["database"], {}, PageRequest(limit=PAGE, offset=offset))).rows:
        for row in rows:
            yield row
        offset += PAGE
