"""`/execution/hitlDetails/{id}`: the question that an attempt puts to a person."""

from uuid import UUID

from fastapi import APIRouter

from tradewind.api.dependencies import StateDep
from tradewind.api.errors import Conflicting, NoSuchThing, documented
from tradewind.api.execution.models.answers import AnswerBody, QuestionAnswer, QuestionBody
from tradewind.api.execution.route import ExecutionRoute
from tradewind.api.execution.speaking import OwnDep
from tradewind.db.api import attempt_leases as leases
from tradewind.db.api.execution import speaking
from tradewind.service.tokens import AttemptClaims

router = APIRouter(
    prefix="/execution/hitlDetails",
    tags=["Execution"],
    route_class=ExecutionRoute,
    responses=documented(400, 401, 403, 409, 410),
)


@router.post("/{task_instance_id}", status_code=201)
async def ask_question(task_instance_id: UUID, body: QuestionBody, state: StateDep, attempt: OwnDep) -> QuestionBody:
    """Ask; asked again in the same try, an answer to the question before counts no more."""
    question = body.model_dump(mode="json", exclude={"ti_id"})
    await leases.ask(state["database"], attempt.attempt_id, question, state["clock"]())
    return body


@router.patch("/{task_instance_id}", responses=documented(404))
async def answer_own_question(
    task_instance_id: UUID, body: AnswerBody, state: StateDep, attempt: OwnDep
) -> QuestionAnswer:
    """Answer in place of a person, if nobody has: with the defaults, when the time is over."""
    kept = await leases.answer(
        state["database"], attempt.attempt_id, body.chosen_options, body.params_input, state["clock"]()
    )
    if kept is None:
        raise _nothing_asked(attempt)
    if not kept:
        raise Conflicting(f"The question of the attempt {attempt.attempt_id} has been answered already")
    return await get_own_answer(task_instance_id, state, attempt)


@router.get("/{task_instance_id}", responses=documented(404))
async def get_own_answer(task_instance_id: UUID, state: StateDep, attempt: OwnDep) -> QuestionAnswer:
    """What has been answered so far."""
    row = speaking(attempt.attempt_id, await leases.get_lease(state["database"], attempt.attempt_id, None))
    if row["subject"] is None:
        raise _nothing_asked(attempt)
    return QuestionAnswer.model_validate(
        {
            "response_received": row["responded_at"] is not None,
            "responded_by_user": row["responded_by"],
            "responded_at": row["responded_at"],
            "chosen_options": row["chosen_options"] or [],
            "params_input": row["params_input"] or {},
        }
    )


def _nothing_asked(attempt: AttemptClaims) -> NoSuchThing:
    return NoSuchThing(f"The attempt {attempt.attempt_id} asks nothing: a try that was cleared asks anew")
