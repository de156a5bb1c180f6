"""Why a task instance ended as it did."""

from typing import Final

from tradewind.core.explain.decision import chooser, trigger_rule_gate
from tradewind.core.explain.values import ExplainedGate, Stage
from tradewind.core.explain.view import View
from tradewind.core.explain.words import ago, instance, listed, moment
from tradewind.core.gates import has_task
from tradewind.core.snapshot import BROKEN_STATES
from tradewind.core.states import TaskInstanceState
from tradewind.core.trigger_rules import Answer

_BY_RULE: Final = {TaskInstanceState.SKIPPED: Answer.SKIP, TaskInstanceState.UPSTREAM_FAILED: Answer.UPSTREAM_FAILED}


def outcome_gate(view: View) -> ExplainedGate:
    """Of a finished task instance."""
    return ExplainedGate("outcome", Stage.OUTCOME, True, f"{_what(view)}{_when(view)}")


def _when(view: View) -> str:
    at = view.seen.attempt.end_date
    return "" if at is None else f" ({ago(at, view.now)})"


def _what(view: View) -> str:
    match view.state:
        case TaskInstanceState.SUCCESS:
            return "nothing of it had to run: success" if view.task.is_empty else f"it succeeded{_on_try(view)}"
        case TaskInstanceState.FAILED:
            return f"it failed{_on_try(view)}{_cause(view)}"
        case TaskInstanceState.SKIPPED:
            return f"it was skipped: {_why_skipped(view)}"
        case TaskInstanceState.UPSTREAM_FAILED:
            return f"it could not start: {_why_upstream_failed(view)}"
        case TaskInstanceState.REMOVED:
            return _why_removed(view)
        case _:
            raise AssertionError(f"{view.state} is no end")


def _on_try(view: View) -> str:
    number = view.snapshot.try_numbers[view.position]
    return f" on try {number} of {view.snapshot.max_tries[view.position] + 1}" if number else ""


def _cause(view: View) -> str:
    failure = view.seen.attempt.failure
    return f": {failure}" if failure else ": no cause was recorded, so that a person or a limit ended it"


def _why_skipped(view: View) -> str:
    over_at, ended_at = view.snapshot.run.timeout_at, view.seen.attempt.end_date
    if over_at is not None and ended_at is not None and over_at <= ended_at:
        return f"the run's dagrun_timeout was over at {moment(over_at)}"
    if view.seen.attempt.pid is not None:
        return f"it skipped itself{_on_try(view)}{_cause(view) if view.seen.attempt.detail else ''}"
    if view.position in view.snapshot.skip_requested:
        return f"{chooser(view)} did not choose it"
    return _by_rule(view)


def _by_rule(view: View) -> str:
    """Of an end that the scheduler made; what was true then may have changed since."""
    if view.overlay.answer(view.position) is _BY_RULE[view.state]:
        return f"{trigger_rule_gate(view).reason}{_named(view)}"
    if view.snapshot.plan.map_lengths[view.place] is not None and not view.overlay.wanted(view.place):
        return "there was nothing to map it over"
    if failed := _failed_fast(view):
        return f"the DAG has fail_fast, and {failed} failed"
    return "a person or a limit of the run ended it before it ran"


def _named(view: View) -> str:
    blamed = (TaskInstanceState.SKIPPED,) if view.state is TaskInstanceState.SKIPPED else BROKEN_STATES
    return _blamed(view, blamed)


def _blamed(view: View, states: tuple[TaskInstanceState, ...]) -> str:
    names = [
        f"{instance(*view.name(each))} ({view.overlay.state(each)})"
        for each in view.upstream()
        if view.overlay.state(each) in states
    ]
    return f"; because of {listed(names)}" if names else ""


def _failed_fast(view: View) -> str:
    if not view.snapshot.plan.spec.fail_fast:
        return ""
    states = view.snapshot.states
    failed = [each for each, state in enumerate(states) if state is TaskInstanceState.FAILED]
    return listed([instance(*view.name(each)) for each in failed])


def _why_upstream_failed(view: View) -> str:
    is_mapped = view.snapshot.plan.map_lengths[view.place] is not None
    if view.overlay.answer(view.position) is Answer.UPSTREAM_FAILED:
        return f"{trigger_rule_gate(view).reason}{_named(view)}"
    return "what it is mapped over was never pushed" if is_mapped else "what is upstream of it failed at the time"


def _why_removed(view: View) -> str:
    run = view.snapshot.run
    if not has_task(run, view.task):
        return "it is not part of the run: the task's start_date and end_date do not cover the run's logical date"
    if view.snapshot.instances.is_replaced(view.position):
        return "mapped task instances have taken its place"
    return "it is not part of the run any more: there are fewer items to map over than before"
