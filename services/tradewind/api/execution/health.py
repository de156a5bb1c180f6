"""`/execution/health`: whether the API answers, and what it stands on. Nobody needs a token for it."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from tradewind.api.dependencies import StateDep
from tradewind.api.execution.route import ExecutionRoute

router = APIRouter(prefix="/execution", tags=["Execution"], route_class=ExecutionRoute)


@router.get("/health")
async def get_execution_health() -> dict[str, str]:
    """The API answers."""
    return {"status": "healthy"}


@router.get("/health/ping", responses={500: {"description": "Something that it stands on does not answer"}})
async def ping_execution(state: StateDep) -> JSONResponse:
    """What it stands on: `ok` names what answers, `failing` what does not and why (then the status is 500)."""
    results = {name: await check() for name, check in state["checks"].items()}
    failing: dict[str, Any] = {name: result.detail for name, result in results.items() if not result.healthy}
    ok = [name for name in results if name not in failing]
    return JSONResponse({"ok": ok, "failing": failing}, status_code=500 if failing else 200)
