"""`/api/v2/assets`, and what waits for them under `/api/v2/dags`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Response
from pydantic import AwareDatetime, TypeAdapter, ValidationError

from tradewind.api.dag_specs import VersionKey
from tradewind.api.dependencies import StateDep, UserDep
from tradewind.api.errors import AlreadyExists, BadRequest, Unprocessable, documented
from tradewind.api.models import assets as models
from tradewind.api.models.dag_runs import DAGRunResponse
from tradewind.api.models.queries import AssetAliasListQuery, AssetEventListQuery, AssetListQuery
from tradewind.api.presenting import created_dag_run_response, plain
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.api.redaction import redacted
from tradewind.api.routes.dag_runs import existing_dag_run, stored_run
from tradewind.api.state import ApiState
from tradewind.api.triggering import Requester, materialization_run
from tradewind.core.errors import NotFound
from tradewind.db.api import assets as queries
from tradewind.db.api.dags import get_trigger_target
from tradewind.db.api.pages import PageRequest
from tradewind.db.pool import Row
from tradewind.service.logging import get_logger

router = APIRouter(prefix="/api/v2", tags=["Asset"])

AssetId = Annotated[int, Path(ge=-(2**63), lt=2**63)]


def moment(before: str | None = None) -> datetime | None:
    """A moment in ISO 8601; raises `Unprocessable` for another text."""
    if before is None:
        return None
    try:
        return _AWARE.validate_python(before)
    except ValidationError as exc:
        raise Unprocessable(f"before: {before!r} is not a moment with a time zone") from exc


_AWARE: Final = TypeAdapter(AwareDatetime)
Before = Annotated[datetime | None, Depends(moment)]


@router.get("/assets", responses=documented(404), openapi_extra=documented_query(AssetListQuery))
async def get_assets(
    query: Annotated[AssetListQuery, Depends(parsed(AssetListQuery))], state: StateDep
) -> models.AssetCollectionResponse:
    """A page of assets."""
    page = await queries.list_assets(state["database"], query.filters(), query.page())
    return models.AssetCollectionResponse(assets=[_asset(row) for row in page.rows], total_entries=page.total_entries)


@router.get("/assets/aliases", responses=documented(404), openapi_extra=documented_query(AssetAliasListQuery))
async def get_asset_aliases(
    query: Annotated[AssetAliasListQuery, Depends(parsed(AssetAliasListQuery))], state: StateDep
) -> models.AssetAliasCollectionResponse:
    """A page of aliases."""
    page = await queries.list_aliases(state["database"], query.filters(), query.page())
    aliases = [plain(models.AssetAliasResponse, row) for row in page.rows]
    return models.AssetAliasCollectionResponse(asset_aliases=aliases, total_entries=page.total_entries)


@router.get("/assets/aliases/{asset_alias_id}", responses=documented(404))
async def get_asset_alias(asset_alias_id: AssetId, state: StateDep) -> models.AssetAliasResponse:
    """One alias."""
    row = await queries.get_alias(state["database"], asset_alias_id)
    if row is None:
        raise NotFound(f"The asset alias with id {asset_alias_id} was not found")
    return plain(models.AssetAliasResponse, row)


@router.get("/assets/events", responses=documented(404), openapi_extra=documented_query(AssetEventListQuery))
async def get_asset_events(
    query: Annotated[AssetEventListQuery, Depends(parsed(AssetEventListQuery))], state: StateDep
) -> models.AssetEventCollectionResponse:
    """A page of events."""
    return await _events(state, query.filters(), query.page())


@router.post("/assets/events", responses=documented(404))
async def create_asset_event(
    body: models.CreateAssetEventsBody, state: StateDep, user: UserDep
) -> models.AssetEventResponse:
    """Make an event, as if a task had written the asset."""
    asset = await _existing_asset(state, body.asset_id)
    written = await queries.create_event(state["database"], asset, body.extra, body.partition_key, state["clock"]())
    row = await queries.get_event(state["database"], written.event_ids[0]) if written.event_ids else None
    if row is None:
        raise NotFound(f"The asset with id {body.asset_id} is not active")
    state["announcer"].asset_events_queued(written.dag_ids)
    get_logger().info("asset_event.created", asset_id=body.asset_id, user=user.username)
    return _event(row)


@router.post("/assets/{asset_id}/materialize", responses=documented(400, 404, 409))
async def materialize_asset(
    asset_id: AssetId, state: StateDep, user: UserDep, body: models.MaterializeAssetBody | None = None
) -> DAGRunResponse:
    """Create a run of the one DAG that writes the asset."""
    dag_ids = await queries.materializing_dags(state["database"], asset_id)
    target = await get_trigger_target(state["database"], dag_ids[0]) if dag_ids else None
    if target is None:
        raise NotFound(f"No DAG materializes the asset with id {asset_id}")
    if len(dag_ids) > 1:
        raise AlreadyExists(f"More than one DAG materializes the asset with id {asset_id}")
    dag_id = dag_ids[0]
    spec = await state["dag_specs"].get(VersionKey.of_row(target))
    if not spec.allows("asset_materialization"):
        raise BadRequest(f"The DAG {dag_id!r} does not allow asset materialization runs")
    now, entropy = state["clock"](), state["new_id"]()
    requester = Requester(username=user.username, triggered_by="rest_api", now=now, entropy=entropy)
    asked = await state["own_timetables"].with_interval(spec, body or models.MaterializeAssetBody())
    run = materialization_run(dag_id, target["version_id"], spec, asked, requester)
    run = await stored_run(state, run, asked)
    state["announcer"].dag_runs_created((dag_id,))
    get_logger().info("dag_run.created", dag_id=dag_id, run_id=run.run_id, user=user.username)
    return created_dag_run_response(run, target)


@router.get("/assets/{asset_id}/queuedEvents")
async def get_asset_queued_events(
    asset_id: AssetId, state: StateDep, before: Before
) -> models.QueuedEventCollectionResponse:
    """The DAGs in whose queues events of an asset wait."""
    return _queues(await queries.list_queued_events(state["database"], None, asset_id, before))


@router.delete("/assets/{asset_id}/queuedEvents", status_code=204, responses=documented(404))
async def delete_asset_queued_events(asset_id: AssetId, state: StateDep, before: Before) -> Response:
    """Forget what waits for an asset."""
    return await _forget(state, None, asset_id, before)


@router.get("/assets/{asset_id}", responses=documented(404))
async def get_asset(asset_id: AssetId, state: StateDep) -> models.AssetResponse:
    """One asset."""
    return _asset(await _existing_asset(state, asset_id))


@router.get("/dags/{dag_id}/assets/queuedEvents")
async def get_dag_asset_queued_events(
    dag_id: str, state: StateDep, before: Before
) -> models.QueuedEventCollectionResponse:
    """What waits in the queue of a DAG."""
    return _queues(await queries.list_queued_events(state["database"], dag_id, None, before))


@router.delete("/dags/{dag_id}/assets/queuedEvents", status_code=204, responses=documented(400, 404))
async def delete_dag_asset_queued_events(dag_id: str, state: StateDep, before: Before) -> Response:
    """Empty the queue of a DAG."""
    return await _forget(state, dag_id, None, before)


@router.get("/dags/{dag_id}/assets/{asset_id}/queuedEvents", responses=documented(404))
async def get_dag_asset_queued_event(
    dag_id: str, asset_id: AssetId, state: StateDep, before: Before
) -> models.QueuedEventResponse:
    """What waits in the queue of a DAG of one asset."""
    rows = await queries.list_queued_events(state["database"], dag_id, asset_id, before)
    if not rows:
        raise NotFound(f"No event of the asset with id {asset_id} waits in the queue of the DAG {dag_id!r}")
    return plain(models.QueuedEventResponse, rows[0])


@router.delete("/dags/{dag_id}/assets/{asset_id}/queuedEvents", status_code=204, responses=documented(400, 404))
async def delete_dag_asset_queued_event(dag_id: str, asset_id: AssetId, state: StateDep, before: Before) -> Response:
    """Forget what waits in the queue of a DAG of one asset."""
    return await _forget(state, dag_id, asset_id, before)


@router.get("/dags/{dag_id}/dagRuns/{dag_run_id}/upstreamAssetEvents", responses=documented(404), tags=["DagRun"])
async def get_upstream_asset_events(
    dag_id: str, dag_run_id: str, state: StateDep
) -> models.AssetEventCollectionResponse:
    """The events that a run was made by."""
    run = await existing_dag_run(state, dag_id, dag_run_id)
    request = PageRequest(limit=queries.QUEUED_EVENTS_MAX, order_by=["timestamp"])
    return await _events(state, {"dag_run_id": run["id"]}, request)


async def _events(
    state: ApiState, filters: Mapping[str, object], request: PageRequest
) -> models.AssetEventCollectionResponse:
    page = await queries.list_events(state["database"], filters, request)
    events = [_event(row) for row in page.rows]
    return models.AssetEventCollectionResponse(asset_events=events, total_entries=page.total_entries)


async def _existing_asset(state: ApiState, asset_id: int) -> Row:
    row = await queries.get_asset(state["database"], asset_id)
    if row is None:
        raise NotFound(f"The asset with id {asset_id} was not found")
    return row


async def _forget(state: ApiState, dag_id: str | None, asset_id: int | None, before: datetime | None) -> Response:
    if not await queries.delete_queued_events(state["database"], dag_id, asset_id, before):
        of = [f"asset_id {asset_id}"] if asset_id is not None else []
        named = " and ".join([f"dag_id {dag_id!r}", *of] if dag_id is not None else of)
        raise NotFound(f"No queued event with {named} was found")
    return Response(status_code=204)


def _queues(rows: Sequence[Row]) -> models.QueuedEventCollectionResponse:
    queued = [plain(models.QueuedEventResponse, row) for row in rows]
    return models.QueuedEventCollectionResponse(queued_events=queued, total_entries=len(queued))


def _asset(row: Row) -> models.AssetResponse:
    references: list[dict[str, Any]] = row["asset_references"]
    by_role = {
        role: [_reference(each) for each in references if each["role"] == role]
        for role in ("schedule", "outlet", "inlet")
    }
    return models.AssetResponse.model_validate(
        {
            **dict(row.items()),
            "extra": redacted(row["extra"]),
            "scheduled_dags": [
                {name: value for name, value in each.items() if name != "task_id"} for each in by_role["schedule"]
            ],
            "producing_tasks": by_role["outlet"],
            "consuming_tasks": by_role["inlet"],
            "last_asset_event": {"id": row["event_id"], "timestamp": row["event_timestamp"]},
        }
    )


def _reference(fields: Mapping[str, Any]) -> dict[str, Any]:
    """References do not change: whoever sees one anew sees another."""
    kept = {name: fields[name] for name in ("dag_id", "task_id", "created_at")}
    return {**kept, "updated_at": fields["created_at"]}


def _event(row: Row) -> models.AssetEventResponse:
    return models.AssetEventResponse.model_validate({**dict(row.items()), "extra": redacted(row["extra"])})
