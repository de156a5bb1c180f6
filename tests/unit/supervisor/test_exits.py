"""What the end of a child means."""

import signal
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from tradewind.core.states import EndCause, Outcome
from tradewind.task_runner.launcher import Exit
from tradewind.task_runner.protocol import AttemptResult
from tradewind.task_runner.supervising.exits import ChildEnd, result_of
from tradewind.wire.messages import TaskStarted

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 1, 2, tzinfo=UTC)
STARTED = TaskStarted(UUID(int=1), 7, NOW, "host")


def result(outcome: Outcome, cause: EndCause = EndCause.NONE) -> AttemptResult:
    return AttemptResult(outcome, cause, "detail", NOW, LATER)


@pytest.mark.parametrize("given", [result(Outcome.SUCCESS), result(Outcome.FAILED, EndCause.USER_ERROR)])
def test_a_result_is_believed(given: AttemptResult) -> None:
    assert result_of(ChildEnd(started=STARTED, conclusion=given, kill_cause=None), LATER) is given


@pytest.mark.parametrize("outcome", [Outcome.SUCCESS, Outcome.SKIPPED])
def test_a_success_stands_whatever_signal_was_under_way(outcome: Outcome) -> None:
    given = result(outcome)
    assert result_of(ChildEnd(started=STARTED, conclusion=given, kill_cause=EndCause.CANCELLED), LATER) is given


@pytest.mark.parametrize("is_silent", [True, False])
@pytest.mark.parametrize("cause", [EndCause.CANCELLED, EndCause.PREEMPTED])
def test_a_failure_after_a_kill_is_the_kill_s(cause: EndCause, is_silent: bool) -> None:
    given = msgspec.structs.replace(result(Outcome.FAILED_WITHOUT_RETRY, EndCause.USER_ERROR), is_silent=is_silent)
    judged = result_of(ChildEnd(started=STARTED, conclusion=given, kill_cause=cause), LATER)
    assert (judged.outcome, judged.cause, judged.started_at, judged.ended_at) == (Outcome.FAILED, cause, NOW, LATER)
    assert judged.is_silent is is_silent


@pytest.mark.parametrize(
    ("gone", "cause"),
    [
        (Exit(code=0), EndCause.USER_ERROR),
        (Exit(code=3), EndCause.USER_ERROR),
        (Exit(signal=signal.SIGSEGV), EndCause.USER_ERROR),
        (Exit(signal=signal.SIGABRT), EndCause.USER_ERROR),
        (Exit(signal=signal.SIGKILL), EndCause.KILLED),
        (Exit(signal=signal.SIGTERM), EndCause.KILLED),
        (Exit(signal=signal.SIGKILL, out_of_memory=True), EndCause.OUT_OF_MEMORY),
        (Exit(signal=200), EndCause.KILLED),
        (Exit(), EndCause.KILLED),
    ],
)
def test_an_exit_without_result_after_the_start(gone: Exit, cause: EndCause) -> None:
    judged = result_of(ChildEnd(started=STARTED, conclusion=gone, kill_cause=None), LATER)
    assert (judged.outcome, judged.cause, judged.started_at, judged.ended_at) == (Outcome.FAILED, cause, NOW, LATER)
    assert judged.is_silent


@pytest.mark.parametrize("gone", [Exit(), Exit(code=1), Exit(signal=9), Exit(signal=9, out_of_memory=True)])
def test_an_exit_before_the_start_has_not_started(gone: Exit) -> None:
    judged = result_of(ChildEnd(started=None, conclusion=gone, kill_cause=None), LATER)
    assert (judged.outcome, judged.cause, judged.started_at) == (Outcome.FAILED, EndCause.NOT_STARTED, None)


@pytest.mark.parametrize(
    ("kill", "started", "cause"),
    [
        (EndCause.PREEMPTED, STARTED, EndCause.PREEMPTED),
        (EndCause.PREEMPTED, None, EndCause.NOT_STARTED),
        (EndCause.CANCELLED, STARTED, EndCause.CANCELLED),
        (EndCause.CANCELLED, None, EndCause.CANCELLED),
    ],
)
def test_a_kill_explains_the_exit(kill: EndCause, started: TaskStarted | None, cause: EndCause) -> None:
    judged = result_of(ChildEnd(started=started, conclusion=Exit(signal=9, out_of_memory=True), kill_cause=kill), NOW)
    assert judged.cause == cause


def test_the_signal_is_named() -> None:
    judged = result_of(ChildEnd(started=STARTED, conclusion=Exit(signal=11), kill_cause=None), LATER)
    assert "SIGSEGV" in (judged.detail or "")
