"""`/execution/variables/keys`: which variables there are."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from tradewind.api.dependencies import AttemptDep, StateDep
from tradewind.api.errors import documented
from tradewind.api.execution.models.answers import VariableKeyPage
from tradewind.api.execution.route import ExecutionRoute
from tradewind.api.execution.versions import speaks_airflow
from tradewind.api.models.execution import VariableResponse
from tradewind.api.routes.execution import get_task_variable
from tradewind.db.api.attempt_leases import page_variable_keys

router = APIRouter(
    prefix="/execution",
    tags=["Execution"],
    route_class=ExecutionRoute,
    responses=documented(400, 401, 403, 409, 410),
)

KEYS = "keys"


@router.get("/variables/keys", responses=documented(404))
async def page_task_variable_keys(
    request: Request,
    state: StateDep,
    attempt: AttemptDep,
    prefix: str = "",
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    offset: Annotated[int, Query(ge=0, lt=2**62)] = 0,
) -> VariableKeyPage | VariableResponse:
    """A page of the keys that begin so, without their values."""
    if not speaks_airflow(request):
        return await get_task_variable(KEYS, state, attempt)
    keys, total = await page_variable_keys(state["database"], attempt.attempt_id, prefix, limit, offset)
    return VariableKeyPage(keys=list(keys), total_entries=total)
