"""`…/taskInstances/{task_id}/logs/{try_number}`."""

from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query
from fastapi.responses import Response, StreamingResponse

from tradewind.api.dependencies import StateDep
from tradewind.api.errors import NotAcceptable, documented
from tradewind.api.log_reading import LogPosition, LogReader, as_text, open_log
from tradewind.api.models.logs import TaskInstancesLogResponse
from tradewind.api.models.queries import Integer
from tradewind.db.api.tasks import TryKey

router = APIRouter(prefix="/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances", tags=["Task Instance"])

JSON, NDJSON, TEXT, ANY = "application/json", "application/x-ndjson", "text/plain", "*/*"
MAX_JSON_BYTES = 32 * 1024 * 1024
"""A longer log comes in several answers, each with a continuation token."""

CONTINUATION_HEADER = "Airflow-Continuation-Token"
"""With NDJSON and text: a token for what follows, while the try runs."""

Accept = Annotated[str, Header(json_schema_extra={"enum": [JSON, NDJSON, TEXT, ANY]})]


@router.get(
    "/{task_id}/logs/{try_number}",
    response_model=TaskInstancesLogResponse,
    responses={**documented(404), 200: {"content": {NDJSON: {"schema": {"type": "string"}}}}},
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
    accept: Accept = ANY,
) -> Response:
    """The log of one try: the records of each attempt under one that names the attempt and its worker. While the try
    runs, what has been logged so far, and a token for what follows."""
    content_type = _content_type(accept)
    key = TryKey(dag_id=dag_id, run_id=dag_run_id, task_id=task_id, map_index=map_index, try_number=try_number)
    reader = await open_log(state["database"], key, LogPosition.of_token(token))
    if content_type == JSON:
        return await _as_json(reader, None if full_content else MAX_JSON_BYTES)
    return _as_stream(reader, content_type)


def _content_type(accept: str) -> str:
    wanted = next((kind for kind in (ANY, JSON, NDJSON, TEXT) if accept.startswith(kind)), None)
    if wanted is None:
        raise NotAcceptable(f"Only {JSON}, {NDJSON} and {TEXT} are to be had")
    return JSON if wanted == ANY else wanted


async def _as_json(reader: LogReader, max_bytes: int | None) -> Response:
    records: list[bytes] = []
    size, is_whole = 0, True
    async for batch in reader.batches():
        records += batch
        size += sum(map(len, batch))
        if max_bytes is not None and size > max_bytes:
            is_whole = False
            break
    token = None if is_whole and not reader.is_live else reader.position.token()
    end = b"null" if token is None else b'"' + token.encode() + b'"'
    return Response(
        b'{"content":[' + b",".join(records) + b'],"continuation_token":' + end + b"}", media_type="application/json"
    )


def _as_stream(reader: LogReader, content_type: str) -> Response:
    async def lines() -> AsyncGenerator[bytes]:
        async for batch in reader.batches():
            yield b"".join((record if content_type == NDJSON else as_text(record)) + b"\n" for record in batch)

    headers = {CONTINUATION_HEADER: reader.end.token()} if reader.is_live else None
    return StreamingResponse(lines(), media_type=content_type, headers=headers)
