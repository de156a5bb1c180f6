"""`/api/v2/importErrors`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from tradewind.api.dependencies import StateDep
from tradewind.api.errors import documented
from tradewind.api.models.import_errors import ImportErrorCollectionResponse, ImportErrorResponse
from tradewind.api.models.queries import ImportErrorListQuery
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.core.bundles import bundle_of
from tradewind.core.errors import NotFound
from tradewind.db.api import admin as queries
from tradewind.db.pool import Row

router = APIRouter(prefix="/api/v2/importErrors", tags=["Import Error"])


@router.get("/{import_error_id}", responses=documented(404))
async def get_import_error(
    import_error_id: Annotated[int, Path(ge=-(2**63), lt=2**63)], state: StateDep
) -> ImportErrorResponse:
    """Why one DAG file could not be loaded."""
    row = await queries.get_import_error(state["database"], import_error_id)
    if row is None:
        raise NotFound(f"The import error {import_error_id} was not found")
    return _shown(row)


@router.get("", openapi_extra=documented_query(ImportErrorListQuery))
async def get_import_errors(
    query: Annotated[ImportErrorListQuery, Depends(parsed(ImportErrorListQuery))], state: StateDep
) -> ImportErrorCollectionResponse:
    """A page of the DAG files that could not be loaded."""
    page = await queries.list_import_errors(state["database"], query.filters(), query.page())
    return ImportErrorCollectionResponse(
        import_errors=[_shown(row) for row in page.rows], total_entries=page.total_entries
    )


def _shown(row: Row) -> ImportErrorResponse:
    return ImportErrorResponse.model_validate({**dict(row.items()), "bundle_name": bundle_of(row["filename"])})
