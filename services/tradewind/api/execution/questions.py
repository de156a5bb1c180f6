"""`/execution`: what tasks ask about other task instances, runs and DAGs."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from tradewind.api.dependencies import AttemptDep, StateDep
from tradewind.api.errors import NoSuchThing, documented
from tradewind.api.execution.lifetimes import run_of_task
from tradewind.api.execution.models.answers import NamedInstanceQuery, RunState
from tradewind.api.execution.models.starting import RunOfTask
from tradewind.api.execution.route import ExecutionRoute
from tradewind.api.models.base import DagRunStateName, TaskInstanceStateName
from tradewind.api.models.execution_questions import (
    BreadcrumbsResponse,
    PreviousTaskInstanceResponse,
    TaskStatesResponse,
)
from tradewind.api.models.queries import Integer
from tradewind.api.routes import execution_questions as asked
from tradewind.db.api import attempt_questions as questions

router = APIRouter(
    prefix="/execution",
    tags=["Execution"],
    route_class=ExecutionRoute,
    responses=documented(400, 401, 403, 409, 410),
)

Instances = Annotated[NamedInstanceQuery, Query()]


@router.get("/task-instances/count", responses=documented(404))
async def count_instances(query: Instances, state: StateDep, attempt: AttemptDep) -> int:
    """How many task instances of a DAG there are; the state "null" stands for none."""
    return (await asked.count_task_instances(query.dag_id, query, state, attempt)).count


@router.get("/task-instances/states", responses=documented(404))
async def get_instance_states(query: Instances, state: StateDep, attempt: AttemptDep) -> TaskStatesResponse:
    """The states of a DAG's task instances, run by run."""
    return await asked.get_task_states(query.dag_id, query, state, attempt)


@router.get("/task-instances/breadcrumbs")
async def get_instance_breadcrumbs(
    dag_id: str, run_id: str, state: StateDep, attempt: AttemptDep
) -> BreadcrumbsResponse:
    """What came of a run's ended task instances."""
    return await asked.get_breadcrumbs(dag_id, run_id, state, attempt)


@router.get("/task-instances/previous/{dag_id}/{task_id}")
async def get_previous_instance(
    dag_id: str,
    task_id: str,
    state: StateDep,
    attempt: AttemptDep,
    logical_date: AwareDatetime | None = None,
    map_index: Integer = -1,
    ti_state: Annotated[TaskInstanceStateName | None, Query(alias="state")] = None,
) -> PreviousTaskInstanceResponse | None:
    """The latest instance of a task in a run before a logical date; null if there is none."""
    try:
        return await asked.get_previous_task_instance(
            dag_id, task_id, state, attempt, map_index=map_index, logical_date=logical_date, ti_state=ti_state
        )
    except NoSuchThing:
        return None


@router.get("/dag-runs/count")
async def count_runs(query: Instances, state: StateDep, attempt: AttemptDep) -> int:
    """How many runs of a DAG there are."""
    return (await asked.count_dag_runs(query.dag_id, query, state, attempt)).count


@router.get("/dag-runs/previous")
async def get_previous_run(
    dag_id: str,
    logical_date: AwareDatetime,
    state: StateDep,
    attempt: AttemptDep,
    run_state: Annotated[DagRunStateName | None, Query(alias="state")] = None,
) -> RunOfTask | None:
    """The latest run before a logical date; null if there is none."""
    row = await questions.get_previous_dag_run(state["database"], attempt.attempt_id, dag_id, logical_date, run_state)
    return None if row is None else run_of_task(row, [])


@router.get("/dag-runs/{dag_id}/{run_id}/state", responses=documented(404))
async def get_run_state(dag_id: str, run_id: str, state: StateDep, attempt: AttemptDep) -> RunState:
    """A run's state."""
    run = await asked.get_task_dag_run(dag_id, run_id, state, attempt)
    return RunState.model_validate({"state": run.state})
