"""How the end of a child process becomes the end of its attempt: one pure decision."""

import signal
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tradewind.core.states import EndCause, Outcome
from tradewind.task_runner.launcher import Exit
from tradewind.task_runner.protocol import AttemptResult
from tradewind.wire.messages import TaskStarted

_OWN_CRASHES: Final = (
    signal.SIGSEGV,
    signal.SIGABRT,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
    signal.SIGTRAP,
    signal.SIGSYS,
)
"""Signals that code brings upon itself. Any other comes from outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildEnd:
    """What is known of an attempt when its child is done."""

    started: TaskStarted | None
    """None: its user code never began."""
    conclusion: AttemptResult | Exit
    kill_cause: EndCause | None
    """Why the supervisor killed it, if it did."""


def result_of(end: ChildEnd, now: datetime) -> AttemptResult:
    """The result to report.

    A success or a skip stands, whatever signal was under way. Otherwise a kill by the supervisor explains the end; a
    child that says how it ended is believed; one that says nothing is judged by its exit, and an attempt whose code
    had not begun is `NOT_STARTED`: it can be dispatched again at no cost.
    """
    match end.conclusion:
        case AttemptResult() as result:
            return result if end.kill_cause is None else _killed_with_result(result, end.kill_cause)
        case Exit() as gone:
            cause, detail = _judge(gone, end)
            started_at = end.started.started_at if end.started else None
            return AttemptResult(Outcome.FAILED, cause, detail, started_at, now, is_silent=True)


def ended_in_overtime(gone: Exit) -> str:
    """What to say in the log of a child that did not come to the end of its callbacks."""
    return f"the task's process {_how(gone)} before all callbacks and listeners were called; its end stands"


def _killed_with_result(result: AttemptResult, kill_cause: EndCause) -> AttemptResult:
    if result.outcome in (Outcome.SUCCESS, Outcome.SKIPPED):
        return result
    return AttemptResult(
        Outcome.FAILED,
        kill_cause if result.started_at is not None else _unstarted(kill_cause),
        _kill_detail(kill_cause),
        result.started_at,
        result.ended_at,
        rendered_fields=result.rendered_fields,
        is_silent=result.is_silent,
    )


def _judge(gone: Exit, end: ChildEnd) -> tuple[EndCause, str]:
    if end.kill_cause is not None:
        cause = end.kill_cause if end.started else _unstarted(end.kill_cause)
        return cause, _kill_detail(end.kill_cause)
    if end.started is None:
        return EndCause.NOT_STARTED, f"the child process {_how(gone)} before user code began"
    if gone.out_of_memory:
        detail = gone.detail or "the kernel killed the task for want of memory (SIGKILL)"
        return EndCause.OUT_OF_MEMORY, detail + _with_others(gone)
    if gone.shared_with:
        # Which of them it was is not known: none of them is to blame.
        return EndCause.KILLED, f"its process {_how(gone)} without a result" + _with_others(gone)
    if gone.signal in _OWN_CRASHES or gone.code is not None:
        return EndCause.USER_ERROR, f"the task's process {_how(gone)} without a result"
    return EndCause.KILLED, f"the task's process {_how(gone)}, by something outside of it"


def _with_others(gone: Exit) -> str:
    return f"; {gone.shared_with} other attempt(s) of its lane ran in the same process" if gone.shared_with else ""


def _unstarted(kill_cause: EndCause) -> EndCause:
    """A person's wish stands; a preempted attempt that had not begun has lost nothing."""
    return kill_cause if kill_cause is EndCause.CANCELLED else EndCause.NOT_STARTED


def _kill_detail(kill_cause: EndCause) -> str:
    match kill_cause:
        case EndCause.CANCELLED:
            return "killed: the attempt was cancelled or is no longer current"
        case EndCause.PREEMPTED:
            return "killed: its worker was stopped, and the attempt did not end within the grace"
        case _:
            return f"killed by its supervisor: {kill_cause}"


def _how(gone: Exit) -> str:
    if gone.signal is not None:
        return f"was ended by {_signal_name(gone.signal)}"
    return f"exited with code {gone.code}" if gone.code is not None else "was lost"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
