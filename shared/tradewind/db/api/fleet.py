"""What the API shows of processes, workers and queues, and how it asks a worker to leave."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from tradewind.db.api.pages import Page, PageRequest, fetch_page
from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement

QUEUES_MAX: Final = 1_000


async def list_workers(database: Database, filters: Mapping[str, object], request: PageRequest, now: datetime) -> Page:
    """Workers, by name unless another order is asked for."""
    return await fetch_page(database, "api_list_workers", filters, request, {"now": now})


async def list_jobs(database: Database, filters: Mapping[str, object], request: PageRequest, now: datetime) -> Page:
    """Processes that keep a row while they live."""
    return await fetch_page(database, "api_list_jobs", filters, request, {"now": now})


async def list_running_attempts(
    database: Database, filters: Mapping[str, object], request: PageRequest, now: datetime
) -> Page:
    """Attempts that run, by id unless another order is asked for."""
    return await fetch_page(database, "api_list_running_attempts", filters, request, {"now": now})


async def list_queues(database: Database, now: datetime) -> Sequence[Row]:
    """One row per queue and executor that tasks name (null: none), by queue."""
    return await database.fetch(statement("api_list_queues"), now, QUEUES_MAX)


async def drain_worker(database: Database, worker_id: str, now: datetime) -> bool:
    """Whether there is such a worker alive that can leave; asking again changes nothing."""
    return bool(await database.fetch(statement("api_drain_worker"), worker_id, now))
