"""`/api/v2/variables`."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Response

from tradewind.api.dependencies import StateDep
from tradewind.api.errors import BadRequest, Conflicting, documented
from tradewind.api.kept import writing
from tradewind.api.kept.planning import Values
from tradewind.api.kept.variables import KIND
from tradewind.api.models.actions import BulkBody, BulkResponse
from tradewind.api.models.queries import VariableListQuery
from tradewind.api.models.variables import VariableBody, VariableCollectionResponse, VariableResponse
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.api.redaction import redacted_text
from tradewind.db.api import admin as queries

router = APIRouter(prefix="/api/v2/variables", tags=["Variable"])


@router.get("", openapi_extra=documented_query(VariableListQuery))
async def get_variables(
    query: Annotated[VariableListQuery, Depends(parsed(VariableListQuery))], state: StateDep
) -> VariableCollectionResponse:
    """A page of variables."""
    page = await queries.list_variables(state["database"], query.filters(), query.page())
    return VariableCollectionResponse(
        variables=[_shown(KIND.opened(row, state["secrets"])) for row in page.rows],
        total_entries=page.total_entries,
    )


@router.post("", status_code=201, responses=documented(409))
async def post_variable(body: VariableBody, state: StateDep) -> VariableResponse:
    """Create a variable."""
    created = await writing.create(state, KIND, body)
    if created is None:
        raise Conflicting(f"The variable {body.key!r} exists already")
    return _shown(created)


@router.patch("")
async def bulk_variables(body: BulkBody[VariableBody], state: StateDep) -> BulkResponse:
    """Create, change and delete many variables, all or (after an error that is no refusal) none."""
    return await writing.change_many(state, KIND, body)


@router.get("/{variable_key:path}", responses=documented(404))
async def get_variable(variable_key: str, state: StateDep) -> VariableResponse:
    """One variable."""
    row = await queries.get_variable(state["database"], variable_key)
    if row is None:
        raise writing.not_found(KIND, variable_key)
    return _shown(KIND.opened(row, state["secrets"]))


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
    return _shown(
        await writing.change(state, KIND, variable_key, lambda before: KIND.rules.changed(before, body, update_mask))
    )


@router.delete("/{variable_key:path}", status_code=204, responses=documented(404))
async def delete_variable(variable_key: str, state: StateDep) -> Response:
    """Remove a variable."""
    await writing.remove(state, KIND, variable_key)
    return Response(status_code=204)


def _shown(values: Values) -> VariableResponse:
    shown = redacted_text(cast("str | None", values["value"]), cast("str", values["key"]))
    return VariableResponse.model_validate({**values, "value": shown, "is_encrypted": True})
