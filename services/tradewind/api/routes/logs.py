"""`…/taskInstances/{task_id}/logs/{try_number}`."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query
from fastapi.responses import Response, StreamingResponse

from tradewind.api.dependencies import StateDep
from tradewind.api.errors import BadRequest, NotAcceptable, documented
from tradewind.api.models.logs import ExternalLogUrlResponse, TaskInstancesLogResponse
from tradewind.api.models.queries import Integer
from tradewind.api.state import ApiState
from tradewind.api.task_logs.external import external_url
from tradewind.api.task_logs.following import FollowResponse, followed_batches
from tradewind.api.task_logs.position import LogPosition
from tradewind.api.task_logs.reading import LogReader, open_log
from tradewind.api.task_logs.records import as_text
from tradewind.core.errors import NotFound
from tradewind.db.api.task_logs import TryKey
from tradewind.db.api.tasks import get_task_instance

router = APIRouter(prefix="/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances", tags=["Task Instance"])

JSON, NDJSON, TEXT, ANY = "application/json", "application/x-ndjson", "text/plain", "*/*"
MAX_JSON_BYTES = 32 * 1024 * 1024
"""A longer log comes in several answers, each with a continuation token."""

CONTINUATION_HEADER = "Airflow-Continuation-Token"
"""With NDJSON and text: a token for what follows, while the try runs."""

Accept = Annotated[str, Header(json_schema_extra={"enum": [JSON, NDJSON, TEXT, ANY]})]
Batches = AsyncIterator[list[bytes]]


@router.get(
    "/{task_id}/logs/{try_number}",
    response_model=TaskInstancesLogResponse,
    responses={**documented(404, 406), 200: {"content": {NDJSON: {"schema": {"type": "string"}}}}},
)
async def get_log(
    dag_id: str,
    dag_run_id: str,
    task_id: str,
    try_number: Annotated[int, Path(ge=0, lt=2**31)],
    state: StateDep,
    full_content: Annotated[bool, Query(description="The whole log in one answer, however long")] = False,
    map_index: Integer = -1,
    token: str | None = None,
    follow: Annotated[bool, Query(description="Go on until the try has ended; not as application/json")] = False,
    accept: Accept = ANY,
) -> Response:
    """The log of one try: the records of each attempt under one that names the attempt and its worker. While the try
    runs, what has been logged so far, and a token for what follows; with `follow`, the answer itself goes on, with an
    empty line now and then when nothing is logged."""
    content_type = _content_type(accept, follow=follow)
    key = TryKey(dag_id=dag_id, run_id=dag_run_id, task_id=task_id, map_index=map_index, try_number=try_number)
    if follow:
        return await _follow(state, key, LogPosition.of_token(token), content_type)
    reader = await open_log(state["database"], state["log_stores"], key, LogPosition.of_token(token))
    if content_type == JSON:
        body = _json(reader, await _begun(reader.batches()), None if full_content else MAX_JSON_BYTES)
        return StreamingResponse(body, media_type=JSON)
    headers = {CONTINUATION_HEADER: (await reader.end()).token()} if reader.is_live else None
    lines = _lines(await _begun(reader.batches()), content_type)
    return StreamingResponse(lines, media_type=content_type, headers=headers)


@router.get("/{task_id}/externalLogUrl/{try_number}", responses=documented(400, 404))
async def get_external_log_url(
    dag_id: str,
    dag_run_id: str,
    task_id: str,
    try_number: Annotated[int, Path(gt=0, lt=2**31)],
    state: StateDep,
    map_index: Integer = -1,
) -> ExternalLogUrlResponse:
    """Where another system shows the log of a try, if the settings name one."""
    template = state["settings"].logging.external_log_url
    if not template:
        raise BadRequest("No other system shows logs: TRADEWIND__LOGGING__EXTERNAL_LOG_URL is not set")
    key = TryKey(dag_id=dag_id, run_id=dag_run_id, task_id=task_id, map_index=map_index, try_number=try_number)
    if await get_task_instance(state["database"], dag_id, dag_run_id, task_id, map_index) is None:
        raise NotFound(f"The task instance {task_id!r} (map_index {map_index}) of the run {dag_run_id!r} was not found")
    return ExternalLogUrlResponse(url=external_url(template, key))


def _content_type(accept: str, *, follow: bool) -> str:
    wanted = next((kind for kind in (ANY, JSON, NDJSON, TEXT) if accept.startswith(kind)), None)
    if wanted is None:
        raise NotAcceptable(f"Only {JSON}, {NDJSON} and {TEXT} are to be had")
    if follow and wanted == JSON:
        raise BadRequest(f"A log is followed as {NDJSON} or {TEXT}: say so with the header Accept")
    if wanted == ANY:
        return NDJSON if follow else JSON
    return wanted


async def _follow(state: ApiState, key: TryKey, position: LogPosition, content_type: str) -> Response:
    with ExitStack() as stack:
        follower = stack.enter_context(state["log_followers"].following(key))
        reader = await open_log(state["database"], state["log_stores"], key, position)
        batches = followed_batches(state, reader, follower)
        return FollowResponse(_lines(batches, content_type), place=stack.pop_all(), media_type=content_type)


async def _begun(batches: AsyncGenerator[list[bytes]]) -> Batches:
    """The batches, the first of which was had already: a log that cannot be read is an error, not half an answer."""
    first = await anext(batches, None)

    async def chained() -> AsyncGenerator[list[bytes]]:
        if first is not None:
            yield first
        async for batch in batches:
            yield batch

    return chained()


async def _json(reader: LogReader, batches: Batches, max_bytes: int | None) -> AsyncGenerator[bytes]:
    size, separator, is_whole = 0, b"", True
    yield b'{"content":['
    async for batch in batches:
        if batch:
            yield separator + b",".join(batch)
            separator = b","
        size += sum(map(len, batch))
        if max_bytes is not None and size > max_bytes:
            is_whole = False
            break
    token = None if is_whole and not reader.is_live else reader.position.token()
    yield b'],"continuation_token":' + (b"null" if token is None else b'"' + token.encode() + b'"') + b"}"


async def _lines(batches: Batches, content_type: str) -> AsyncGenerator[bytes]:
    async for batch in batches:
        yield b"".join((record if content_type == NDJSON else as_text(record)) + b"\n" for record in batch) or b"\n"
