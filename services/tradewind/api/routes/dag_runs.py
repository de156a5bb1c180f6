"""`/api/v2/dags/{dag_id}/dagRuns`."""

from dataclasses import replace
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response

from tradewind.api.access.auditing import is_joined, joined
from tradewind.api.cursors import cursor_of, dag_run_row_id, next_cursor, previous_cursor
from tradewind.api.dag_specs import VersionKey
from tradewind.api.dependencies import StateDep, UserDep, is_command
from tradewind.api.errors import AlreadyExists, BadRequest, documented
from tradewind.api.models.dag_runs import DAGRunCollectionResponse, DAGRunResponse, TriggerDAGRunPostBody
from tradewind.api.models.queries import ANYTHING, DagRunListQuery
from tradewind.api.partitions.days import beginning_of, end_of, partition_zone
from tradewind.api.presenting import created_dag_run_response, dag_run_response
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.api.routes.dags import existing_dag
from tradewind.api.state import ApiState
from tradewind.api.triggering import told_apart
from tradewind.api.triggers.keyed import REPLAYED, first_run, keys_of_request, stored_keyed_run
from tradewind.api.triggers.preparing import prepared_run
from tradewind.core.errors import NotFound
from tradewind.db.api import dags as queries
from tradewind.db.api.dags import NewDagRun
from tradewind.db.api.pages import EXACT_COUNT
from tradewind.db.pool import Row
from tradewind.service.logging import get_logger

router = APIRouter(prefix="/api/v2/dags/{dag_id}/dagRuns", tags=["DagRun"])


@router.get("", responses=documented(400, 404), openapi_extra=documented_query(DagRunListQuery))
async def get_dag_runs(
    dag_id: str, query: Annotated[DagRunListQuery, Depends(parsed(DagRunListQuery))], state: StateDep
) -> DAGRunCollectionResponse:
    """A page of runs; `~` as dag_id stands for all DAGs."""
    filters = query.filters() | await _of_dag(state, dag_id, query)
    cursor = cursor_of(query.cursor, dag_run_row_id)
    page = await queries.list_dag_runs(state["database"], filters, query.page(), cursor, state["clock"]())
    return DAGRunCollectionResponse(
        dag_runs=[dag_run_response(row) for row in page.rows],
        total_entries=page.total_entries,
        total_entries_limit=None if cursor is None else EXACT_COUNT,
        next_cursor=next_cursor(page, cursor),
        previous_cursor=previous_cursor(page, cursor),
    )


async def _of_dag(state: ApiState, dag_id: str, query: DagRunListQuery) -> dict[str, object]:
    """What the DAG leaves, as filters; raises `NotFound` and `BadRequest`."""
    days = query.partition_date_gte, query.partition_date_lte
    if dag_id == ANYTHING:
        if days != (None, None):
            raise BadRequest("partition_date_gte and partition_date_lte need the dag_id in the path: ~ is not a DAG")
        return {}
    row = await existing_dag(state, dag_id)
    filters: dict[str, object] = {"dag_id": dag_id}
    return filters if days == (None, None) else filters | await _partition_days(state, row, *days)


async def _partition_days(state: ApiState, dag: Row, first: date | None, last: date | None) -> dict[str, object]:
    if not dag["timetable_partitioned"]:
        raise BadRequest(f"The DAG {dag['dag_id']!r} is not partitioned: its runs have no partition_date")
    zone = partition_zone(await state["dag_specs"].get(VersionKey.of_row(dag)))
    since: dict[str, object] = {} if first is None else {"partition_date_since": beginning_of(first, zone)}
    return since if last is None or last == date.max else {**since, "partition_date_before": end_of(last, zone)}


@router.get("/{dag_run_id}", responses=documented(404))
async def get_dag_run(dag_id: str, dag_run_id: str, state: StateDep) -> DAGRunResponse:
    """One run."""
    return dag_run_response(await existing_dag_run(state, dag_id, dag_run_id))


@router.post("", responses=documented(400, 404, 409))
async def trigger_dag_run(
    dag_id: str,
    body: TriggerDAGRunPostBody,
    state: StateDep,
    user: UserDep,
    request: Request,
    response: Response,
    idempotency_key: Annotated[str | None, Header(description="Asking again with it gives the first run")] = None,
) -> DAGRunResponse:
    """Create a run; a scheduler starts it at once unless the DAG is paused or has enough active runs. A retry with the
    same Idempotency-Key is answered with the run that the first request made."""
    keys = None
    if idempotency_key is not None:
        keys = keys_of_request(state, idempotency_key, user.username, dag_id, body)
        if (first := await first_run(state, keys)) is not None:
            return await _replayed(state, first, response)
    triggered_by = "ui" if "referer" in request.headers else "cli" if is_command(request) else "rest_api"
    asked, target = await prepared_run(state, dag_id, body, user.username, triggered_by)
    asked = replace(asked, event=joined(request, status=200))
    run = await (stored_run(state, asked, body) if keys is None else stored_keyed_run(state, asked, body, keys))
    if not isinstance(run, NewDagRun):
        return await _replayed(state, run, response)
    is_joined(request)
    state["announcer"].dag_runs_created((dag_id,))
    get_logger().info("dag_run.created", dag_id=dag_id, run_id=run.run_id, user=user.username)
    return created_dag_run_response(run, target)


async def _replayed(state: ApiState, first: Row, response: Response) -> DAGRunResponse:
    """The run that was made under the same key."""
    response.headers[REPLAYED] = "true"
    return dag_run_response(await existing_dag_run(state, first["dag_id"], first["dag_run_id"]))


async def stored_run(state: ApiState, run: NewDagRun, body: TriggerDAGRunPostBody) -> NewDagRun:
    """The run as it was inserted; raises `AlreadyExists`."""
    if await queries.create_dag_run(state["database"], run) is not None:
        return run
    apart = told_apart(run, body, state["new_id"]())
    if apart is not None and await queries.create_dag_run(state["database"], apart) is not None:
        return apart
    raise AlreadyExists(f"The DAG {run.dag_id!r} has a run with this dag_run_id or logical_date already")


async def existing_dag_run(state: ApiState, dag_id: str, run_id: str) -> Row:
    """The run's row; raises `NotFound`."""
    row = await queries.get_dag_run(state["database"], dag_id, run_id)
    if row is None:
        raise NotFound(f"The run {run_id!r} of the DAG {dag_id!r} was not found")
    return row
