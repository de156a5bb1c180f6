"""`/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/wait`."""

from contextlib import ExitStack
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response

from tradewind.api.dependencies import StateDep
from tradewind.api.errors import documented
from tradewind.api.events.waiting import WaitResponse, lines_until_end
from tradewind.api.routes.dag_runs import existing_dag_run

router = APIRouter(prefix="/api/v2/dags/{dag_id}/dagRuns", tags=["DagRun"])

JSON, NDJSON = "application/json", "application/x-ndjson"
EXAMPLE: Final = '{"state": "running"}\n{"state": "success", "results": {"add": 3}}\n'


@router.get(
    "/{dag_run_id}/wait",
    responses={
        **documented(404, 503),
        200: {"content": {JSON: {"schema": {}}, NDJSON: {"schema": {"type": "string", "example": EXAMPLE}}}},
    },
)
async def wait_dag_run_until_finished(
    dag_id: str,
    dag_run_id: str,
    state: StateDep,
    interval: Annotated[
        float, Query(gt=0.0, description="Seconds until the same state is said again: it is not looked up for that")
    ],
    result: Annotated[
        list[str] | None,
        Query(description="Tasks whose return values to give; left out, those that the DAG returns"),
    ] = None,
    accept: Annotated[str, Header(include_in_schema=False)] = NDJSON,
) -> Response:
    """Wait until the run has ended. One JSON object a line: its state, and in the last one the `results`."""
    run = await existing_dag_run(state, dag_id, dag_run_id)
    with ExitStack() as stack:
        changed = stack.enter_context(state["change_feed"].waiting(run["id"]))
        lines = lines_until_end(state, run, changed, interval, result)
        # A client that can read only JSON takes lines of it as text if nothing says what they are.
        media_type = None if accept.startswith(JSON) else NDJSON
        return WaitResponse(lines, place=stack.pop_all(), media_type=media_type)
