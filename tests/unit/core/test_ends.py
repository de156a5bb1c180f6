from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.dag_specs import NOW, row, task
from tradewind.core.ends import (
    DISPATCH_FAILURES_MAX,
    INFRASTRUCTURE_CAUSES,
    AttemptEnd,
    end_of_attempt,
    redispatch_delay,
    retry_delay,
)
from tradewind.core.errors import IllegalTransition
from tradewind.core.rows import TaskInstanceRow
from tradewind.core.states import OPEN_STATES, EndCause, Outcome, TaskInstanceState

USER_CAUSES = (EndCause.USER_ERROR, EndCause.TIMEOUT, EndCause.CANCELLED)


def running(**fields: Any) -> TaskInstanceRow:
    values: dict[str, Any] = {"state": TaskInstanceState.RUNNING, "try_number": 1, "attempt_id": UUID(int=7)}
    return row("t", **{**values, **fields})


def end(row_: TaskInstanceRow, outcome: Outcome, cause: EndCause = EndCause.NONE, **task_fields: Any) -> AttemptEnd:
    return end_of_attempt(row_, task("t", **task_fields), outcome, cause, NOW)


@pytest.mark.parametrize("cause", EndCause)
@pytest.mark.parametrize(
    ("outcome", "state"),
    [(Outcome.SUCCESS, TaskInstanceState.SUCCESS), (Outcome.SKIPPED, TaskInstanceState.SKIPPED)],
)
def test_success_and_skip_stand_whatever_the_cause(outcome: Outcome, state: TaskInstanceState, cause: EndCause) -> None:
    ended = end(running(lost_attempts=2, max_tries=3), outcome, cause, retries=3)
    assert ended == AttemptEnd(
        state=state, next_action_at=None, lost_attempts=2, dispatch_failures=0, copy_to_history=False
    )


@pytest.mark.parametrize("cause", USER_CAUSES)
@pytest.mark.parametrize(
    ("retries", "try_number", "state"),
    [
        (0, 1, TaskInstanceState.FAILED),
        (1, 1, TaskInstanceState.UP_FOR_RETRY),
        (1, 2, TaskInstanceState.FAILED),
        (2, 2, TaskInstanceState.UP_FOR_RETRY),
        (2, 3, TaskInstanceState.FAILED),
    ],
)
def test_the_users_failure_is_tried_again_as_often_as_retries_say(
    retries: int, try_number: int, state: TaskInstanceState, cause: EndCause
) -> None:
    ended = end(running(max_tries=retries, try_number=try_number), Outcome.FAILED, cause, retries=retries)
    assert ended.state is state
    assert ended.copy_to_history is (state is TaskInstanceState.UP_FOR_RETRY)


def test_a_failure_without_retry_is_final() -> None:
    ended = end(running(max_tries=3), Outcome.FAILED_WITHOUT_RETRY, EndCause.USER_ERROR, retries=3)
    assert ended.state is TaskInstanceState.FAILED


def test_a_retry_is_due_after_the_delay_and_begins_with_a_full_budget() -> None:
    ended = end(
        running(max_tries=1, lost_attempts=2, dispatch_failures=1),
        Outcome.FAILED,
        EndCause.USER_ERROR,
        retries=1,
        retry_delay_seconds=90.0,
    )
    assert ended.next_action_at == NOW + timedelta(seconds=90)
    assert (ended.lost_attempts, ended.dispatch_failures) == (0, 0)


@pytest.mark.parametrize("cause", INFRASTRUCTURE_CAUSES)
def test_code_of_a_task_without_retries_is_never_run_twice(cause: EndCause) -> None:
    assert end(running(), Outcome.FAILED, cause).state is TaskInstanceState.FAILED


@pytest.mark.parametrize("cause", INFRASTRUCTURE_CAUSES)
def test_losses_draw_on_their_own_budget_and_then_on_retries(cause: EndCause) -> None:
    current = running(max_tries=1)
    for losses in (1, 2, 3):
        ended = end(current, Outcome.FAILED, cause, retries=1)
        assert (ended.state, ended.lost_attempts) == (TaskInstanceState.SCHEDULED, losses)
        assert not ended.copy_to_history
        current = replace(current, lost_attempts=ended.lost_attempts)
    spent = end(current, Outcome.FAILED, cause, retries=1)
    assert (spent.state, spent.lost_attempts) == (TaskInstanceState.UP_FOR_RETRY, 0)
    last = end(replace(current, try_number=2), Outcome.FAILED, cause, retries=1)
    assert last.state is TaskInstanceState.FAILED


