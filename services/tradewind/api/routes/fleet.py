"""`/api/v2/workers` and `/api/v2/queues`: who runs tasks, what runs where, and what waits. Not in Airflow."""

from typing import Annotated

from fastapi import APIRouter, Depends

from tradewind.api.dependencies import StateDep, UserDep
from tradewind.api.errors import Conflicting, documented
from tradewind.api.models.fleet import (
    AttemptListQuery,
    QueueCollectionResponse,
    QueueListQuery,
    RunningAttemptCollectionResponse,
    RunningAttemptResponse,
    WorkerCollectionResponse,
    WorkerListQuery,
    WorkerResponse,
)
from tradewind.api.models.queries import ANYTHING
from tradewind.api.presenting import plain
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.api.queues import ordered, queues_of, with_depths
from tradewind.api.state import ApiState
from tradewind.core.errors import NotFound
from tradewind.core.executors import ConfiguredExecutors, configured_executors
from tradewind.db.api import fleet as queries
from tradewind.db.api.pages import PageRequest
from tradewind.db.pool import Row
from tradewind.service.logging import get_logger

router = APIRouter(prefix="/api/v2", tags=["Worker"])


@router.get("/workers", responses=documented(400), openapi_extra=documented_query(WorkerListQuery))
async def get_workers(
    query: Annotated[WorkerListQuery, Depends(parsed(WorkerListQuery))], state: StateDep
) -> WorkerCollectionResponse:
    """A page of workers, and of executors that run tasks themselves; those lost stay listed for a time."""
    page = await queries.list_workers(state["database"], query.filters(), query.page(), state["clock"]())
    return WorkerCollectionResponse(
        workers=[plain(WorkerResponse, row) for row in page.rows], total_entries=page.total_entries
    )


@router.get("/workers/{worker_id}", responses=documented(404))
async def get_worker(worker_id: str, state: StateDep) -> WorkerResponse:
    """One worker."""
    return await _worker(state, worker_id)


@router.get(
    "/workers/{worker_id}/attempts", responses=documented(400, 404), openapi_extra=documented_query(AttemptListQuery)
)
async def get_worker_attempts(
    worker_id: str, query: Annotated[AttemptListQuery, Depends(parsed(AttemptListQuery))], state: StateDep
) -> RunningAttemptCollectionResponse:
    """A page of what runs on a worker, longest first; `~` stands for all workers."""
    filters = query.filters()
    if worker_id != ANYTHING:
        filters["incarnation"] = str((await _worker(state, worker_id)).incarnation)
    page = await queries.list_running_attempts(state["database"], filters, query.page(), state["clock"]())
    return RunningAttemptCollectionResponse(
        attempts=[_attempt(row, _executors(state)) for row in page.rows], total_entries=page.total_entries
    )


@router.post("/workers/{worker_id}/drain", responses=documented(404, 409))
async def drain_worker(worker_id: str, state: StateDep, user: UserDep) -> WorkerResponse:
    """Have a worker take nothing any more, finish what it runs within its grace, and leave. It hears of it
    with its next heartbeat; asking again changes nothing."""
    worker = await _worker(state, worker_id)
    if worker.state == "lost":
        raise Conflicting(f"The worker {worker_id!r} is lost: there is nothing to drain")
    if not await queries.drain_worker(state["database"], worker_id, state["clock"]()):
        raise Conflicting(f"{worker_id!r} is part of another service ({worker.kind}): it leaves when that is stopped")
    get_logger().info("worker.drain_asked", worker_id=worker_id, user=user.username)
    return await _worker(state, worker_id)


@router.get("/queues", responses=documented(400), openapi_extra=documented_query(QueueListQuery))
async def get_queues(
    query: Annotated[QueueListQuery, Depends(parsed(QueueListQuery))], state: StateDep
) -> QueueCollectionResponse:
    """A page of queues: what waits and since when, what runs, and who listens."""
    executors = _executors(state)
    rows = await queries.list_queues(state["database"], state["clock"]())
    found, page = ordered(queues_of(rows, executors), query.order_by), query.page()
    shown = found[page.offset : page.offset + page.limit]
    return QueueCollectionResponse(queues=await with_depths(shown, state["bus"], executors), total_entries=len(found))


async def _worker(state: ApiState, worker_id: str) -> WorkerResponse:
    page = await queries.list_workers(
        state["database"], {"worker_id": worker_id}, PageRequest(limit=1), state["clock"]()
    )
    if not page.rows:
        raise NotFound(f"The worker {worker_id!r} was not found")
    return plain(WorkerResponse, page.rows[0])


def _attempt(row: Row, executors: ConfiguredExecutors) -> RunningAttemptResponse:
    chosen = executors.choose(row["executor"], row["queue"])
    executor = row["executor"] if chosen is None else chosen.name
    return RunningAttemptResponse.model_validate({**dict(row.items()), "executor": executor})


def _executors(state: ApiState) -> ConfiguredExecutors:
    core = state["settings"].core
    return configured_executors(core.executor, core.executor_queues)
