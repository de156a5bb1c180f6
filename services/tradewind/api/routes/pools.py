"""`/api/v2/pools`."""

from typing import Annotated

from fastapi import APIRouter, Depends

from tradewind.api.dependencies import StateDep
from tradewind.api.errors import documented
from tradewind.api.models.pools import PoolCollectionResponse, PoolResponse
from tradewind.api.models.queries import PoolListQuery
from tradewind.api.presenting import plain
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.core.errors import NotFound
from tradewind.db.api.admin import list_pools
from tradewind.db.api.pages import PageRequest

router = APIRouter(prefix="/api/v2/pools", tags=["Pool"])


@router.get("", openapi_extra=documented_query(PoolListQuery))
async def get_pools(
    query: Annotated[PoolListQuery, Depends(parsed(PoolListQuery))], state: StateDep
) -> PoolCollectionResponse:
    """A page of pools, and how their slots are used."""
    page = await list_pools(state["database"], query.filters(), query.page())
    return PoolCollectionResponse(
        pools=[plain(PoolResponse, row) for row in page.rows], total_entries=page.total_entries
    )


@router.get("/{pool_name:path}", responses=documented(404))
async def get_pool(pool_name: str, state: StateDep) -> PoolResponse:
    """One pool, and how its slots are used."""
    page = await list_pools(state["database"], {"name": pool_name}, PageRequest(limit=1))
    if not page.rows:
        raise NotFound(f"The pool {pool_name!r} was not found")
    return plain(PoolResponse, page.rows[0])
