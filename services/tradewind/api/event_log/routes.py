"""`/api/v2/eventLogs`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from tradewind.api.dependencies import StateDep
from tradewind.api.errors import documented
from tradewind.api.event_log.models import EventLogCollectionResponse, EventLogListQuery, EventLogResponse
from tradewind.api.presenting import plain
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.core.errors import NotFound
from tradewind.db.api import access as queries

router = APIRouter(prefix="/api/v2/eventLogs", tags=["Event Log"])


@router.get("/{event_log_id}", responses=documented(404))
async def get_event_log(event_log_id: Annotated[int, Path(ge=-(2**63), lt=2**63)], state: StateDep) -> EventLogResponse:
    """One thing that somebody did."""
    row = await queries.get_event(state["database"], event_log_id)
    if row is None:
        raise NotFound(f"The event log with id {event_log_id} was not found")
    return plain(EventLogResponse, row)


@router.get("", openapi_extra=documented_query(EventLogListQuery))
async def get_event_logs(
    query: Annotated[EventLogListQuery, Depends(parsed(EventLogListQuery))], state: StateDep
) -> EventLogCollectionResponse:
    """A page of what people asked to be changed, in the order in which it was done."""
    page = await queries.list_events(state["database"], query.filters(), query.page())
    events = [plain(EventLogResponse, row) for row in page.rows]
    return EventLogCollectionResponse(event_logs=events, total_entries=page.total_entries)
