"""`/execution/xcom-…`: what the instances of a task pushed, as one sequence in the order of their map indexes."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from tradewind.api.dependencies import AttemptDep, StateDep
from tradewind.api.errors import NoSuchThing, Unprocessable, documented
from tradewind.api.execution.route import ExecutionRoute
from tradewind.api.models.execution_questions import CountResponse, XComSliceQuery
from tradewind.api.state import ApiState
from tradewind.db.api import attempt_questions as questions
from tradewind.db.api.attempt_questions import XComPlace
from tradewind.service.tokens import AttemptClaims

router = APIRouter(
    prefix="/execution",
    tags=["Execution"],
    route_class=ExecutionRoute,
    responses=documented(401, 403, 409, 410),
)

PLACE = "/{dag_id}/{run_id}/{task_id}/{key:path}"
Name = Annotated[str, Path(min_length=1)]
Offset = Annotated[int, Query(gt=-(2**31), lt=2**31)]


@router.get("/xcom-items" + PLACE, responses=documented(404))
async def get_xcom_item(
    dag_id: str, run_id: str, task_id: str, key: Name, state: StateDep, attempt: AttemptDep, offset: Offset
) -> Response:
    """One value by its place, from the end if negative: `{"value"}`."""
    place = XComPlace(dag_id=dag_id, run_id=run_id, task_id=task_id, key=key)
    # The value is JSON text already.
    value = await xcom_item(state, attempt, place, offset)
    return Response(b'{"value":' + value + b"}", media_type="application/json")


@router.get("/xcom-slices" + PLACE)
async def get_xcom_slice(
    dag_id: str,
    run_id: str,
    task_id: str,
    key: Name,
    state: StateDep,
    attempt: AttemptDep,
    query: Annotated[XComSliceQuery, Query()],
) -> Response:
    """A slice of the values: `{"values"}`."""
    place = XComPlace(dag_id=dag_id, run_id=run_id, task_id=task_id, key=key)
    found = await xcom_slice(state, attempt, place, query)
    return Response(b'{"values":[' + b",".join(found) + b"]}", media_type="application/json")


@router.get("/xcom-counts" + PLACE)
async def get_xcom_count(
    dag_id: str, run_id: str, task_id: str, key: Name, state: StateDep, attempt: AttemptDep
) -> CountResponse:
    """How many values there are."""
    place = XComPlace(dag_id=dag_id, run_id=run_id, task_id=task_id, key=key)
    return CountResponse(count=await questions.count_xcoms(state["database"], attempt.attempt_id, place))


async def xcom_item(state: ApiState, attempt: AttemptClaims, place: XComPlace, offset: int) -> bytes:
    """One value by its place, from the end if negative. Raises `NoSuchThing`."""
    first = offset
    if first < 0:
        first += await questions.count_xcoms(state["database"], attempt.attempt_id, place)
    found: Sequence[bytes] = ()
    if first >= 0:
        found = await questions.list_xcoms(state["database"], attempt.attempt_id, place, first=first, limit=1)
    if not found:
        where = f"at the place {offset} in the run {place.run_id!r}"
        raise NoSuchThing(f"The task {place.task_id!r} has no XCom {place.key!r} {where}")
    return found[0]


async def xcom_slice(
    state: ApiState, attempt: AttemptClaims, place: XComPlace, query: XComSliceQuery
) -> Sequence[bytes]:
    """A slice of the values. Raises `Unprocessable`."""
    if query.step == 0:
        raise Unprocessable({"reason": "invalid_value", "message": "The step of a slice cannot be 0"})
    database, prior = state["database"], query.include_prior_dates
    if query.bounds == slice(None) or prior:
        found = await questions.list_xcoms(database, attempt.attempt_id, place, include_prior_dates=prior)
        return found[query.bounds]
    total = await questions.count_xcoms(database, attempt.attempt_id, place)
    places = range(*query.bounds.indices(total))
    first, limit = (min(places[0], places[-1]), abs(places[-1] - places[0]) + 1) if places else (0, 0)
    found = await questions.list_xcoms(database, attempt.attempt_id, place, first=first, limit=limit)
    return [found[index - first] for index in places if index - first < len(found)]
