"""What a task that asked a person goes on with: the `event` of `HITLOperator.execute_complete`."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypedDict

from tradewind.core.triggers import HumanAnswer
from tradewind.sdk import serde

TIMED_OUT = "The Human-in-the-loop response timeout has passed without a response."


def answer_event(answer: HumanAnswer, responded_at: datetime) -> bytes:
    """JSON text of the event for an answer, a person's or the defaults."""
    by = None if answer.responded_by is None else json.loads(answer.responded_by)
    return serde.to_json(
        {
            "chosen_options": json.loads(answer.chosen_options),
            "params_input": json.loads(answer.params_input),
            "responded_at": responded_at,
            "responded_by_user": by,
            "timedout": by is None,
        }
    )


def default_answer(question: Mapping[str, Any]) -> HumanAnswer | None:
    """What is taken when nobody answers in time; None if there is no default."""
    defaults: list[str] | None = question.get("defaults")
    if defaults is None:
        return None
    params: dict[str, dict[str, Any]] = question.get("params") or {}
    values = {name: param["value"] for name, param in params.items()}
    return HumanAnswer(
        chosen_options=json.dumps(defaults).encode(), params_input=json.dumps(values).encode(), responded_by=None
    )


def timeout_event() -> bytes:
    """JSON text of the event for a question that nobody answered in time, without defaults."""
    return serde.to_json({"error": TIMED_OUT, "error_type": "timeout"})


class HITLUser(TypedDict):
    """A person who may answer."""

    id: str
    name: str


class HITLTriggerEventSuccessPayload(TypedDict, total=False):
    """The event of an answer."""

    chosen_options: list[str]
    params_input: dict[str, Any]
    responded_by_user: HITLUser | None
    responded_at: datetime
    timedout: bool


class HITLTriggerEventFailurePayload(TypedDict):
    """The event of a wait that ended without one."""

    error: str
    error_type: Literal["timeout", "unknown", "validation"]
