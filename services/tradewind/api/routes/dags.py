"""`/api/v2/dags`."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from tradewind.api.dag_specs import VersionKey
from tradewind.api.dependencies import StateDep, UserDep
from tradewind.api.errors import BadRequest, documented
from tradewind.api.models.dags import DAGCollectionResponse, DAGDetailsResponse, DAGPatchBody, DAGResponse
from tradewind.api.models.queries import DagListQuery, DagPatchQuery
from tradewind.api.presenting import dag_details, dag_response
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.api.state import ApiState
from tradewind.core.errors import NotFound
from tradewind.db.api import dags as queries
from tradewind.db.api.pages import PageRequest
from tradewind.db.pool import Row

router = APIRouter(prefix="/api/v2/dags", tags=["DAG"])

MAX_DAGS_AT_ONCE = 100_000


@router.get("", openapi_extra=documented_query(DagListQuery))
async def get_dags(
    query: Annotated[DagListQuery, Depends(parsed(DagListQuery))], state: StateDep, user: UserDep
) -> DAGCollectionResponse:
    """A page of DAGs."""
    filters = {**query.filters(), "username": user.username}
    page = await queries.list_dags(state["database"], filters, query.page())
    dags = [dag_response(row, state["dag_roots"], state["signer"]) for row in page.rows]
    return DAGCollectionResponse(dags=dags, total_entries=page.total_entries)


@router.patch("", responses=documented(400, 404), openapi_extra=documented_query(DagPatchQuery))
async def patch_dags(
    body: DAGPatchBody, query: Annotated[DagPatchQuery, Depends(parsed(DagPatchQuery))], state: StateDep
) -> DAGCollectionResponse:
    """Pause or unpause every DAG that the filters select; without `dag_id_pattern` or `dag_id_prefix_pattern` none
    is selected."""
    _check_mask(query.update_mask)
    selected = await queries.list_dags(state["database"], query.filters(), PageRequest(limit=MAX_DAGS_AT_ONCE))
    await _pause(state, [row["dag_id"] for row in selected.rows], is_paused=body.is_paused)
    shown = selected.rows[query.offset : query.offset + query.page().limit]
    dags = [dag_response(row, state["dag_roots"], state["signer"]) for row in shown]
    for dag in dags:
        dag.is_paused = body.is_paused
    return DAGCollectionResponse(dags=dags, total_entries=selected.total_entries)


@router.get("/{dag_id}", responses=documented(404))
async def get_dag(dag_id: str, state: StateDep) -> DAGResponse:
    """One DAG."""
    return dag_response(await existing_dag(state, dag_id), state["dag_roots"], state["signer"])


@router.get("/{dag_id}/details", responses=documented(400, 404))
async def get_dag_details(dag_id: str, state: StateDep, user: UserDep) -> DAGDetailsResponse:
    """One DAG with what its author wrote down, and whether the caller has marked it."""
    row = await existing_dag(state, dag_id, user.username)
    return dag_details(row, await state["dag_specs"].fresh(VersionKey.of_row(row)), state["dag_roots"], state["signer"])


@router.patch("/{dag_id}", responses=documented(400, 404))
async def patch_dag(
    dag_id: str, body: DAGPatchBody, state: StateDep, update_mask: Annotated[list[str] | None, Query()] = None
) -> DAGResponse:
    """Pause or unpause one DAG."""
    await existing_dag(state, dag_id)
    _check_mask(update_mask)
    await _pause(state, [dag_id], is_paused=body.is_paused)
    return await get_dag(dag_id, state)


async def existing_dag(state: ApiState, dag_id: str, username: str | None = None) -> Row:
    """The DAG's row, with whether this user has marked it; raises `NotFound`."""
    row = await queries.get_dag(state["database"], dag_id, username)
    if row is None:
        raise NotFound(f"The DAG with dag_id {dag_id!r} was not found")
    return row


def _check_mask(update_mask: Sequence[str] | None) -> None:
    if update_mask and list(update_mask) != ["is_paused"]:
        raise BadRequest("Only is_paused can be changed")


async def _pause(state: ApiState, dag_ids: Sequence[str], *, is_paused: bool) -> None:
    changed = await queries.pause_dags(state["database"], dag_ids, is_paused=is_paused)
    announcer = state["announcer"]
    announcer.dags_changed(changed.dag_ids)
    announcer.dag_runs_revised(changed.revised_dag_run_ids)
    if not is_paused:
        announcer.dag_runs_created(changed.dag_ids)
