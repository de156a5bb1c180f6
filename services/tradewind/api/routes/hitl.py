"""`…/hitlDetails`: questions that tasks put to people, and the answers, with which the tasks go on."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from tradewind.api.dag_specs import VersionKey
from tradewind.api.dependencies import StateDep, UserDep
from tradewind.api.errors import BadRequest, Conflicting, Forbidden, documented
from tradewind.api.models.hitl import (
    HITLDetail,
    HITLDetailCollection,
    HITLDetailHistory,
    HITLDetailResponse,
    HITLUser,
    UpdateHITLDetailPayload,
)
from tradewind.api.models.queries import ANYTHING, HITLDetailListQuery, Integer
from tradewind.api.models.task_instances import TaskInstanceHistoryResponse
from tradewind.api.presenting import task_instance_response, try_response
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.api.state import ApiState
from tradewind.core.errors import NotFound
from tradewind.core.rows import Verdict
from tradewind.core.triggers import HumanAnswer, resumed
from tradewind.db.api import hitl as queries
from tradewind.db.api import tasks as task_queries
from tradewind.db.pool import Row
from tradewind.db.postgres.triggerer import PostgresTriggererStore
from tradewind.sdk.human_input import answer_event
from tradewind.service.logging import get_logger

RUN_PATH = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}"
DETAIL_PATH = "/taskInstances/{task_id}/{map_index}/hitlDetails"

router = APIRouter(prefix=RUN_PATH, tags=["Task Instance"])


@router.get("/hitlDetails", responses=documented(400), openapi_extra=documented_query(HITLDetailListQuery))
async def get_hitl_details(
    dag_id: str,
    dag_run_id: str,
    query: Annotated[HITLDetailListQuery, Depends(parsed(HITLDetailListQuery))],
    state: StateDep,
) -> HITLDetailCollection:
    """A page of questions; `~` stands for all DAGs, or all runs."""
    named = {"dag_id": dag_id, "run_id": dag_run_id}
    filters = query.filters() | {name: value for name, value in named.items() if value != ANYTHING}
    page = await queries.list_hitl_details(state["database"], filters, query.page())
    tasks = await state["dag_specs"].tasks(map(VersionKey.of_row, page.rows))
    details = [HITLDetail(**_question(row), task_instance=task_instance_response(row, tasks)) for row in page.rows]
    return HITLDetailCollection(hitl_details=details, total_entries=page.total_entries)


@router.get(DETAIL_PATH, responses=documented(404))
async def get_hitl_detail(
    dag_id: str, dag_run_id: str, task_id: str, map_index: Integer, state: StateDep
) -> HITLDetail:
    """What a task instance asks."""
    row = await _task_instance(state, dag_id, dag_run_id, task_id, map_index)
    question = await _existing(state, row, None)
    tasks = await state["dag_specs"].tasks([VersionKey.of_row(row)])
    return HITLDetail(**_question(question), task_instance=task_instance_response(row, tasks))


@router.get(DETAIL_PATH + "/tries/{try_number}", responses=documented(404))
async def get_hitl_detail_try_detail(
    dag_id: str, dag_run_id: str, task_id: str, map_index: Integer, try_number: Integer, state: StateDep
) -> HITLDetailHistory:
    """What one try of a task instance asked."""
    row = await _task_instance(state, dag_id, dag_run_id, task_id, map_index)
    tries = await task_queries.list_tries(state["database"], dag_id, dag_run_id, task_id, map_index)
    asked = next((each for each in tries if each["try_number"] == try_number), None)
    if asked is None:
        raise NotFound(f"{_named(row)} has no try {try_number}")
    question = await _existing(state, row, try_number)
    tasks = await state["dag_specs"].tasks([VersionKey.of_row(asked)])
    shown = try_response(TaskInstanceHistoryResponse, asked, tasks)
    return HITLDetailHistory(**_question(question), task_instance=shown)


@router.patch(DETAIL_PATH, responses=documented(400, 404, 409))
async def update_hitl_detail(
    dag_id: str,
    dag_run_id: str,
    task_id: str,
    map_index: Integer,
    body: UpdateHITLDetailPayload,
    state: StateDep,
    user: UserDep,
) -> HITLDetailResponse:
    """Answer, once; the task goes on."""
    row = await _task_instance(state, dag_id, dag_run_id, task_id, map_index)
    question = await _existing(state, row, None)
    person = HITLUser(id=user.username, name=user.username)
    _check(row, question, body, person)
    now = state["clock"]()
    answer = HumanAnswer(
        chosen_options=json.dumps(body.chosen_options).encode(),
        params_input=json.dumps(body.params_input).encode(),
        responded_by=person.model_dump_json().encode(),
    )
    if not await answer_question(state, question, answer):
        raise _answered_already(row)
    get_logger().info("question.answered", dag_id=dag_id, run_id=dag_run_id, task_id=task_id, user=user.username)
    return HITLDetailResponse(
        responded_by=person,
        responded_at=now,
        chosen_options=body.chosen_options,
        params_input=body.params_input,
    )


async def answer_question(state: ApiState, question: Row, answer: HumanAnswer) -> bool:
    """Keep the answer and let the task go on, together; False = there is an answer already."""
    now = state["clock"]()
    if question["trigger_id"] is not None:
        outcome = resumed(
            question["trigger_id"], question["next_kwargs"] or b"{}", answer_event(answer, now), answer=answer
        )
        store = PostgresTriggererStore(state["database"])
        (told,) = await store.fire_triggers([outcome], now)
        if told.verdict is not Verdict.SUPERSEDED:
            state["announcer"].dag_runs_revised([question["dag_run_id"]])
            return told.is_answered
    # The task waits no more; what was answered is kept all the same, if nothing was before.
    return await queries.keep_answer(state["database"], question["attempt_id"], answer, now)


def _check(row: Row, question: Row, body: UpdateHITLDetailPayload, person: HITLUser) -> None:
    """Whether this may be answered, by this person, in this way. Raises `ApiError`."""
    if question["responded_at"] is not None:
        raise _answered_already(row)
    assigned = [str(user["id"]) for user in question["assigned_users"]]
    if assigned and person.id not in assigned:
        raise Forbidden(f"User {person.name!r} is not among those who are asked by {_named(row)}")
    options: list[str] = question["options"]
    unknown = [option for option in body.chosen_options if option not in options]
    if unknown:
        raise BadRequest(f"Invalid options {sorted(unknown)}; allowed options are {sorted(options)}.")
    if len(body.chosen_options) > 1 and not question["multiple"]:
        raise BadRequest("Several options were chosen, but only one may be")


async def _task_instance(state: ApiState, dag_id: str, run_id: str, task_id: str, map_index: int) -> Row:
    row = await task_queries.get_task_instance(state["database"], dag_id, run_id, task_id, map_index)
    if row is None:
        at = f"(map_index {map_index}) in the run {run_id!r} of the DAG {dag_id!r}"
        raise NotFound(f"The task instance {task_id!r} {at} was not found")
    return row


async def _existing(state: ApiState, row: Row, try_number: int | None) -> Row:
    question = await queries.get_hitl_detail(
        state["database"], row["dag_id"], row["dag_run_id"], row["task_id"], row["map_index"], try_number
    )
    if question is None:
        raise NotFound(f"{_named(row)} asks nobody anything")
    return question


def _answered_already(row: Row) -> Conflicting:
    return Conflicting(f"The question of {_named(row)} has been answered already, and is not to be answered again")


def _named(row: Row) -> str:
    return f"the task instance {row['task_id']!r} in the run {row['dag_run_id']!r} of the DAG {row['dag_id']!r}"


def _question(row: Row) -> dict[str, Any]:
    return {
        "options": row["options"],
        "subject": row["subject"],
        "body": row["body"],
        "defaults": row["defaults"],
        "multiple": row["multiple"],
        "params": row["params"],
        "assigned_users": row["assigned_users"],
        "created_at": row["created_at"],
        "responded_by_user": row["responded_by"],
        "responded_at": row["responded_at"],
        "chosen_options": row["chosen_options"],
        "params_input": row["params_input"] or {},
        "response_received": row["responded_at"] is not None,
    }
