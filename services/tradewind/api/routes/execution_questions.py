"""`/execution`: what tasks ask about other task instances, runs and DAGs, and the runs that they start."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime

from tradewind.api.clearing import clear_dag_run
from tradewind.api.dag_specs import VersionKey
from tradewind.api.dependencies import AttemptDep, StateDep
from tradewind.api.errors import BadRequest, Conflicting, NoSuchThing, documented
from tradewind.api.execution.models.starting import RunOfTask
from tradewind.api.execution.route import ExecutionRoute
from tradewind.api.models.actions import DAGRunClearBody
from tradewind.api.models.dag_runs import TriggerDAGRunPostBody
from tradewind.api.models.execution_questions import (
    Breadcrumb,
    BreadcrumbsResponse,
    CountResponse,
    InstanceQuery,
    PreviousTaskInstanceResponse,
    TaskDagResponse,
    TaskDagRunResponse,
    TaskStatesResponse,
    TaskTriggerBody,
)
from tradewind.api.state import ApiState
from tradewind.api.triggering import Requester, new_dag_run
from tradewind.core.spec import DagSpec
from tradewind.db.api import attempt_questions as questions
from tradewind.db.api.attempt_questions import InstanceFilters
from tradewind.db.api.dags import NewDagRun, get_trigger_target
from tradewind.db.pool import Row
from tradewind.service.logging import get_logger

router = APIRouter(
    prefix="/execution",
    tags=["Execution"],
    route_class=ExecutionRoute,
    responses=documented(401, 403, 409, 410),
)

RUN_PATH = "/dag-runs/{dag_id}/{run_id}"
Instances = Annotated[InstanceQuery, Query()]


@router.get("/task-instance-counts/{dag_id}")
async def count_task_instances(dag_id: str, query: Instances, state: StateDep, attempt: AttemptDep) -> CountResponse:
    """How many task instances of a DAG there are; the state "null" stands for none."""
    filters = await _filters(state, dag_id, query)
    return CountResponse(count=await questions.count_task_instances(state["database"], attempt.attempt_id, filters))


@router.get("/task-instance-states/{dag_id}")
async def get_task_states(dag_id: str, query: Instances, state: StateDep, attempt: AttemptDep) -> TaskStatesResponse:
    """The states of a DAG's task instances, run by run."""
    filters = await _filters(state, dag_id, query)
    states: dict[str, dict[str, str | None]] = defaultdict(dict)
    for row in await questions.list_task_states(state["database"], attempt.attempt_id, filters):
        name = row["task_id"] if row["map_index"] < 0 else f"{row['task_id']}_{row['map_index']}"
        states[row["run_id"]][name] = row["ti_state"]
    return TaskStatesResponse(task_states=states)


@router.get("/task-instance-breadcrumbs/{dag_id}/{run_id}")
async def get_breadcrumbs(dag_id: str, run_id: str, state: StateDep, attempt: AttemptDep) -> BreadcrumbsResponse:
    """What came of a run's ended task instances."""
    rows = await questions.list_breadcrumbs(state["database"], attempt.attempt_id, dag_id, run_id)
    return BreadcrumbsResponse(breadcrumbs=[Breadcrumb.model_validate(_with_state(row, "ti_state")) for row in rows])


@router.get("/previous-task-instances/{dag_id}/{task_id}", responses=documented(404))
async def get_previous_task_instance(
    dag_id: str,
    task_id: str,
    state: StateDep,
    attempt: AttemptDep,
    map_index: int = -1,
    logical_date: AwareDatetime | None = None,
    ti_state: Annotated[str | None, Query(alias="state")] = None,
) -> PreviousTaskInstanceResponse:
    """The latest instance of a task in a run before a logical date."""
    row = await questions.get_previous_task_instance(
        state["database"],
        attempt.attempt_id,
        dag_id,
        task_id,
        map_index=map_index,
        logical_date=logical_date,
        state=ti_state,
    )
    if row is None:
        raise NoSuchThing(f"The task {task_id!r} of the DAG {dag_id!r} has no such earlier instance")
    found = {**_with_state(row, "ti_state"), "dag_id": dag_id, "task_id": task_id}
    return PreviousTaskInstanceResponse.model_validate(found)


@router.get("/dag-run-counts/{dag_id}")
async def count_dag_runs(dag_id: str, query: Instances, state: StateDep, attempt: AttemptDep) -> CountResponse:
    """How many runs of a DAG there are."""
    filters = await _filters(state, dag_id, query)
    return CountResponse(count=await questions.count_dag_runs(state["database"], attempt.attempt_id, filters))


@router.get(RUN_PATH, responses=documented(404))
async def get_task_dag_run(dag_id: str, run_id: str, state: StateDep, attempt: AttemptDep) -> RunOfTask:
    """One run."""
    row = await questions.get_dag_run(state["database"], attempt.attempt_id, dag_id, run_id)
    if row is None:
        raise NoSuchThing(f"The run {run_id!r} of the DAG {dag_id!r} was not found")
    return RunOfTask.model_validate(_with_state(row, "run_state"))


@router.get("/previous-dag-runs/{dag_id}", responses=documented(404))
async def get_previous_dag_run(
    dag_id: str,
    logical_date: AwareDatetime,
    state: StateDep,
    attempt: AttemptDep,
    run_state: Annotated[str | None, Query(alias="state")] = None,
) -> TaskDagRunResponse:
    """The latest run before a logical date."""
    row = await questions.get_previous_dag_run(state["database"], attempt.attempt_id, dag_id, logical_date, run_state)
    if row is None:
        raise NoSuchThing(f"The DAG {dag_id!r} has no such run before {logical_date.isoformat()}")
    return TaskDagRunResponse.model_validate(_with_state(row, "run_state"))


