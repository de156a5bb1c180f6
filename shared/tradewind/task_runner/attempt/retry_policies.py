"""A failure, as the task's retry policy has it."""

import logging

from tradewind.core.states import Outcome
from tradewind.sdk.context import Context
from tradewind.sdk.retry_policy import RetryAction, RetryDecision, RetryPolicy
from tradewind.task_runner.attempt.outcomes import Judgement
from tradewind.wire.messages import EndEffects

log = logging.getLogger("tradewind.task")


def judge_by_policy(
    judgement: Judgement, policy: RetryPolicy, try_number: int, max_tries: int, context: Context
) -> Judgement:
    """The failure as it is, or without retry, or with another delay before the next try. A policy that raises is
    logged and decides nothing."""
    if judgement.error is None:
        return judgement
    try:
        decision = policy.evaluate(judgement.error, try_number, max_tries, context)
        delay = None if decision.retry_delay is None else decision.retry_delay.total_seconds()
    except Exception:
        log.exception("Retry policy evaluation failed, falling back to default behaviour")
        return judgement
    _log(decision)
    if decision.action is RetryAction.FAIL:
        return judgement._replace(outcome=Outcome.FAILED_WITHOUT_RETRY)
    if decision.action is RetryAction.RETRY and delay is not None:
        return judgement._replace(effects=EndEffects(retry_delay_seconds=delay))
    return judgement


def _log(decision: RetryDecision) -> None:
    if decision.reason:
        log.info("Retry policy decision: %s (%s)", decision.action.value, decision.reason)
