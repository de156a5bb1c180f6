"""`/execution`: what DAG files read while they are imported, in the name of no attempt. Reading is all that there is.

Not found is 404 with `reason` `not_found`.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from tradewind.api.dependencies import StateDep, require_reader
from tradewind.api.errors import NoSuchThing, documented
from tradewind.api.execution.own_environment import connection_here, variable_here
from tradewind.api.models.execution import StoredConnectionResponse, StoredVariableResponse
from tradewind.db.api import stored_values as queries
from tradewind.db.pool import Row

router = APIRouter(
    prefix="/execution",
    tags=["Execution"],
    responses=documented(401, 403, 404),
    dependencies=[Depends(require_reader)],
)

Name = Annotated[str, Path(min_length=1)]


@router.get("/stored-variables/{key:path}")
async def read_stored_variable(key: Name, state: StateDep) -> StoredVariableResponse:
    """A variable's value, and what tells this value from the next."""
    row = await queries.read_variable(state["database"], key)
    if (here := variable_here(key)) is not None:
        return StoredVariableResponse(key=key, value=here, fingerprint=_fingerprint(row))
    if row is None:
        raise NoSuchThing(f"The variable {key!r} was not found")
    value = state["secrets"].decrypt(row["value"])
    return StoredVariableResponse(key=key, value=value, fingerprint=row["fingerprint"])


@router.get("/stored-connections/{conn_id}")
async def read_stored_connection(conn_id: Name, state: StateDep) -> StoredConnectionResponse:
    """A connection with its secrets, and what tells it from what it will be."""
    row = await queries.read_connection(state["database"], conn_id)
    if (here := connection_here(conn_id)) is not None:
        return StoredConnectionResponse.model_validate({**here, "fingerprint": _fingerprint(row)})
    if row is None:
        raise NoSuchThing(f"The connection {conn_id!r} was not found")
    decrypt = state["secrets"].decrypt
    secrets = {name: None if row[name] is None else decrypt(row[name]) for name in ("password", "extra")}
    return StoredConnectionResponse.model_validate({**dict(row.items()), **secrets})


def _fingerprint(row: Row | None) -> str:
    """Of what is stored, whatever is answered: what has changed is told by it. Empty: nothing is."""
    return "" if row is None else row["fingerprint"]
