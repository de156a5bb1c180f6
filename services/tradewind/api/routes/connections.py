"""`/api/v2/connections`."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from tradewind.api.dependencies import StateDep
from tradewind.api.errors import AlreadyExists, BadRequest, Forbidden, documented
from tradewind.api.models.connections import (
    ConnectionBody,
    ConnectionCollectionResponse,
    ConnectionResponse,
    ConnectionTestResponse,
)
from tradewind.api.models.queries import ConnectionListQuery
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.api.redaction import MASK, redacted_text
from tradewind.api.state import ApiState
from tradewind.core.errors import NotFound
from tradewind.db.api import admin as queries
from tradewind.db.pool import Row

router = APIRouter(prefix="/api/v2/connections", tags=["Connection"])

ENCRYPTED_FIELDS = ("password", "extra")


@router.get("", responses=documented(404), openapi_extra=documented_query(ConnectionListQuery))
async def get_connections(
    query: Annotated[ConnectionListQuery, Depends(parsed(ConnectionListQuery))], state: StateDep
) -> ConnectionCollectionResponse:
    """A page of connections."""
    page = await queries.list_connections(state["database"], query.filters(), query.page())
    return ConnectionCollectionResponse(
        connections=[_shown(state, row) for row in page.rows], total_entries=page.total_entries
    )


@router.post("", status_code=201, responses=documented(409))
async def post_connection(body: ConnectionBody, state: StateDep) -> ConnectionResponse:
    """Create a connection."""
    values = _stored(state, body, queries.CONNECTION_FIELDS)
    if not await queries.create_connection(state["database"], body.connection_id, values):
        raise AlreadyExists(f"The connection {body.connection_id!r} exists already")
    return await get_connection(body.connection_id, state)


@router.post("/test", responses=documented(403))
async def test_connection(body: ConnectionBody) -> ConnectionTestResponse:
    """Refused, as where `[core] test_connection` is off: hooks are authors' code, which does not run here."""
    raise Forbidden(
        f"Testing connections is disabled: {body.connection_id!r} can be tested by a task, with"
        " Connection.get(...).test_connection()"
    )


@router.get("/{connection_id}", responses=documented(404))
async def get_connection(connection_id: str, state: StateDep) -> ConnectionResponse:
    """One connection."""
    row = await queries.get_connection(state["database"], connection_id)
    if row is None:
        raise _not_found(connection_id)
    return _shown(state, row)


@router.patch("/{connection_id}", responses=documented(400, 404))
async def patch_connection(
    connection_id: str,
    body: ConnectionBody,
    state: StateDep,
    update_mask: Annotated[list[str] | None, Query()] = None,
) -> ConnectionResponse:
    """Change a connection: the fields of the body, or those that `update_mask` names. A masked password stays."""
    if body.connection_id != connection_id:
        raise BadRequest("The connection_id in the body is not that of the path")
    given = {"schema" if name == "schema_" else name for name in body.model_fields_set}
    fields = [name for name in queries.CONNECTION_FIELDS if name in given and (not update_mask or name in update_mask)]
    if body.password == MASK:
        fields = [name for name in fields if name != "password"]
    row = await queries.update_connection(state["database"], connection_id, _stored(state, body, fields))
    if row is None:
        raise _not_found(connection_id)
    return _shown(state, row)


@router.delete("/{connection_id}", status_code=204, responses=documented(404))
async def delete_connection(connection_id: str, state: StateDep) -> Response:
    """Remove a connection."""
    if not await queries.delete_connection(state["database"], connection_id):
        raise _not_found(connection_id)
    return Response(status_code=204)


def _stored(state: ApiState, body: ConnectionBody, fields: Iterable[str]) -> dict[str, object]:
    given = body.model_dump(by_alias=True)
    values = {name: given[name] for name in fields}
    for name in ENCRYPTED_FIELDS:
        if values.get(name) is not None:
            values[name] = state["secrets"].encrypt(values[name])
    return values


def _shown(state: ApiState, row: Row) -> ConnectionResponse:
    secrets = {name: None if row[name] is None else state["secrets"].decrypt(row[name]) for name in ENCRYPTED_FIELDS}
    shown = {
        "connection_id": row["conn_id"],
        "password": redacted_text(secrets["password"], "password"),
        "extra": redacted_text(secrets["extra"]),
    }
    return ConnectionResponse.model_validate({**dict(row.items()), **shown})


def _not_found(connection_id: str) -> NotFound:
    return NotFound(f"The connection {connection_id!r} was not found")