@router.get("/dags/{dag_id}", responses=documented(404))
async def get_task_dag(dag_id: str, state: StateDep, attempt: AttemptDep) -> TaskDagResponse:
    """One DAG."""
    row = await questions.get_dag(state["database"], attempt.attempt_id, dag_id)
    if row is None:
        raise NoSuchThing(f"The DAG {dag_id!r} was not found")
    return TaskDagResponse.model_validate({**dict(row.items()), "owners": ", ".join(row["owners"])})


@router.post(RUN_PATH, status_code=204, responses=documented(400, 404))
async def trigger_task_dag_run(
    dag_id: str, run_id: str, body: TaskTriggerBody, state: StateDep, attempt: AttemptDep
) -> Response:
    """Make a run, on behalf of whoever asked for the task's own run."""
    target = await get_trigger_target(state["database"], dag_id)
    if target is None:
        raise NoSuchThing(f"The DAG {dag_id!r} was not found")
    if target["has_import_errors"]:
        raise BadRequest({"reason": "import_errors", "message": f"The file of the DAG {dag_id!r} has import errors"})
    spec = await state["dag_specs"].get(VersionKey.of_row(target))
    if not spec.allows("operator_triggered"):
        message = f"The DAG {dag_id!r} does not allow runs that are triggered by an operator"
        raise BadRequest({"reason": "denied_run_type", "message": message})
    run = await _wanted_run(state, dag_id, run_id, target["version_id"], spec, body)
    if await questions.create_dag_run(state["database"], attempt.attempt_id, run) is None:
        message = f"The DAG {dag_id!r} has a run with the id {run_id!r} or this logical date already"
        raise Conflicting({"reason": "already_exists", "message": message})
    state["announcer"].dag_runs_created((dag_id,))
    get_logger().info("dag_run.created", dag_id=dag_id, run_id=run_id, task=attempt.task_id)
    return Response(status_code=204)


async def _wanted_run(
    state: ApiState, dag_id: str, run_id: str, version_id: UUID, spec: DagSpec, body: TaskTriggerBody
) -> NewDagRun:
    """Raises `BadRequest`, whose detail gives the reason."""
    asked = TriggerDAGRunPostBody.model_validate(body.model_dump(exclude={"reset_dag_run"}))
    requester = Requester(username="", triggered_by="rest_api", now=state["clock"](), entropy=state["new_id"]())
    try:
        asked = await state["own_timetables"].with_interval(spec, asked)
        return replace(new_dag_run(dag_id, version_id, spec, asked, requester), run_id=run_id)
    except BadRequest as exc:
        detail = {"reason": "value_error", "message": exc.detail} if isinstance(exc.detail, str) else exc.detail
        raise BadRequest(detail) from exc


@router.post(RUN_PATH + "/clear", status_code=204, responses=documented(400, 404))
async def clear_task_dag_run(dag_id: str, run_id: str, state: StateDep, attempt: AttemptDep) -> Response:
    """Have a run run again from its beginning: a task wanted one that is there already."""
    await get_task_dag_run(dag_id, run_id, state, attempt)
    target = await get_trigger_target(state["database"], dag_id)
    if target is None:
        raise NoSuchThing(f"The DAG {dag_id!r} was not found")
    if target["has_import_errors"]:
        raise BadRequest({"reason": "import_errors", "message": f"The file of the DAG {dag_id!r} has import errors"})
    await clear_dag_run(state, dag_id, run_id, DAGRunClearBody(dry_run=False))
    get_logger().info("dag_run.cleared", dag_id=dag_id, run_id=run_id, task=attempt.task_id)
    return Response(status_code=204)


async def _filters(state: ApiState, dag_id: str, query: InstanceQuery) -> InstanceFilters:
    task_ids = query.task_ids
    if query.task_group_id is not None:
        task_ids = [*task_ids, *await _tasks_of_group(state, dag_id, query.task_group_id)]
    return InstanceFilters(
        dag_id=dag_id,
        map_index=query.map_index,
        task_ids=task_ids or None,
        logical_dates=query.logical_dates or None,
        run_ids=query.run_ids or None,
        states=["none" if name == "null" else name for name in query.states] or None,
    )


async def _tasks_of_group(state: ApiState, dag_id: str, group_id: str) -> Sequence[str]:
    """The tasks in a group, at any depth, by the DAG's latest version."""
    target = await get_trigger_target(state["database"], dag_id)
    spec = None if target is None else await state["dag_specs"].get(VersionKey.of_row(target))
    if spec is None or all(group.group_id != group_id for group in spec.task_groups):
        raise NoSuchThing(f"The DAG {dag_id!r} has no task group {group_id!r}")
    inside = _groups_inside(spec, group_id)
    return [task.task_id for task in spec.tasks if task.task_group_id in inside]


def _groups_inside(spec: DagSpec, group_id: str) -> Sequence[str]:
    """The group and those in it. Groups come parent first."""
    found = [group_id]
    for group in spec.task_groups:
        if group.parent_group_id in found:
            found.append(group.group_id)
    return found


def _with_state(row: Row, name: str) -> dict[str, object]:
    """The row, in which `state` is the attempt's, with the state of what was asked for."""
    return {**dict(row.items()), "state": row[name]}
