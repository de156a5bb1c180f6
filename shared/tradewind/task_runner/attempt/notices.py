"""Telling people how an attempt ended: callbacks, listeners, mail. What they raise is logged and changes nothing."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from tradewind.core.states import Outcome
from tradewind.sdk.active import executing
from tradewind.sdk.context import Context
from tradewind.sdk.listeners import LISTENERS
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.state import TaskInstanceState
from tradewind.task_runner.attempt.outcomes import WAITING, Judgement

log = logging.getLogger("tradewind.task")


def call_back(callbacks: Iterable[Any], context: Context, name: str) -> None:
    """Call each with the context."""
    for callback in callbacks:
        try:
            callback(context)
        except Exception:
            log.exception("Error when executing %s callback", name)


def notice_is_due(judgement: Judgement, task: BaseOperator, *, will_retry: bool) -> bool:
    """Whether anybody is to be told of this outcome; nobody is while the task waits."""
    if judgement.outcome in WAITING:
        return False
    name, state, _ = _words(judgement.outcome, will_retry=will_retry)
    return bool(LISTENERS or getattr(task, name) or _is_mailed(judgement, task, state))


def give_notice(judgement: Judgement, task: BaseOperator, context: Context, *, will_retry: bool) -> None:
    """Everything that is due for this outcome."""
    name, state, event = _words(judgement.outcome, will_retry=will_retry)
    callbacks: list[Any] = getattr(task, name)
    ti: Any = context.get("ti")
    if ti is not None:  # None: the context could not be made
        ti.state, ti.end_date = state, datetime.now(UTC)
    context["exception"] = judgement.error if event == "on_task_instance_failed" else None
    with executing(context):
        call_back(callbacks, context, name)
        if LISTENERS and ti is not None:
            error = {"error": judgement.error} if event == "on_task_instance_failed" else {}
            LISTENERS.notify(event, previous_state=TaskInstanceState.RUNNING, task_instance=ti, **error)
        if _is_mailed(judgement, task, state):
            _send_mail(judgement.error, task, context)


def _words(outcome: Outcome, *, will_retry: bool) -> tuple[str, TaskInstanceState, str]:
    """Callback, state and listener's event."""
    match outcome:
        case Outcome.SUCCESS:
            return "on_success_callback", TaskInstanceState.SUCCESS, "on_task_instance_success"
        case Outcome.SKIPPED:
            return "on_skipped_callback", TaskInstanceState.SKIPPED, "on_task_instance_skipped"
        case _ if will_retry:
            return "on_retry_callback", TaskInstanceState.UP_FOR_RETRY, "on_task_instance_failed"
        case _:
            return "on_failure_callback", TaskInstanceState.FAILED, "on_task_instance_failed"


def _is_mailed(judgement: Judgement, task: BaseOperator, state: TaskInstanceState) -> bool:
    if not task.email or judgement.error is None:
        return False
    return task.email_on_retry if state is TaskInstanceState.UP_FOR_RETRY else task.email_on_failure


def _send_mail(error: BaseException | None, task: BaseOperator, context: Context) -> None:
    from tradewind.task_runner.attempt.failure_mail import send_failure_mail

    try:
        send_failure_mail(error, task, context)
    except Exception:
        log.exception("Failed to send email to: %s", task.email)
