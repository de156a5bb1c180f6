"""`/execution/task-states`: what an attempt's task instance keeps over its tries. `/execution/asset-states`: what is
kept for an asset, named by its name or, without one, by its URI."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Response

from tradewind.api.dependencies import AttemptDep, StateDep
from tradewind.api.errors import NoSuchThing, Unprocessable, documented
from tradewind.api.execution.route import ExecutionRoute
from tradewind.api.models.execution_questions import KeptValueBody
from tradewind.db.api import state_stores as stores
from tradewind.db.api.state_stores import AssetName

router = APIRouter(
    prefix="/execution",
    tags=["Execution"],
    route_class=ExecutionRoute,
    responses=documented(401, 403, 409, 410),
)

Name = Annotated[str, Path(min_length=1)]
Key = Annotated[str, Query(min_length=1)]


async def named_asset(_attempt: AttemptDep, name: str = "", uri: str = "") -> AssetName:
    """The asset that a request is about; whoever has no right to ask hears that first."""
    if not (name or uri):
        raise Unprocessable({"reason": "invalid_value", "message": "An asset has to be named by `name` or `uri`"})
    return AssetName(name=name, uri=uri)


Asset = Annotated[AssetName, Depends(named_asset)]


@router.get("/task-states/{key:path}", responses=documented(404))
async def get_task_state(key: Name, state: StateDep, attempt: AttemptDep) -> Response:
    """One value: `{"value"}`."""
    value = await stores.get_task_state(state["database"], attempt.attempt_id, key, state["clock"]())
    if value is None:
        raise NoSuchThing(f"The task keeps no value under {key!r}")
    # The value is JSON text already.
    return Response(b'{"value":' + value + b"}", media_type="application/json")


@router.put("/task-states/{key:path}", status_code=204)
async def put_task_state(key: Name, body: KeptValueBody, state: StateDep, attempt: AttemptDep) -> Response:
    """Keep a value."""
    value = msgspec.json.encode(body.value)
    await stores.set_task_state(state["database"], attempt.attempt_id, key, value, body.expires_at, state["clock"]())
    return Response(status_code=204)


@router.delete("/task-states", status_code=204)
async def clear_task_states(state: StateDep, attempt: AttemptDep) -> Response:
    """Forget all values of the attempt's task instance."""
    await stores.delete_task_state(state["database"], attempt.attempt_id, None)
    return Response(status_code=204)


@router.delete("/task-states/{key:path}", status_code=204)
async def delete_task_state(key: Name, state: StateDep, attempt: AttemptDep) -> Response:
    """Forget one value."""
    await stores.delete_task_state(state["database"], attempt.attempt_id, key)
    return Response(status_code=204)


@router.get("/asset-states", responses=documented(404))
async def get_asset_state(asset: Asset, key: Key, state: StateDep, attempt: AttemptDep) -> Response:
    """One value: `{"value"}`."""
    value = await stores.get_asset_state(state["database"], attempt.attempt_id, asset, key)
    if value is None:
        raise NoSuchThing(f"Nothing is kept under {key!r} for the asset {asset.name or asset.uri!r}")
    return Response(b'{"value":' + value + b"}", media_type="application/json")


@router.put("/asset-states", status_code=204)
async def put_asset_state(
    asset: Asset, key: Key, body: KeptValueBody, state: StateDep, attempt: AttemptDep
) -> Response:
    """Keep a value."""
    value = msgspec.json.encode(body.value)
    await stores.set_asset_state(state["database"], attempt.attempt_id, asset, key, value, state["clock"]())
    return Response(status_code=204)


@router.delete("/asset-states", status_code=204)
async def delete_asset_state(asset: Asset, state: StateDep, attempt: AttemptDep, key: str | None = None) -> Response:
    """Forget one value, or all of them."""
    await stores.delete_asset_state(state["database"], attempt.attempt_id, asset, key)
    return Response(status_code=204)
