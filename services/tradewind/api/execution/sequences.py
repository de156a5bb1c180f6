"""`/execution/xcoms/…/item/{offset}`, `…/slice` and HEAD: what the instances of a task pushed, as one sequence."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from tradewind.api.dependencies import AttemptDep, StateDep
from tradewind.api.errors import BadRequest, documented
from tradewind.api.execution.route import ExecutionRoute
from tradewind.api.execution.values import in_airflows_form
from tradewind.api.execution.versions import speaks_airflow
from tradewind.api.models.execution_questions import XComSliceQuery
from tradewind.api.models.queries import Integer
from tradewind.api.routes.execution import XCOM_PATH, get_xcom
from tradewind.api.routes.execution_xcoms import xcom_item, xcom_slice
from tradewind.db.api import attempt_questions as questions
from tradewind.db.api.attempt_questions import XComPlace

router = APIRouter(
    prefix="/execution",
    tags=["Execution"],
    route_class=ExecutionRoute,
    responses=documented(400, 401, 403, 409, 410),
)

Name = Annotated[str, Path(min_length=1)]
Offset = Annotated[int, Path(gt=-(2**31), lt=2**31)]


class SequenceQuery(XComSliceQuery):
    """A part of the sequence; `map_index` if the key only ends in `/slice`."""

    map_index: Integer = -1


@router.get(XCOM_PATH + "/item/{offset}", responses=documented(404))
async def get_sequence_item(
    dag_id: str,
    run_id: str,
    task_id: str,
    key: Name,
    offset: Offset,
    request: Request,
    state: StateDep,
    attempt: AttemptDep,
    map_index: Integer = -1,
    include_prior_dates: bool = False,
) -> Response:
    """One value by its place, from the end if negative: the value itself."""
    if not speaks_airflow(request):
        name = f"{key}/item/{offset}"
        return await get_xcom(
            dag_id, run_id, task_id, name, request, state, attempt, map_index, include_prior_dates=include_prior_dates
        )
    place = XComPlace(dag_id=dag_id, run_id=run_id, task_id=task_id, key=key)
    value = await xcom_item(state, attempt, place, offset)
    return Response(in_airflows_form(value), media_type="application/json")


@router.get(XCOM_PATH + "/slice", responses=documented(404))
async def get_sequence_slice(
    dag_id: str,
    run_id: str,
    task_id: str,
    key: Name,
    request: Request,
    state: StateDep,
    attempt: AttemptDep,
    query: Annotated[SequenceQuery, Query()],
) -> Response:
    """A slice of the values: an array."""
    if not speaks_airflow(request):
        index, prior = query.map_index, query.include_prior_dates
        return await get_xcom(
            dag_id, run_id, task_id, f"{key}/slice", request, state, attempt, index, include_prior_dates=prior
        )
    place = XComPlace(dag_id=dag_id, run_id=run_id, task_id=task_id, key=key)
    found = await xcom_slice(state, attempt, place, query)
    return Response(b"[" + b",".join(map(in_airflows_form, found)) + b"]", media_type="application/json")


@router.head(XCOM_PATH)
async def count_sequence(
    dag_id: str,
    run_id: str,
    task_id: str,
    key: Name,
    state: StateDep,
    attempt: AttemptDep,
    map_index: Integer | None = None,
) -> Response:
    """How many values there are, in the header `Content-Range`: `map_indexes <number>`."""
    if map_index is not None:
        raise BadRequest({"reason": "invalid_request", "message": "Values are counted over all map indexes"})
    place = XComPlace(dag_id=dag_id, run_id=run_id, task_id=task_id, key=key)
    count = await questions.count_xcoms(state["database"], attempt.attempt_id, place)
    return Response(headers={"Content-Range": f"map_indexes {count}"})
