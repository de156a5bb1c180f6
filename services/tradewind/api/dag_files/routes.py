"""`/api/v2/dagSources/{dag_id}` and `/api/v2/parseDagFile/{file_token}`."""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Header, Response
from fastapi.responses import PlainTextResponse

from tradewind.api.access.rights import Action, DagGrants, Resource, Right, holds, is_allowed
from tradewind.api.dag_files.models import DAGSourceResponse
from tradewind.api.dag_files.source import source_text
from tradewind.api.dependencies import StateDep, UserDep
from tradewind.api.errors import NotAcceptable, documented
from tradewind.api.identity.caller import Caller
from tradewind.api.models.queries import Integer
from tradewind.api.state import ApiState
from tradewind.bus.port import Message
from tradewind.core.errors import AdapterError, NotFound
from tradewind.db.api.dag_files import get_source
from tradewind.db.postgres.parse_requests import PostgresParseRequests
from tradewind.service.logging import get_logger
from tradewind.service.tokens import InvalidToken
from tradewind.wire.codec import encode
from tradewind.wire.messages import DagRequestsCreated
from tradewind.wire.queues import DAG_REQUESTS

router = APIRouter(prefix="/api/v2")

READS_CODE: Final = Right(Action.READ, Resource.DAG_CODE)
REDACTED: Final = "REDACTED: the file defines other DAGs, too, which you may not read"
JSON: Final = "application/json"
TEXT: Final = "text/plain"
ANY: Final = "*/*"
KINDS: Final = {JSON: JSON, "application/*": JSON, TEXT: TEXT, "text/*": TEXT, ANY: JSON}

Accept = Annotated[str, Header(json_schema_extra={"enum": [JSON, TEXT, ANY]})]


@router.get(
    "/dagSources/{dag_id}",
    response_model=DAGSourceResponse,
    responses={**documented(400, 404, 406), 200: {"content": {TEXT: {"schema": {"type": "string"}}}}},
    tags=["DagSource"],
)
async def get_dag_source(
    dag_id: str, state: StateDep, caller: UserDep, version_number: Integer | None = None, accept: Accept = ANY
) -> Response | DAGSourceResponse:
    """The text of the file that a version of a DAG, the latest without a number, was made of; not shown to who may not
    read all DAGs of the file."""
    kind = _wanted_kind(accept)
    version = await get_source(state["database"], dag_id, version_number)
    if version is None:
        which = "" if version_number is None else f", version {version_number},"
        raise NotFound(f"The DAG {dag_id!r}{which} was not found")
    text = await source_text(version, state["dag_roots"])
    if text is None:
        number = version["version_number"]
        raise NotFound(f"The source of the version {number} of the DAG {dag_id!r} was never stored, and has changed")
    if not await _may_read_all(state, caller, version["dag_ids"]):
        text = REDACTED
    if kind == TEXT:
        return PlainTextResponse(text)
    return DAGSourceResponse(
        dag_id=dag_id,
        dag_display_name=version["dag_display_name"],
        content=text,
        version_number=version["version_number"],
    )


@router.put("/parseDagFile/{file_token}", status_code=201, responses=documented(404), tags=["DAG Parsing"])
async def reparse_dag_file(file_token: str, state: StateDep) -> None:
    """Have a DAG file, by the `file_token` of a DAG in it, parsed again although it has not changed. A dag processor
    does so at once, and whenever none runs, at its next start."""
    try:
        relative_fileloc = state["signer"].verify_file_token(file_token)
    except InvalidToken:
        raise NotFound("File not found: the token is not one that a DAG's file_token shows") from None
    if not await PostgresParseRequests(state["database"]).request_parse(relative_fileloc):
        raise NotFound(f"File not found: {relative_fileloc!r} is gone")
    get_logger().info("dag_file.parse_requested", relative_fileloc=relative_fileloc)
    await _nudge(state)


def _wanted_kind(accept: str) -> str:
    """The first of the types that a client wants and that is to be had; raises `NotAcceptable`."""
    for part in accept.split(","):
        kind = KINDS.get(part.partition(";")[0].strip().lower())
        if kind is not None:
            return kind
    raise NotAcceptable(f"Only {JSON} and {TEXT} are to be had")


async def _may_read_all(state: ApiState, caller: Caller, dag_ids: Sequence[str]) -> bool:
    grants: DagGrants = {} if holds(caller, READS_CODE) else await state["grants"].of(caller)
    return all(is_allowed(caller, grants, READS_CODE, dag_id) for dag_id in dag_ids)


async def _nudge(state: ApiState) -> None:
    """The row is written: a message that is lost only costs the time until the dag processors' next look."""
    try:
        await state["bus"].broadcast(DAG_REQUESTS, Message(body=encode(DagRequestsCreated(count=1))))
    except AdapterError as exc:
        get_logger().warning("bus.unavailable", sending="dag_requests_created", error=str(exc))
