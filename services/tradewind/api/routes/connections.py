"""`/api/v2/connections`."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Response

from tradewind.api.dependencies import StateDep
from tradewind.api.errors import AlreadyExists, BadRequest, documented
from tradewind.api.kept import writing
from tradewind.api.kept.connections import KIND
from tradewind.api.kept.default_connections import default_connections
from tradewind.api.kept.planning import Values
from tradewind.api.models.actions import BulkBody, BulkResponse
from tradewind.api.models.connections import (
    ConnectionBody,
    ConnectionCollectionResponse,
    ConnectionResponse,
)
from tradewind.api.models.queries import ConnectionListQuery
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.api.redaction import redacted_text
from tradewind.db.api import admin as queries

router = APIRouter(prefix="/api/v2/connections", tags=["Connection"])


@router.get("", responses=documented(404), openapi_extra=documented_query(ConnectionListQuery))
async def get_connections(
    query: Annotated[ConnectionListQuery, Depends(parsed(ConnectionListQuery))], state: StateDep
) -> ConnectionCollectionResponse:
    """A page of connections."""
    page = await queries.list_connections(state["database"], query.filters(), query.page())
    return ConnectionCollectionResponse(
        connections=[_shown(KIND.opened(row, state["secrets"])) for row in page.rows],
        total_entries=page.total_entries,
    )


@router.post("", status_code=201, responses=documented(409))
async def post_connection(body: ConnectionBody, state: StateDep) -> ConnectionResponse:
    """Create a connection."""
    created = await writing.create(state, KIND, body)
    if created is None:
        raise AlreadyExists(f"The connection {body.connection_id!r} exists already")
    return _shown(created)


@router.patch("")
async def bulk_connections(body: BulkBody[ConnectionBody], state: StateDep) -> BulkResponse:
    """Create, change and delete many connections, all or (after an error that is no refusal) none."""
    return await writing.change_many(state, KIND, body)


@router.post("/defaults", status_code=204)
async def create_default_connections(state: StateDep) -> Response:
    """Create the connections that operators name by default; those that exist stay as they are."""
    await writing.create_missing(state, KIND, default_connections())
    return Response(status_code=204)


@router.get("/{connection_id}", responses=documented(404))
async def get_connection(connection_id: str, state: StateDep) -> ConnectionResponse:
    """One connection."""
    row = await queries.get_connection(state["database"], connection_id)
    if row is None:
        raise writing.not_found(KIND, connection_id)
    return _shown(KIND.opened(row, state["secrets"]))


@router.patch("/{connection_id}", responses=documented(400, 404))
async def patch_connection(
    connection_id: str,
    body: ConnectionBody,
    state: StateDep,
    update_mask: Annotated[list[str] | None, Query()] = None,
) -> ConnectionResponse:
    """Change a connection: the fields of the body, or those that `update_mask` names. What is masked stays."""
    if body.connection_id != connection_id:
        raise BadRequest("The connection_id in the body is not that of the path")
    return _shown(
        await writing.change(state, KIND, connection_id, lambda before: KIND.rules.changed(before, body, update_mask))
    )


@router.delete("/{connection_id}", status_code=204, responses=documented(404))
async def delete_connection(connection_id: str, state: StateDep) -> Response:
    """Remove a connection."""
    await writing.remove(state, KIND, connection_id)
    return Response(status_code=204)


def _shown(values: Values) -> ConnectionResponse:
    shown = {
        "connection_id": values["conn_id"],
        "password": redacted_text(cast("str | None", values["password"]), "password"),
        "extra": redacted_text(cast("str | None", values["extra"])),
    }
    return ConnectionResponse.model_validate({**values, **shown})
