"""`/api/v2/variables`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from tradewind.api.dependencies import StateDep
from tradewind.api.errors import AlreadyExists, BadRequest, documented
from tradewind.api.models.queries import VariableListQuery
from tradewind.api.models.variables import VariableBody, VariableCollectionResponse, VariableResponse
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.api.redaction import redacted_text
from tradewind.api.state import ApiState
from tradewind.core.errors import NotFound
from tradewind.db.api import admin as queries
from tradewind.db.pool import Row

router = APIRouter(prefix="/api/v2/variables", tags=["Variable"])


@router.get("", openapi_extra=documented_query(VariableListQuery))
async def get_variables(
    query: Annotated[VariableListQuery, Depends(parsed(VariableListQuery))], state: StateDep
) -> VariableCollectionResponse:
    """A page of variables."""
    page = await queries.list_variables(state["database"], query.filters(), query.page())
    return VariableCollectionResponse(
        variables=[_shown(state, row) for row in page.rows], total_entries=page.total_entries
    )


@router.post("", status_code=201, responses=documented(409))
async def post_variable(body: VariableBody, state: StateDep) -> VariableResponse:
    """Create a variable."""
    value = state["secrets"].encrypt(str(body.value))
    if not await queries.create_variable(state["database"], body.key, value, body.description):
        raise AlreadyExists(f"The variable {body.key!r} exists already")
    return await get_variable(body.key, state)


@router.get("/{variable_key:path}", responses=documented(404))
async def get_variable(variable_key: str, state: StateDep) -> VariableResponse:
    """One variable."""
    row = await queries.get_variable(state["database"], variable_key)
    if row is None:
        raise _not_found(variable_key)
    return _shown(state, row)


@router.patch("/{variable_key:path}", responses=documented(400, 404))
async def patch_variable(
    variable_key: str,
    body: VariableBody,
    state: StateDep,
    update_mask: Annotated[list[str] | None, Query()] = None,
) -> VariableResponse:
    """Change a variable: the fields of the body, or those that `update_mask` names."""
    if body.key != variable_key:
        raise BadRequest("The key in the body is not that of the path")
    fields = [name for name in ("value", "description") if name in (update_mask or body.model_fields_set)]
    value = state["secrets"].encrypt(str(body.value))
    row = await queries.update_variable(state["database"], variable_key, fields, value, body.description)
    if row is None:
        raise _not_found(variable_key)
    return _shown(state, row)


@router.delete("/{variable_key:path}", status_code=204, responses=documented(404))
async def delete_variable(variable_key: str, state: StateDep) -> Response:
    """Remove a variable."""
    if not await queries.delete_variable(state["database"], variable_key):
        raise _not_found(variable_key)
    return Response(status_code=204)


def _shown(state: ApiState, row: Row) -> VariableResponse:
    value = redacted_text(state["secrets"].decrypt(row["value"]), row["key"])
    return VariableResponse(key=row["key"], value=value, description=row["description"], is_encrypted=True)


def _not_found(key: str) -> NotFound:
    return NotFound(f"The variable {key!r} was not found")
