"""`/execution`: what task processes may ask and write, each in the name of its attempt.

Every route checks the attempt and acts in one statement: an attempt that is not current (410) or not running (409)
reads, writes and deletes nothing; one that has succeeded may for a while read, log and write variables: its callbacks
are called then. Not found is 404 with `reason` `not_found`.
"""

import json
from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response

from tradewind.api.dependencies import AttemptDep, StateDep
from tradewind.api.errors import BadRequest, Forbidden, NoSuchThing, RequestTooLarge, Unprocessable, documented
from tradewind.api.execution.models.answers import Message
from tradewind.api.execution.own_environment import connection_here, variable_here
from tradewind.api.execution.route import ExecutionRoute
from tradewind.api.execution.values import in_airflows_form, in_own_form
from tradewind.api.execution.versions import speaks_airflow
from tradewind.api.models.execution import (
    ConnectionResponse,
    VariableBody,
    VariableKeysResponse,
    VariableResponse,
)
from tradewind.api.models.queries import Integer
from tradewind.api.routes.execution_xcoms import xcom_item
from tradewind.api.state import ApiState
from tradewind.db.api import execution as queries
from tradewind.db.api.attempt_leases import note_attempt
from tradewind.db.api.attempt_questions import XComPlace
from tradewind.sdk.configuration import conf
from tradewind.service.tokens import AttemptClaims
from tradewind.wire.messages import TaskInstanceKey

router = APIRouter(
    prefix="/execution",
    tags=["Execution"],
    route_class=ExecutionRoute,
    responses=documented(401, 403, 409, 410),
)

MAX_CHUNK_BYTES = 2 * 1024 * 1024
"""Chunks have a quarter of a megabyte; a single record may have more."""

XCOM_PATH = "/xcoms/{dag_id}/{run_id}/{task_id}/{key:path}"
Name = Annotated[str, Path(min_length=1)]
Sequence = Annotated[int, Query(ge=0, lt=2**31)]


@router.get(XCOM_PATH, responses=documented(404))
async def get_xcom(
    dag_id: str,
    run_id: str,
    task_id: str,
    key: Name,
    request: Request,
    state: StateDep,
    attempt: AttemptDep,
    map_index: Integer = -1,
    include_prior_dates: bool = False,
    offset: Integer | None = None,
) -> Response:
    """Any task's XCom: `{"key", "value"}`. `offset`: of the instance at this place, from the end if negative."""
    if offset is not None:
        place = XComPlace(dag_id=dag_id, run_id=run_id, task_id=task_id, key=key)
        return _xcom(request, key, await xcom_item(state, attempt, place, offset))
    value = await queries.get_xcom(
        state["database"],
        attempt.attempt_id,
        dag_id=dag_id,
        run_id=run_id,
        task_id=task_id,
        map_index=map_index,
        key=key,
        include_prior_dates=include_prior_dates,
    )
    if value is None:
        raise NoSuchThing(f"The XCom {key!r} of the task {task_id!r} in the run {run_id!r} was not found")
    return _xcom(request, key, value)


def _xcom(request: Request, key: str, value: bytes) -> Response:
    # The value is JSON text already.
    value = in_airflows_form(value) if speaks_airflow(request) else value
    body = b'{"key":' + msgspec.json.encode(key) + b',"value":' + value + b"}"
    return Response(body, media_type="application/json")


@router.post(XCOM_PATH, status_code=201)
async def set_xcom(
    dag_id: str,
    run_id: str,
    task_id: str,
    key: Name,
    request: Request,
    state: StateDep,
    attempt: AttemptDep,
    map_index: Integer = -1,
    mapped_length: Annotated[int | None, Query(ge=0, lt=2**31)] = None,
) -> Message:
    """Write an XCom of the attempt's own task instance: the body is the value's JSON, nothing stands for null.
    `mapped_length`: how many items of it a task downstream maps over."""
    _check_own(attempt, dag_id, run_id, task_id, map_index)
    if mapped_length is not None:
        await _keep_length(state, attempt, mapped_length)
    value = await request.body() or b"null"
    try:
        json.loads(value)
    except ValueError as exc:
        raise Unprocessable({"reason": "invalid_value", "message": f"The body is not JSON: {exc}"}) from exc
    value = in_own_form(value) if speaks_airflow(request) else value
    await queries.set_xcom(state["database"], attempt.attempt_id, key, value, state["clock"]())
    return Message(message="XCom stored")


