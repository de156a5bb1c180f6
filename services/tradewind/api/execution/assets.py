"""`/execution/assets/…` and `/execution/asset-events/…`: what tasks ask about assets."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from tradewind.api.dependencies import AttemptDep, StateDep
from tradewind.api.errors import BadRequest, documented
from tradewind.api.execution.models.answers import EventOfAsset, EventsOfAsset
from tradewind.api.execution.route import ExecutionRoute
from tradewind.api.models.execution_assets import TaskAssetEventsResponse, TaskAssetResponse
from tradewind.api.routes import execution_assets as asked

router = APIRouter(
    prefix="/execution",
    tags=["Execution"],
    route_class=ExecutionRoute,
    responses=documented(400, 401, 403, 409, 410),
)

Name = Annotated[str, Query(min_length=1)]
Limit = Annotated[int | None, Query(ge=1)]


@router.get("/assets/by-name", responses=documented(404))
async def get_asset_by_name(name: Name, state: StateDep, attempt: AttemptDep) -> TaskAssetResponse:
    """The active asset of a name."""
    return await asked.get_task_asset(state, attempt, name=name)


@router.get("/assets/by-uri", responses=documented(404))
async def get_asset_by_uri(uri: Name, state: StateDep, attempt: AttemptDep) -> TaskAssetResponse:
    """The active asset of a URI."""
    return await asked.get_task_asset(state, attempt, uri=uri)


@router.get("/assets/by-alias")
async def get_assets_by_alias(alias_name: Name, state: StateDep, attempt: AttemptDep) -> list[TaskAssetResponse]:
    """The active assets that an alias has stood for."""
    return (await asked.get_assets_of_alias(state, attempt, alias_name)).assets


@router.get("/asset-events/by-asset")
async def get_events_by_asset(
    state: StateDep,
    attempt: AttemptDep,
    name: str | None = None,
    uri: str | None = None,
    after: AwareDatetime | None = None,
    before: AwareDatetime | None = None,
    ascending: bool = True,
    limit: Limit = None,
) -> EventsOfAsset:
    """Events of an asset, named by name, URI or both."""
    if not (name or uri):
        raise BadRequest({"reason": "Missing parameter", "message": "An asset is named by its name or its URI"})
    found = await asked.get_task_asset_events(
        state, attempt, name=name, uri=uri, after=after, before=before, ascending=ascending, limit=limit
    )
    return _events(found)


@router.get("/asset-events/by-asset-alias")
async def get_events_by_alias(
    state: StateDep,
    attempt: AttemptDep,
    name: Name,
    after: AwareDatetime | None = None,
    before: AwareDatetime | None = None,
    ascending: bool = True,
    limit: Limit = None,
) -> EventsOfAsset:
    """Events that came through an alias."""
    found = await asked.get_task_asset_events(
        state, attempt, alias=name, after=after, before=before, ascending=ascending, limit=limit
    )
    return _events(found)


def _events(found: TaskAssetEventsResponse) -> EventsOfAsset:
    """Runs that have not begun are left out: Airflow's shape gives each a start."""
    events: list[EventOfAsset] = []
    for event in found.asset_events:
        fields: dict[str, Any] = {name: getattr(event, name) for name in EventOfAsset.model_fields}
        fields["created_dagruns"] = [run for run in event.created_dagruns if run.start_date is not None]
        events.append(EventOfAsset.model_validate(fields))
    return EventsOfAsset(asset_events=events)
