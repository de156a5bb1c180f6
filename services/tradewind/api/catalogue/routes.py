"""`/api/v2/dagTags`, `/dagStats`, `/dagWarnings`, and `/dags/{dag_id}/favorite`."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from tradewind.api.access.guard import VisibleDep
from tradewind.api.catalogue.models import (
    DagStatsCollectionResponse,
    DagStatsResponse,
    DagStatsStateResponse,
    DAGTagCollectionResponse,
    DagTagListQuery,
    DAGWarningCollectionResponse,
    DagWarningListQuery,
    DAGWarningResponse,
)
from tradewind.api.dependencies import StateDep, UserDep
from tradewind.api.errors import Conflicting, documented
from tradewind.api.presenting import plain
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.core.errors import NotFound
from tradewind.core.states import DagRunState
from tradewind.db.api import catalogue as queries
from tradewind.db.pool import Row

router = APIRouter(prefix="/api/v2")


@router.get("/dagTags", openapi_extra=documented_query(DagTagListQuery), tags=["DAG"])
async def get_dag_tags(
    query: Annotated[DagTagListQuery, Depends(parsed(DagTagListQuery))], state: StateDep
) -> DAGTagCollectionResponse:
    """A page of the tags that DAGs have."""
    page = await queries.list_tags(state["database"], query.filters(), query.page())
    return DAGTagCollectionResponse(tags=[row["name"] for row in page.rows], total_entries=page.total_entries)


@router.get("/dagStats", responses=documented(400, 404), tags=["DagStats"])
async def get_dag_stats(
    state: StateDep, visible: VisibleDep, dag_ids: Annotated[list[str] | None, Query()] = None
) -> DagStatsCollectionResponse:
    """How many runs of each state DAGs have; those without runs are left out."""
    rows = await queries.list_stats(state["database"], dag_ids or None, visible.filters())
    by_dag: dict[str, list[Row]] = {}
    for row in rows:
        by_dag.setdefault(row["dag_id"], []).append(row)
    dags = [_stats(counted) for counted in by_dag.values()]
    return DagStatsCollectionResponse(dags=dags, total_entries=len(dags))


@router.get("/dagWarnings", openapi_extra=documented_query(DagWarningListQuery), tags=["DagWarning"])
async def list_dag_warnings(
    query: Annotated[DagWarningListQuery, Depends(parsed(DagWarningListQuery))], state: StateDep
) -> DAGWarningCollectionResponse:
    """A page of what is wrong with DAGs although they are parsed: pools that do not exist, assets that are not
    active because others have their names. It is found anew each time, so a pool that is made ends its warning."""
    page = await queries.list_warnings(state["database"], query.filters(), query.page())
    warnings = [plain(DAGWarningResponse, row) for row in page.rows]
    return DAGWarningCollectionResponse(dag_warnings=warnings, total_entries=page.total_entries)


@router.post("/dags/{dag_id}/favorite", status_code=204, responses=documented(404), tags=["DAG"])
async def favorite_dag(dag_id: str, state: StateDep, user: UserDep) -> Response:
    """Mark a DAG as one of one's favourites; it may be one already."""
    if not await queries.mark_favorite(state["database"], user.username, dag_id):
        raise _no_dag(dag_id)
    return Response(status_code=204)


@router.post("/dags/{dag_id}/unfavorite", status_code=204, responses=documented(404, 409), tags=["DAG"])
async def unfavorite_dag(dag_id: str, state: StateDep, user: UserDep) -> Response:
    """Take the mark away."""
    match await queries.unmark_favorite(state["database"], user.username, dag_id):
        case "no dag":
            raise _no_dag(dag_id)
        case "not marked":
            raise Conflicting("Dag is not marked as favorite")
        case "unmarked":
            return Response(status_code=204)


def _stats(counted: Sequence[Row]) -> DagStatsResponse:
    runs = {row["state"]: row["runs"] for row in counted}
    return DagStatsResponse(
        dag_id=counted[0]["dag_id"],
        dag_display_name=counted[0]["dag_display_name"],
        stats=[DagStatsStateResponse(state=state.value, count=runs.get(state, 0)) for state in DagRunState],
    )


def _no_dag(dag_id: str) -> NotFound:
    return NotFound(f"The DAG with dag_id {dag_id!r} was not found")
