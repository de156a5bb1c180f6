"""`/execution/store/ti/{id}/…`: what an attempt's task instance keeps over its tries. `/execution/store/asset/…`: what
is kept for an asset."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from tradewind.api.dependencies import AttemptDep, StateDep
from tradewind.api.errors import documented
from tradewind.api.execution.route import ExecutionRoute
from tradewind.api.execution.speaking import OwnDep
from tradewind.api.models.execution_questions import KeptValueBody
from tradewind.api.routes import execution_state_stores as kept
from tradewind.api.routes.execution_assets import get_task_asset
from tradewind.db.api.state_stores import AssetName

router = APIRouter(
    prefix="/execution/store",
    tags=["Execution"],
    route_class=ExecutionRoute,
    responses=documented(400, 401, 403, 404, 409, 410),
)

OWN_PATH = "/ti/{task_instance_id}"
KEY_PATH = OWN_PATH + "/{key:path}"
Key = Annotated[str, Path(min_length=1)]
AssetKey = Annotated[str, Query(min_length=1)]


async def asset_by_name(name: Annotated[str, Query(min_length=1)], state: StateDep, attempt: AttemptDep) -> AssetName:
    """The active asset of this name; raises `NoSuchThing`."""
    found = await get_task_asset(state, attempt, name=name)
    return AssetName(name=found.name, uri=found.uri)


async def asset_by_uri(uri: Annotated[str, Query(min_length=1)], state: StateDep, attempt: AttemptDep) -> AssetName:
    """The active asset of this URI; raises `NoSuchThing`."""
    found = await get_task_asset(state, attempt, uri=uri)
    return AssetName(name=found.name, uri=found.uri)


ByName = Annotated[AssetName, Depends(asset_by_name)]
ByUri = Annotated[AssetName, Depends(asset_by_uri)]


@router.get(KEY_PATH)
async def get_own_value(task_instance_id: str, key: Key, state: StateDep, attempt: OwnDep) -> Response:
    """One value: `{"value"}`."""
    return await kept.get_task_state(key, state, attempt)


@router.put(KEY_PATH, status_code=204)
async def put_own_value(
    task_instance_id: str, key: Key, body: KeptValueBody, state: StateDep, attempt: OwnDep
) -> Response:
    """Keep a value."""
    return await kept.put_task_state(key, body, state, attempt)


@router.delete(KEY_PATH, status_code=204)
async def delete_own_value(task_instance_id: str, key: Key, state: StateDep, attempt: OwnDep) -> Response:
    """Forget one value."""
    return await kept.delete_task_state(key, state, attempt)


@router.delete(OWN_PATH, status_code=204)
async def clear_own_values(task_instance_id: str, state: StateDep, attempt: OwnDep) -> Response:
    """Forget all values of the task instance."""
    return await kept.clear_task_states(state, attempt)


@router.get("/asset/by-name/value")
async def get_value_by_name(asset: ByName, key: AssetKey, state: StateDep, attempt: AttemptDep) -> Response:
    """One value: `{"value"}`."""
    return await kept.get_asset_state(asset, key, state, attempt)


@router.put("/asset/by-name/value", status_code=204)
async def put_value_by_name(
    asset: ByName, key: AssetKey, body: KeptValueBody, state: StateDep, attempt: AttemptDep
) -> Response:
    """Keep a value."""
    return await kept.put_asset_state(asset, key, body, state, attempt)


@router.delete("/asset/by-name/value", status_code=204)
async def delete_value_by_name(asset: ByName, key: AssetKey, state: StateDep, attempt: AttemptDep) -> Response:
    """Forget one value."""
    return await kept.delete_asset_state(asset, state, attempt, key)


@router.delete("/asset/by-name/clear", status_code=204)
async def clear_values_by_name(asset: ByName, state: StateDep, attempt: AttemptDep) -> Response:
    """Forget all values."""
    return await kept.delete_asset_state(asset, state, attempt, None)


@router.get("/asset/by-uri/value")
async def get_value_by_uri(asset: ByUri, key: AssetKey, state: StateDep, attempt: AttemptDep) -> Response:
    """One value: `{"value"}`."""
    return await kept.get_asset_state(asset, key, state, attempt)


@router.put("/asset/by-uri/value", status_code=204)
async def put_value_by_uri(
    asset: ByUri, key: AssetKey, body: KeptValueBody, state: StateDep, attempt: AttemptDep
) -> Response:
    """Keep a value."""
    return await kept.put_asset_state(asset, key, body, state, attempt)


@router.delete("/asset/by-uri/value", status_code=204)
async def delete_value_by_uri(asset: ByUri, key: AssetKey, state: StateDep, attempt: AttemptDep) -> Response:
    """Forget one value."""
    return await kept.delete_asset_state(asset, state, attempt, key)


@router.delete("/asset/by-uri/clear", status_code=204)
async def clear_values_by_uri(asset: ByUri, state: StateDep, attempt: AttemptDep) -> Response:
    """Forget all values."""
    return await kept.delete_asset_state(asset, state, attempt, None)
