"""`/api/v2/events`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.responses import StreamingResponse

from tradewind.api.access.guard import VisibleDep
from tradewind.api.dependencies import StateDep
from tradewind.api.errors import BadRequest, documented
from tradewind.api.events.position import place_of
from tradewind.api.events.selection import EventQuery, Selection
from tradewind.api.events.stream import open_stream
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.db.pool import InvalidValue

router = APIRouter(prefix="/api/v2/events", tags=["Event"])

EVENT_STREAM = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}


@router.get(
    "",
    response_class=StreamingResponse,
    responses={**documented(400, 410, 503), **EVENT_STREAM},
    openapi_extra=documented_query(EventQuery),
)
async def get_events(
    query: Annotated[EventQuery, Depends(parsed(EventQuery))],
    state: StateDep,
    visible: VisibleDep,
    last_event_id: Annotated[str | None, Header(description="Go on after this event")] = None,
) -> StreamingResponse:
    """Server-sent events: each change of the state of a run (`event: dag_run`) or a task instance
    (`event: task_instance`), once, from now on or after an event of before; a comment now and then when there is
    nothing; `event: end` with a reason before this process ends the answer."""
    event_id = last_event_id or query.last_event_id
    start = place_of(event_id) if event_id else None
    try:
        return await open_stream(state["database"], state["change_feed"], Selection(query, visible.sees), start)
    except InvalidValue as exc:
        raise BadRequest("The last event id is none that was given here") from exc
