"""`/execution/connection-tests`: whoever runs hooks takes tests, and says what came of them."""

from uuid import UUID

from fastapi import APIRouter, Depends, Response

from tradewind.api.connection_tests.asking import opened
from tradewind.api.connection_tests.models import ConnectionTestAnswer, TakenConnectionTest
from tradewind.api.dependencies import StateDep, require_reader
from tradewind.api.errors import Forbidden, NoSuchThing, documented
from tradewind.api.kept.connections import KIND
from tradewind.api.state import ApiState
from tradewind.db.api import connection_tests as queries
from tradewind.db.pool import Transaction
from tradewind.service.tokens import CONNECTION_TESTER, ReaderClaims

MESSAGE_MAX = 2_000


async def require_tester(claims: ReaderClaims = Depends(require_reader)) -> None:  # noqa: B008 - FastAPI's way
    """Files that are imported have readers' tokens, too, and may not do this."""
    if claims.service != CONNECTION_TESTER:
        raise Forbidden({"reason": "forbidden", "message": "This token is for reading what is stored"})


router = APIRouter(
    prefix="/execution/connection-tests",
    tags=["Execution"],
    responses=documented(401, 403, 404),
    dependencies=[Depends(require_tester)],
)


@router.post("/take")
async def take_connection_test(state: StateDep) -> TakenConnectionTest:
    """The test that waits longest, which nobody else gets from now on."""
    row = await queries.take(state["database"], state["clock"]())
    if row is None:
        raise NoSuchThing("Nothing waits to be tested")
    return TakenConnectionTest(id=row["id"], connection=dict(opened(state, row["connection"])))


@router.post("/{test_id}/answer", status_code=204)
async def answer_connection_test(test_id: UUID, body: ConnectionTestAnswer, state: StateDep) -> Response:
    """What the hook said; a connection that works is kept if that was asked for."""
    async with state["database"].transaction() as session:
        row = await queries.locked(session, test_id)
        if row is None:
            raise NoSuchThing("There is no such test, or it is over")
        if body.status and row["commit_on_success"]:
            await _keep(state, session, row["connection"])
        outcome = "success" if body.status else "failed"
        await queries.finish(session, test_id, outcome, body.message[:MESSAGE_MAX], state["clock"]())
    return Response(status_code=204)


async def _keep(state: ApiState, session: Transaction, connection: bytes) -> None:
    values = opened(state, connection)
    rows = [KIND.sealed(values, state["secrets"])]
    if await KIND.table.locked(session, [str(values["conn_id"])]):
        await KIND.table.write_changed(session, rows)
    else:
        await KIND.table.write_new(session, rows)
