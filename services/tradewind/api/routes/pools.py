"""`/api/v2/pools`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from tradewind.api.dependencies import StateDep
from tradewind.api.errors import AlreadyExists, BadRequest, documented
from tradewind.api.kept import writing
from tradewind.api.kept.pools import KIND, RULES
from tradewind.api.models.actions import BulkBody, BulkResponse
from tradewind.api.models.pools import PoolBody, PoolCollectionResponse, PoolPatchBody, PoolResponse
from tradewind.api.models.queries import PoolListQuery
from tradewind.api.presenting import plain
from tradewind.api.query_parsing import documented_query, parsed
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


@router.post("", status_code=201, responses=documented(409))
async def post_pool(body: PoolBody, state: StateDep) -> PoolResponse:
    """Create a pool."""
    if await writing.create(state, KIND, body) is None:
        raise AlreadyExists(f"The pool {body.name!r} exists already")
    state["announcer"].pools_changed([body.name])
    return await get_pool(body.name, state)


@router.patch("")
async def bulk_pools(body: BulkBody[PoolBody], state: StateDep) -> BulkResponse:
    """Create, change and delete many pools, all or (after an error that is no refusal) none."""
    response = await writing.change_many(state, KIND, body)
    state["announcer"].pools_changed(writing.written_keys(response))
    return response


@router.get("/{pool_name:path}", responses=documented(404))
async def get_pool(pool_name: str, state: StateDep) -> PoolResponse:
    """One pool, and how its slots are used."""
    page = await list_pools(state["database"], {"name": pool_name}, PageRequest(limit=1))
    if not page.rows:
        raise writing.not_found(KIND, pool_name)
    return plain(PoolResponse, page.rows[0])


@router.patch("/{pool_name:path}", responses=documented(400, 404))
async def patch_pool(
    pool_name: str, body: PoolPatchBody, state: StateDep, update_mask: Annotated[list[str] | None, Query()] = None
) -> PoolResponse:
    """Change a pool: the fields of the body, or those that `update_mask` names. Tasks that wait get new
    slots at once."""
    if body.pool is not None and body.pool != pool_name:
        raise BadRequest("The pool in the body is not that of the path; a pool's name cannot be changed")
    await writing.change(state, KIND, pool_name, lambda before: RULES.changed(before, body, update_mask))
    state["announcer"].pools_changed([pool_name])
    return await get_pool(pool_name, state)


@router.delete("/{pool_name:path}", status_code=204, responses=documented(400, 404))
async def delete_pool(pool_name: str, state: StateDep) -> Response:
    """Remove a pool. What runs in it runs on; what waits for it waits until there is a pool of this name again."""
    await writing.remove(state, KIND, pool_name)
    state["announcer"].pools_changed([pool_name])
    return Response(status_code=204)
