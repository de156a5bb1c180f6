"""`/api/v2/connections/test` and `/api/v2/connections/enqueue-test`."""

from typing import Annotated

from fastapi import APIRouter, Header

from tradewind.api.connection_tests import asking
from tradewind.api.connection_tests.models import (
    AsyncConnectionTestResponse,
    ConnectionTestQueuedResponse,
    ConnectionTestRequestBody,
)
from tradewind.api.dependencies import StateDep
from tradewind.api.errors import documented
from tradewind.api.models.connections import ConnectionBody, ConnectionTestResponse
from tradewind.core.errors import NotFound

router = APIRouter(prefix="/api/v2/connections", tags=["Connection"])


@router.post("/test", responses=documented(400, 403, 409))
async def test_connection(body: ConnectionBody, state: StateDep) -> ConnectionTestResponse:
    """Have a connection tested, and wait for the answer."""
    asking.check_enabled(state)
    ended = await asking.ended(state, await asking.enqueue(state, body, commit_on_success=False))
    return ConnectionTestResponse(status=ended.is_good, message=ended.message)


@router.post("/enqueue-test", status_code=202, responses=documented(403, 409))
async def enqueue_connection_test(body: ConnectionTestRequestBody, state: StateDep) -> ConnectionTestQueuedResponse:
    """Have a connection tested; the token is for asking what became of it."""
    asking.check_enabled(state)
    asking.check_executor(state, body.executor)
    token = await asking.enqueue(state, body, commit_on_success=body.commit_on_success)
    return ConnectionTestQueuedResponse(token=token, connection_id=body.connection_id, state="pending")


@router.get("/enqueue-test", responses=documented(404))
async def get_connection_test(
    token: Annotated[str, Header(alias="Airflow-Connection-Test-Token")], state: StateDep
) -> AsyncConnectionTestResponse:
    """What became of a test."""
    row = await asking.find(state, token)
    if row is None:
        raise NotFound("There is no test with this token, or not any more")
    return AsyncConnectionTestResponse.model_validate({**dict(row.items()), "token": token})
