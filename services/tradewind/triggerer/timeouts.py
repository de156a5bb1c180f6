"""What becomes of a task whose wait took too long."""

from datetime import datetime

from tradewind.core.triggers import DueTrigger, TriggerOutcome, timed_out


def outcome_of_timeout(due: DueTrigger, now: datetime) -> TriggerOutcome:
    """A worker fails it."""
    return timed_out(due)
