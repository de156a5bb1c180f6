"""`/execution`: what tasks ask about assets and their events."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from tradewind.api.dependencies import AttemptDep, StateDep
from tradewind.api.errors import NoSuchThing, Unprocessable, documented
from tradewind.api.execution.route import ExecutionRoute
from tradewind.api.models.execution_assets import (
    AssetNameResponse,
    InactiveAssetsResponse,
    TaskAssetEvent,
    TaskAssetEventsResponse,
    TaskAssetResponse,
    TaskAssetsResponse,
)
from tradewind.db.api import attempt_assets as assets
from tradewind.db.api.attempt_assets import EventFilters
from tradewind.db.pool import Row

router = APIRouter(
    prefix="/execution",
    tags=["Execution"],
    route_class=ExecutionRoute,
    responses=documented(401, 403, 409, 410),
)


@router.get("/assets", responses=documented(404))
async def get_task_asset(
    state: StateDep, attempt: AttemptDep, name: str | None = None, uri: str | None = None
) -> TaskAssetResponse:
    """The active asset of a name or URI."""
    if not (name or uri):
        raise Unprocessable({"reason": "invalid_value", "message": "An asset has to be named by `name` or `uri`"})
    row = await assets.get_asset(state["database"], attempt.attempt_id, name or None, uri or None)
    if row is None:
        raise NoSuchThing(f"There is no asset {name or uri!r}")
    return _asset(row)


@router.get("/alias-assets")
async def get_assets_of_alias(
    state: StateDep, attempt: AttemptDep, alias: Annotated[str, Query(min_length=1)]
) -> TaskAssetsResponse:
    """The active assets that an alias has stood for."""
    rows = await assets.list_alias_assets(state["database"], attempt.attempt_id, alias)
    return TaskAssetsResponse(assets=[_asset(row) for row in rows])


@router.get("/asset-events")
async def get_task_asset_events(
    state: StateDep,
    attempt: AttemptDep,
    name: str | None = None,
    uri: str | None = None,
    alias: str | None = None,
    after: AwareDatetime | None = None,
    before: AwareDatetime | None = None,
    ascending: bool = True,
    limit: Annotated[int | None, Query(ge=1)] = None,
) -> TaskAssetEventsResponse:
    """Events of an asset or of an alias."""
    if not (name or uri or alias):
        message = "Events have to be those of an asset, by `name` or `uri`, or of an `alias`"
        raise Unprocessable({"reason": "invalid_value", "message": message})
    filters = EventFilters(
        name=name or None,
        uri=uri or None,
        alias=alias or None,
        after=after,
        before=before,
        ascending=ascending,
        limit=limit,
    )
    return _events(await assets.list_asset_events(state["database"], attempt.attempt_id, filters))


@router.get("/inactive-assets")
async def get_inactive_assets(state: StateDep, attempt: AttemptDep) -> InactiveAssetsResponse:
    """Inlets and outlets of the attempt's task that are not active."""
    rows = await assets.list_inactive_assets(state["database"], attempt.attempt_id)
    return InactiveAssetsResponse(inactive_assets=[AssetNameResponse(name=r["name"], uri=r["uri"]) for r in rows])


@router.get("/triggering-asset-events")
async def get_triggering_asset_events(state: StateDep, attempt: AttemptDep) -> TaskAssetEventsResponse:
    """The events that the attempt's run was made by."""
    return _events(await assets.list_triggering_events(state["database"], attempt.attempt_id))


def _events(rows: Sequence[Row]) -> TaskAssetEventsResponse:
    return TaskAssetEventsResponse(asset_events=[_event(row) for row in rows])


def _asset(row: Row) -> TaskAssetResponse:
    return TaskAssetResponse(name=row["name"], uri=row["uri"], group=row["group"], extra=row["extra"])


def _event(row: Row) -> TaskAssetEvent:
    asset = {"name": row["name"], "uri": row["uri"], "group": row["group"], "extra": row["asset_extra"]}
    return TaskAssetEvent.model_validate({**dict(row.items()), "asset": asset})
