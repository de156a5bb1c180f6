"""`/api/v2/backfills`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import NonNegativeInt

from tradewind.api.dag_specs import VersionKey
from tradewind.api.dependencies import StateDep, UserDep
from tradewind.api.errors import BadRequest, Conflicting, Unprocessable, documented
from tradewind.api.models.backfills import (
    BackfillCollectionResponse,
    BackfillPostBody,
    BackfillResponse,
    DryRunBackfillCollectionResponse,
    DryRunBackfillResponse,
)
from tradewind.api.models.queries import BackfillListQuery
from tradewind.api.presenting import plain
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.api.state import ApiState
from tradewind.api.triggering import check_conf
from tradewind.core.backfills import (
    BackfillRequest,
    InvalidBackfill,
    asks_author,
    backfill_runs,
    check_backfill,
    in_order,
)
from tradewind.core.errors import NotFound
from tradewind.core.spec import DagSpec
from tradewind.core.timetables.values import NextRun
from tradewind.db.api import dags as dag_queries
from tradewind.db.backfills import questions
from tradewind.db.backfills.creation import AlreadyRunning, planned_dates
from tradewind.db.backfills.creation import create_backfill as store_backfill
from tradewind.service.logging import get_logger

router = APIRouter(prefix="/api/v2/backfills", tags=["Backfill"])

RUN_TYPE: Final = "backfill"
BackfillId = NonNegativeInt


@router.get("", openapi_extra=documented_query(BackfillListQuery))
async def list_backfills(
    query: Annotated[BackfillListQuery, Depends(parsed(BackfillListQuery))], state: StateDep
) -> BackfillCollectionResponse:
    """A page of a DAG's backfills."""
    page = await questions.list_backfills(state["database"], query.filters(), query.page())
    return BackfillCollectionResponse(
        backfills=[plain(BackfillResponse, row) for row in page.rows], total_entries=page.total_entries
    )


@router.get("/{backfill_id}", responses=documented(404))
async def get_backfill(backfill_id: BackfillId, state: StateDep) -> BackfillResponse:
    """One backfill."""
    row = await questions.get_backfill(state["database"], backfill_id)
    if row is None:
        raise NotFound("Backfill not found")
    return plain(BackfillResponse, row)


@router.put("/{backfill_id}/pause", responses=documented(404, 409))
async def pause_backfill(backfill_id: BackfillId, state: StateDep) -> BackfillResponse:
    """Start no more of its runs; those that run go on."""
    return await _set_paused(state, backfill_id, is_paused=True)


@router.put("/{backfill_id}/unpause", responses=documented(404, 409))
async def unpause_backfill(backfill_id: BackfillId, state: StateDep) -> BackfillResponse:
    """Go on."""
    return await _set_paused(state, backfill_id, is_paused=False)


@router.put("/{backfill_id}/cancel", responses=documented(404, 409))
async def cancel_backfill(backfill_id: BackfillId, state: StateDep) -> BackfillResponse:
    """Complete it: its queued runs fail, those that run go on."""
    await _open_backfill(state, backfill_id)
    await questions.cancel_backfill(state["database"], backfill_id, state["clock"]())
    return await get_backfill(backfill_id, state)


@router.post("", responses=documented(400, 404, 409, 503))
async def create_backfill(body: BackfillPostBody, state: StateDep, user: UserDep) -> BackfillResponse:
    """Make runs for the dates of a DAG's schedule in this range."""
    request, spec, version_id = await _asked_for(state, body)
    runs = await _runs(state, spec, request)
    if not runs:
        raise Unprocessable(
            f"No runs to create for Dag {request.dag_id} in the range [{request.from_date}, {request.to_date}]"
        )
    try:
        created = await store_backfill(
            state["database"],
            request,
            runs,
            latest_version_id=version_id if _moves_to_latest(spec, body) else None,
            triggering_user_name=user.username,
            now=state["clock"](),
        )
    except AlreadyRunning as exc:
        raise Conflicting(str(exc)) from exc
    state["announcer"].revised(created.revised)
    state["announcer"].dag_runs_created((request.dag_id,))
    get_logger().info("backfill.created", dag_id=request.dag_id, backfill_id=created.id, runs=len(runs))
    return await get_backfill(created.id, state)


@router.post("/dry_run", responses=documented(400, 404, 409, 503))
async def create_backfill_dry_run(body: BackfillPostBody, state: StateDep) -> DryRunBackfillCollectionResponse:
    """The dates that would get a run."""
    request, spec, _ = await _asked_for(state, body)
    runs = await _runs(state, spec, request)
    dates = await planned_dates(state["database"], request.dag_id, runs, request.reprocess_behavior)
    found = [_dry_run(date.run) for date in dates if date.left is None]
    return DryRunBackfillCollectionResponse(backfills=found, total_entries=len(found))


def _dry_run(run: NextRun) -> DryRunBackfillResponse:
    key, date = (None, None) if run.partition is None else (run.partition.key, run.partition.date)
    return DryRunBackfillResponse(logical_date=run.logical_date, partition_key=key, partition_date=date)


async def _asked_for(state: ApiState, body: BackfillPostBody) -> tuple[BackfillRequest, DagSpec, UUID]:
    """The request, and the DAG's latest version; raises `NotFound`, `BadRequest` and `Unprocessable`."""
    target = await dag_queries.get_trigger_target(state["database"], body.dag_id)
    if target is None:
        raise NotFound(f"Could not find dag {body.dag_id}")
    spec = await state["dag_specs"].get(VersionKey.of_row(target))
    if not spec.allows(RUN_TYPE):
        raise BadRequest(f"Dag with dag_id: '{body.dag_id}' does not allow backfill runs")
    if body.dag_run_conf is not None:
        try:
            check_conf(spec, body.dag_run_conf)
        except BadRequest as exc:
            raise Unprocessable(str(exc.detail)) from exc
    request = BackfillRequest(
        dag_id=body.dag_id,
        from_date=_utc(body.from_date),
        to_date=_utc(body.to_date),
        run_backwards=body.run_backwards,
        conf=body.dag_run_conf,
        reprocess_behavior=body.reprocess_behavior,
        max_active_runs=body.max_active_runs,
    )
    return request, spec, target["version_id"]


async def _runs(state: ApiState, spec: DagSpec, request: BackfillRequest) -> Sequence[NextRun]:
    now = state["clock"]()
    try:
        check_backfill(spec, request, now)
        if asks_author(spec):
            return in_order(await state["own_timetables"].past_runs(spec, request), request)
        return backfill_runs(spec, request, now)
    except InvalidBackfill as exc:
        raise Unprocessable(str(exc)) from exc


def _moves_to_latest(spec: DagSpec, body: BackfillPostBody) -> bool:
    if body.run_on_latest_version is not None:
        return body.run_on_latest_version
    return spec.rerun_with_latest_version is not False


async def _set_paused(state: ApiState, backfill_id: int, *, is_paused: bool) -> BackfillResponse:
    found = await _open_backfill(state, backfill_id)
    await questions.pause_backfill(state["database"], backfill_id, state["clock"](), is_paused=is_paused)
    if not is_paused:
        state["announcer"].dag_runs_created((found.dag_id,))
    return await get_backfill(backfill_id, state)


async def _open_backfill(state: ApiState, backfill_id: int) -> BackfillResponse:
    found = await get_backfill(backfill_id, state)
    if found.completed_at is not None:
        raise Conflicting("Backfill is already completed.")
    return found


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
