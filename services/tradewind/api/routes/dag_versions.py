"""`/api/v2/dags/{dag_id}/dagVersions`."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from tradewind.api.dependencies import StateDep
from tradewind.api.errors import documented
from tradewind.api.models.actions import DAGVersionCollectionResponse
from tradewind.api.models.dags import DagVersionResponse
from tradewind.api.models.queries import ANYTHING, Integer, PageQuery
from tradewind.api.presenting import dag_version
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.api.routes.dags import existing_dag
from tradewind.core.errors import NotFound
from tradewind.db.api.pages import PageRequest
from tradewind.db.api.people import list_dag_versions

router = APIRouter(prefix="/api/v2/dags/{dag_id}/dagVersions", tags=["DagVersion"])


class DagVersionListQuery(PageQuery):
    """`GET …/dagVersions`."""

    version_number: Integer | None = None
    bundle_name: str | None = None
    bundle_version: str | None = None
    order_by: list[str] = Field(default_factory=list[str])


@router.get("", responses=documented(404), openapi_extra=documented_query(DagVersionListQuery))
async def get_dag_versions(
    dag_id: str, query: Annotated[DagVersionListQuery, Depends(parsed(DagVersionListQuery))], state: StateDep
) -> DAGVersionCollectionResponse:
    """A page of versions; `~` as dag_id stands for all DAGs."""
    filters = query.filters()
    if dag_id != ANYTHING:
        await existing_dag(state, dag_id)
        filters["dag_id"] = dag_id
    page = await list_dag_versions(state["database"], filters, query.page())
    return DAGVersionCollectionResponse(
        dag_versions=[dag_version(row) for row in page.rows], total_entries=page.total_entries
    )


@router.get("/{version_number}", responses=documented(404))
async def get_dag_version(dag_id: str, version_number: Integer, state: StateDep) -> DagVersionResponse:
    """One version."""
    filters = {"dag_id": dag_id, "version_number": version_number}
    page = await list_dag_versions(state["database"], filters, PageRequest(limit=1))
    if not page.rows:
        raise NotFound(f"The version {version_number} of the DAG {dag_id!r} was not found")
    return dag_version(page.rows[0])
