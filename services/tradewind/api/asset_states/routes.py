"""`/api/v2/assets/{asset_id}/state-store`: what is kept for an asset, whichever task or person wrote it."""

import json
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from tradewind.api.asset_states.models import (
    AssetStateStoreBody,
    AssetStateStoreCollectionResponse,
    AssetStateStoreLastUpdatedBy,
    AssetStateStoreResponse,
)
from tradewind.api.dependencies import StateDep
from tradewind.api.errors import documented
from tradewind.core.errors import NotFound
from tradewind.db.api import asset_states as queries
from tradewind.db.pool import Row

router = APIRouter(
    prefix="/api/v2/assets/{asset_id}/state-store", tags=["Asset State Store"], responses=documented(404)
)

PAGE_MAX = 100

AssetId = Annotated[int, Path(ge=-(2**63), lt=2**63)]


@router.get("")
async def list_asset_state_store(
    asset_id: AssetId,
    state: StateDep,
    limit: Annotated[int, Query(ge=0, lt=2**31)] = 50,
    offset: Annotated[int, Query(ge=0, lt=2**31)] = 0,
) -> AssetStateStoreCollectionResponse:
    """A page of what is kept for an asset, by key."""
    found = await queries.list_asset_states(state["database"], asset_id, min(limit, PAGE_MAX), offset)
    if found is None:
        raise _no_asset(asset_id)
    total, rows = found
    return AssetStateStoreCollectionResponse(asset_state_store=[_shown(row) for row in rows], total_entries=total)


@router.get("/{key:path}")
async def get_asset_state_store(asset_id: AssetId, key: str, state: StateDep) -> AssetStateStoreResponse:
    """What is kept under a key."""
    row = await queries.get_asset_state(state["database"], asset_id, key)
    if row is None:
        raise _no_asset(asset_id)
    if row["key"] is None:
        raise NotFound(f"Nothing is kept for the asset with id {asset_id} under {key!r}")
    return _shown(row)


@router.put("/{key:path}", status_code=204)
async def set_asset_state_store(asset_id: AssetId, key: str, body: AssetStateStoreBody, state: StateDep) -> Response:
    """Keep a value, also in place of another."""
    text = json.dumps(body.value).encode()
    if not await queries.set_asset_state(state["database"], asset_id, key, text, state["clock"]()):
        raise _no_asset(asset_id)
    return Response(status_code=204)


@router.delete("/{key:path}", status_code=204)
async def delete_asset_state_store(asset_id: AssetId, key: str, state: StateDep) -> Response:
    """Forget a value, if there is one."""
    if not await queries.delete_asset_states(state["database"], asset_id, key):
        raise _no_asset(asset_id)
    return Response(status_code=204)


@router.delete("", status_code=204)
async def clear_asset_state_store(asset_id: AssetId, state: StateDep) -> Response:
    """Forget everything that is kept for an asset."""
    if not await queries.delete_asset_states(state["database"], asset_id, None):
        raise _no_asset(asset_id)
    return Response(status_code=204)


def _shown(row: Row) -> AssetStateStoreResponse:
    writer = AssetStateStoreLastUpdatedBy(
        kind="api" if row["dag_id"] is None else "task",
        dag_id=row["dag_id"],
        run_id=row["run_id"],
        task_id=row["task_id"],
        map_index=row["map_index"],
    )
    value = json.loads(row["value"])
    return AssetStateStoreResponse(key=row["key"], value=value, updated_at=row["updated_at"], last_updated_by=writer)


def _no_asset(asset_id: int) -> NotFound:
    return NotFound(f"The asset with id {asset_id} was not found")
