"""`/execution/task-instances/{id}/…`: what a process says of the attempt that it runs. The id is the attempt's."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Body, Response
from pydantic import JsonValue

from tradewind.api.dependencies import StateDep
from tradewind.api.errors import Unprocessable, documented
from tradewind.api.execution import lifetimes
from tradewind.api.execution.models.answers import (
    InactiveAssetProfiles,
    InactiveProfile,
    Message,
    PreviousSuccess,
)
from tradewind.api.execution.models.ending import SkippedBody, StateBody
from tradewind.api.execution.models.starting import HeartbeatBody, RunContext, StartBody
from tradewind.api.execution.route import REFRESHED_HEADER, ExecutionRoute, lease_token
from tradewind.api.execution.speaking import BeatingDep, HolderDep, OwnDep, StartingDep
from tradewind.db.api import attempt_leases as leases
from tradewind.db.api import attempt_questions as questions
from tradewind.db.api.attempt_assets import list_inactive_assets
from tradewind.db.api.execution import speaking

router = APIRouter(
    prefix="/execution",
    tags=["Execution"],
    route_class=ExecutionRoute,
    responses=documented(400, 401, 403, 409, 410),
)

OWN_PATH = "/task-instances/{task_instance_id}"


@router.patch(OWN_PATH + "/run", responses=documented(503))
async def start_attempt(
    task_instance_id: UUID, body: StartBody, state: StateDep, attempt: StartingDep, response: Response
) -> RunContext:
    """Start the attempt in this process; the header `Refreshed-API-Token` brings the token of its lease."""
    context, lease = await lifetimes.start(state, attempt, body)
    response.headers[REFRESHED_HEADER] = lease_token(state, replace(attempt, lease=lease.incarnation))
    return context


@router.patch(
    OWN_PATH + "/state", status_code=204, responses={200: {"description": "As said before"}, **documented(503)}
)
async def end_attempt(
    task_instance_id: UUID, body: Annotated[StateBody, Body()], state: StateDep, holder: HolderDep
) -> Response:
    """End the attempt, or have its task go on later; 200 = it had been said before."""
    is_new = await lifetimes.end(state, holder, body)
    return Response(status_code=204 if is_new else 200)


@router.put(OWN_PATH + "/heartbeat", status_code=204, responses=documented(503))
async def beat_attempt(task_instance_id: UUID, body: HeartbeatBody, state: StateDep, holder: BeatingDep) -> Response:
    """Renew the lease; 409 and 410: the process is to stop."""
    await lifetimes.keep_alive(state, holder, body)
    return Response(status_code=204)


@router.put(OWN_PATH + "/rtif", status_code=201)
async def put_rendered_fields(
    task_instance_id: UUID, body: Annotated[dict[str, JsonValue], Body()], state: StateDep, attempt: OwnDep
) -> Message:
    """Keep the template fields as they were rendered."""
    await leases.note_attempt(state["database"], attempt.attempt_id, rendered_fields=msgspec.json.encode(body))
    return Message(message="Rendered fields stored")


@router.patch(OWN_PATH + "/rendered-map-index", status_code=204)
async def set_rendered_map_index(
    task_instance_id: UUID, rendered_map_index: Annotated[str, Body()], state: StateDep, attempt: OwnDep
) -> Response:
    """Keep what people are shown instead of the map index."""
    if not rendered_map_index:
        raise Unprocessable("A rendered map index cannot be empty")
    await leases.note_attempt(state["database"], attempt.attempt_id, rendered_map_index=rendered_map_index)
    return Response(status_code=204)


@router.patch(OWN_PATH + "/skip-downstream", status_code=204)
async def skip_downstream(task_instance_id: UUID, body: SkippedBody, state: StateDep, holder: HolderDep) -> Response:
    """Have tasks of the run skipped, once the attempt has ended."""
    pairs = [(task, leases.ALL_INSTANCES) if isinstance(task, str) else task for task in body.tasks]
    await leases.add_skips(state["database"], holder.lease, pairs)
    return Response(status_code=204)


@router.get(OWN_PATH + "/previous-successful-dagrun")
async def get_previous_successful_run(task_instance_id: UUID, state: StateDep, attempt: OwnDep) -> PreviousSuccess:
    """The latest run before this one's logical date that succeeded; nulls if there is none."""
    database, dag_id = state["database"], attempt.dag_id
    own = await questions.get_dag_run(database, attempt.attempt_id, dag_id, attempt.run_id)
    if own is None or own["logical_date"] is None:
        return PreviousSuccess()
    row = await questions.get_previous_dag_run(database, attempt.attempt_id, dag_id, own["logical_date"], "success")
    return PreviousSuccess() if row is None else PreviousSuccess.model_validate(dict(row.items()))


@router.get(OWN_PATH + "/validate-inlets-and-outlets")
async def validate_inlets_and_outlets(
    task_instance_id: UUID, state: StateDep, attempt: OwnDep
) -> InactiveAssetProfiles:
    """Inlets and outlets of the task whose name or URI another asset has."""
    rows = await list_inactive_assets(state["database"], attempt.attempt_id)
    return InactiveAssetProfiles(inactive_assets=[InactiveProfile(name=r["name"], uri=r["uri"]) for r in rows])


@router.get("/task-reschedules/{task_instance_id}/start_date")
async def get_first_reschedule(task_instance_id: UUID, state: StateDep, attempt: OwnDep) -> datetime | None:
    """When the task first looked, if it has been rescheduled since; else null."""
    row = await leases.get_lease(state["database"], attempt.attempt_id, None)
    speaking(attempt.attempt_id, row)
    return row["first_start_date"] if row["task_reschedule_count"] else None