@router.delete(XCOM_PATH)
async def delete_xcom(
    dag_id: str,
    run_id: str,
    task_id: str,
    key: Name,
    state: StateDep,
    attempt: AttemptDep,
    map_index: Integer = -1,
) -> Message:
    """Remove an XCom of the attempt's own task instance."""
    _check_own(attempt, dag_id, run_id, task_id, map_index)
    await queries.delete_xcom(state["database"], attempt.attempt_id, key)
    return Message(message="XCom removed")


@router.get("/variable-keys")
async def get_task_variable_keys(
    state: StateDep,
    attempt: AttemptDep,
    prefix: str = "",
    after: str = "",
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> VariableKeysResponse:
    """Keys of variables that begin with `prefix`, in order, those that follow `after`; without their values."""
    keys = await queries.list_variable_keys(state["database"], attempt.attempt_id, prefix, after, limit)
    return VariableKeysResponse(keys=keys)


@router.get("/variables/{key:path}", responses=documented(404))
async def get_task_variable(key: Name, state: StateDep, attempt: AttemptDep) -> VariableResponse:
    """A variable's value."""
    value = await queries.get_variable(state["database"], attempt.attempt_id, key)
    if (here := variable_here(key)) is not None:
        return VariableResponse(key=key, value=here)
    if value is None:
        raise NoSuchThing(f"The variable {key!r} was not found")
    return VariableResponse(key=key, value=state["secrets"].decrypt(value))


@router.put("/variables/{key:path}", status_code=201)
async def put_task_variable(key: Name, body: VariableBody, state: StateDep, attempt: AttemptDep) -> dict[str, str]:
    """Create or change a variable."""
    value = state["secrets"].encrypt(body.value or "")
    await queries.set_variable(state["database"], attempt.attempt_id, key, value, body.description)
    return {"message": "Variable stored"}


@router.delete("/variables/{key:path}", status_code=204)
async def delete_task_variable(key: Name, state: StateDep, attempt: AttemptDep) -> Response:
    """Remove a variable."""
    await queries.delete_variable(state["database"], attempt.attempt_id, key)
    return Response(status_code=204)


@router.get("/connections/{conn_id}", responses=documented(404))
async def get_task_connection(conn_id: Name, state: StateDep, attempt: AttemptDep) -> ConnectionResponse:
    """A connection with its secrets."""
    row = await queries.get_connection(state["database"], attempt.attempt_id, conn_id)
    if (here := connection_here(conn_id)) is not None:
        return ConnectionResponse.model_validate(here)
    if row is None:
        raise NoSuchThing(f"The connection {conn_id!r} was not found")
    decrypt = state["secrets"].decrypt
    secrets = {name: None if row[name] is None else decrypt(row[name]) for name in ("password", "extra")}
    return ConnectionResponse.model_validate({**dict(row.items()), **secrets})


@router.post("/task-instances/{attempt_id}/logs", status_code=204)
async def append_log(
    attempt_id: UUID, sequence: Sequence, request: Request, state: StateDep, attempt: AttemptDep
) -> Response:
    """Store the chunk number `sequence` of the attempt's log: whole lines of NDJSON. A replay changes nothing."""
    if attempt_id != attempt.attempt_id:
        raise Forbidden({"reason": "access_denied", "message": "An attempt may write no log but its own"})
    lines = await request.body()
    if len(lines) > MAX_CHUNK_BYTES:
        raise RequestTooLarge(f"A chunk of a log may have {MAX_CHUNK_BYTES} bytes, not {len(lines)}")
    await queries.append_log(state["database"], attempt_id, sequence, lines, state["clock"]())
    state["announcer"].log_grew(
        TaskInstanceKey(attempt.dag_id, attempt.task_id, attempt.run_id, attempt.try_number, attempt.map_index)
    )
    return Response(status_code=204)


async def _keep_length(state: ApiState, attempt: AttemptClaims, length: int) -> None:
    length_max = conf.getint("core", "max_map_length")
    if length > length_max:
        message = f"The value has {length} items; core.max_map_length is {length_max}: nothing can be mapped over it"
        raise BadRequest({"reason": "unmappable_return_value_length", "message": message})
    await note_attempt(state["database"], attempt.attempt_id, map_length=length)


def _check_own(attempt: AttemptClaims, dag_id: str, run_id: str, task_id: str, map_index: int) -> None:
    own = (attempt.dag_id, attempt.run_id, attempt.task_id, attempt.map_index)
    if own != (dag_id, run_id, task_id, map_index):
        raise Forbidden({"reason": "access_denied", "message": "An attempt may write no XComs but its own"})