@pytest.mark.parametrize(("budget", "state"), [(0, TaskInstanceState.FAILED), (1, TaskInstanceState.SCHEDULED)])
def test_the_budget_can_be_set(budget: int, state: TaskInstanceState) -> None:
    assert end(running(), Outcome.FAILED, EndCause.WORKER_LOST, infrastructure_retries=budget).state is state


@pytest.mark.parametrize("state", [TaskInstanceState.QUEUED, TaskInstanceState.RUNNING])
def test_an_attempt_that_never_started_is_dispatched_again_without_cost(state: TaskInstanceState) -> None:
    ended = end(running(state=state), Outcome.FAILED, EndCause.NOT_STARTED)
    assert ended == AttemptEnd(
        state=TaskInstanceState.SCHEDULED,
        next_action_at=NOW,
        lost_attempts=0,
        dispatch_failures=1,
        copy_to_history=False,
    )


def test_dispatching_again_has_an_end() -> None:
    almost = running(dispatch_failures=DISPATCH_FAILURES_MAX - 1)
    assert end(almost, Outcome.FAILED, EndCause.NOT_STARTED).state is TaskInstanceState.SCHEDULED
    spent = running(dispatch_failures=DISPATCH_FAILURES_MAX)
    assert end(spent, Outcome.FAILED, EndCause.NOT_STARTED).state is TaskInstanceState.FAILED


def test_dispatching_again_waits_longer_each_time_up_to_a_minute() -> None:
    assert [redispatch_delay(count).total_seconds() for count in (1, 2, 3, 4, 8, 9, 10_000)] == [0, 1, 2, 4, 60, 60, 60]


@pytest.mark.parametrize("outcome", Outcome)
def test_a_restarting_attempt_makes_way_for_a_fresh_try_however_it_ends(outcome: Outcome) -> None:
    ended = end(running(state=TaskInstanceState.RESTARTING, lost_attempts=1), outcome, EndCause.CANCELLED)
    assert ended == AttemptEnd(
        state=TaskInstanceState.NONE,
        next_action_at=None,
        lost_attempts=0,
        dispatch_failures=0,
        copy_to_history=True,
    )


@pytest.mark.parametrize("state", [state for state in TaskInstanceState if state not in OPEN_STATES])
def test_nothing_ends_twice(state: TaskInstanceState) -> None:
    with pytest.raises(IllegalTransition):
        end(running(state=state), Outcome.FAILED, EndCause.USER_ERROR)


def test_constant_delay() -> None:
    waits = [retry_delay(running(try_number=number), task("t", retry_delay_seconds=30.0)) for number in (1, 2, 9)]
    assert waits == [timedelta(seconds=30)] * 3


def test_growing_delay_lies_between_once_and_twice_the_power_and_is_repeatable() -> None:
    spec = task("t", retry_delay_seconds=10.0, retry_exponential_backoff=3.0)
    for number in (1, 2, 3, 4):
        wait = retry_delay(running(try_number=number), spec)
        base = 10 * 3 ** (number - 1)
        assert base <= wait.total_seconds() < 2 * base
        assert wait == retry_delay(running(try_number=number), spec)


def test_growing_delay_is_spread_over_task_instances() -> None:
    spec = task("t", retry_delay_seconds=1000.0, retry_exponential_backoff=2.0)
    waits = [retry_delay(row(f"t{number}", try_number=1), spec).total_seconds() for number in range(200)]
    assert len(dict.fromkeys(waits)) > 150
    assert min(waits) < 1200
    assert max(waits) > 1800


@pytest.mark.parametrize(("limit", "expected"), [(None, 86_400.0), (60.0, 60.0)])
def test_growing_delay_has_a_cap(limit: float | None, expected: float) -> None:
    spec = task("t", retry_delay_seconds=1.0, retry_exponential_backoff=10.0, max_retry_delay_seconds=limit)
    assert retry_delay(running(try_number=9_999), spec).total_seconds() == expected


def test_growing_delay_of_zero_is_a_second_at_least() -> None:
    spec = task("t", retry_delay_seconds=0.0, retry_exponential_backoff=2.0)
    assert retry_delay(running(), spec).total_seconds() == 1.0
