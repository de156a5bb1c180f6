"""What becomes of a task whose wait took too long."""

import json
from datetime import datetime

from tradewind.core.triggers import DueTrigger, TriggerOutcome, resumed, timed_out
from tradewind.sdk.human_input import answer_event, default_answer, timeout_event


def outcome_of_timeout(due: DueTrigger, now: datetime) -> TriggerOutcome:
    """A task goes on to fail. One that asked a person goes on with the answer that just came, else with the defaults of
    its question, else to fail by its own method."""
    if due.human_input is None:
        return timed_out(due)
    if due.answer is not None:
        return resumed(due.id, due.next_kwargs, answer_event(due.answer, due.answered_at or now))
    defaults = default_answer(json.loads(due.human_input))
    if defaults is None:
        return resumed(due.id, due.next_kwargs, timeout_event())
    return resumed(due.id, due.next_kwargs, answer_event(defaults, now), answer=defaults)
