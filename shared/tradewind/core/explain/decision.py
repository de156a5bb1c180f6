"""The gates of deciding: while all are open, `core.decide` wants to start the task."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from tradewind.core.explain.values import AttemptSeen, ExplainedGate, RunSurroundings, Stage
from tradewind.core.explain.view import TIMED_STATES, WAITING_FOR_SLOTS, View
from tradewind.core.explain.words import ago, ahead, counted, instance, listed, moment
from tradewind.core.gates import has_task, past_gate
from tradewind.core.instances import UNMAPPED
from tradewind.core.snapshot import BROKEN_STATES, COUNTED_STATES
from tradewind.core.spec import TriggerRule
from tradewind.core.states import DagRunState, TaskInstanceState
from tradewind.core.trigger_rules import Answer, UpstreamCounts, answer

_TIMERS: Final = {
    TaskInstanceState.UP_FOR_RETRY: ("retry_delay", "the next try"),
    TaskInstanceState.UP_FOR_RESCHEDULE: ("reschedule", "the next look"),
    TaskInstanceState.SCHEDULED: ("redispatch_delay", "the next attempt of this try"),
}
"""Name of the gate, and what is due then."""

_CONSEQUENCES: Final = {
    Answer.SKIP: ", so that it is to be skipped",
    Answer.UPSTREAM_FAILED: ", so that it is to end as upstream_failed",
    Answer.WAIT: "",
    Answer.RUN: "",
}

_STATES_IN_WORDS: Final = {TaskInstanceState.NONE: "not decided yet", TaskInstanceState.REMOVED: "removed"}


def decision_gates(view: View) -> Iterator[ExplainedGate]:
    """In the order in which they are asked. Once a try has begun the rules of starting stand open."""
    yield dag_run_gate(view)
    yield from _run_timeout(view)
    yield from _dates(view)
    yield from _timer(view)
    yield from _skip_request(view)
    yield from _setups(view)
    yield from _dependencies(view)
    yield trigger_rule_gate(view)
    yield from _past(view)
    yield from _mapping(view)


def _gate(view: View, name: str, reason: str, *, is_open: bool) -> ExplainedGate:
    """A rule of starting: passed for good once the try has begun."""
    return ExplainedGate(name, Stage.DECISION, is_open or not view.is_asked, reason)


def dag_run_gate(view: View) -> ExplainedGate:
    """Whether the run is one of which tasks are started; what has its slots already goes on in any case."""
    run, has_begun = view.snapshot.run, view.state not in WAITING_FOR_SLOTS
    match run.state:
        case DagRunState.RUNNING:
            since = "" if run.start_date is None else f" since {moment(run.start_date)}"
            return ExplainedGate("dag_run", Stage.DECISION, True, f"the run is running{since}")
        case DagRunState.QUEUED:
            return ExplainedGate("dag_run", Stage.DECISION, has_begun, f"the run is queued: {_why_queued(view)}")
        case DagRunState.SUCCESS | DagRunState.FAILED:
            at = view.seen.run.end_date
            when = "" if at is None else f" {ago(at, view.now)}"
            reason = f"the run ended as {run.state}{when}: nothing of it starts any more"
            return ExplainedGate("dag_run", Stage.DECISION, has_begun, reason)


def _why_queued(view: View) -> str:
    run, seen = view.snapshot.run, view.seen.run
    if run.dag_is_paused:
        return "its DAG is paused"
    if seen.dag_is_stale:
        return "its DAG is not in the DAGs folder any more"
    if seen.backfill_is_paused:
        return f"the backfill {seen.backfill_id} is paused"
    if run.run_after > view.now and seen.backfill_id is None:
        return f"it starts after {ahead(run.run_after, view.now)}"
    return _why_not_started(seen)


def _why_not_started(seen: RunSurroundings) -> str:
    of = "its DAG" if seen.backfill_id is None else f"the backfill {seen.backfill_id}"
    active = f"{seen.active_runs} of max_active_runs {seen.max_active_runs} runs of {of} are running"
    if seen.active_runs >= seen.max_active_runs:
        return f"{active}, {counted(seen.queued_before, 'queued run')} before it"
    return f"{active}, a scheduler starts it within moments"


def _run_timeout(view: View) -> Iterator[ExplainedGate]:
    at, has_begun = view.snapshot.run.timeout_at, view.state not in WAITING_FOR_SLOTS
    if at is None:
        return
    is_over = at <= view.now
    over = f"the run's dagrun_timeout was over {ago(at, view.now)}, so that whatever has not ended is to be skipped"
    reason = over if is_over else f"the run's dagrun_timeout is over at {ahead(at, view.now)}"
    yield ExplainedGate("dagrun_timeout", Stage.DECISION, has_begun or not is_over, reason)


def _dates(view: View) -> Iterator[ExplainedGate]:
    task, run = view.task, view.snapshot.run
    if task.start_date is None and task.end_date is None:
        return
    covers = has_task(run, task)
    period = f"from {_or_ever(task.start_date)} to {_or_ever(task.end_date)}"
    of_run = "has no logical date" if run.logical_date is None else f"is of {moment(run.logical_date)}"
    reason = f"the task is there {period}, the run {of_run} ({run.run_type})"
    is_open = covers or view.state is not TaskInstanceState.REMOVED
    yield ExplainedGate("task_dates", Stage.DECISION, is_open, reason)


def _or_ever(at: datetime | None) -> str:
    return "ever" if at is None else moment(at)


def _timer(view: View) -> Iterator[ExplainedGate]:
    at = view.snapshot.next_action_at.get(view.position)
    if at is None or view.state not in TIMED_STATES:
        return
    name, what = _TIMERS[view.state]
    is_due = at <= view.now
    tries = f" (try {view.snapshot.try_numbers[view.position] + 1} of {view.snapshot.max_tries[view.position] + 1})"
    what += tries if view.state is TaskInstanceState.UP_FOR_RETRY else ""
    reason = f"{what} was due {ago(at, view.now)}" if is_due else f"{what} is due at {ahead(at, view.now)}"
    yield ExplainedGate(name, Stage.DECISION, is_due, reason + _before_this(view))


def _before_this(view: View) -> str:
    """What became of the try or of the attempts before."""
    attempt = view.seen.attempt
    match view.state:
        case TaskInstanceState.UP_FOR_RETRY:
            return f"; the last one failed: {attempt.failure}" if attempt.failure else ""
        case TaskInstanceState.SCHEDULED:
            return lost_attempts(attempt)
        case _:
            return ""


def lost_attempts(attempt: AttemptSeen) -> str:
    """How many attempts of the same try were lost before this one."""
    lost, failed = attempt.lost_attempts, attempt.dispatch_failures
    parts = [f"{lost} lost while it ran"] if lost else []
    parts += [f"{failed} lost before it began"] if failed else []
    return f"; attempts of this try so far: {', '.join(parts)}" if parts else ""


def _skip_request(view: View) -> Iterator[ExplainedGate]:
    if view.position in view.snapshot.skip_requested and (view.is_asked or view.state in TIMED_STATES):
        reason = f"{chooser(view)} did not choose it, so that it is to be skipped"
        yield ExplainedGate("branch", Stage.DECISION, False, reason)


def chooser(view: View) -> str:
    """Which task upstream may have asked for a skip."""
    ended = [view.name(each) for each in view.upstream() if view.overlay.state(each) is TaskInstanceState.SUCCESS]
    names = listed([instance(*name) for name in ended])
    return f"a branch upstream ({names})" if names else "a branch further up"


def _setups(view: View) -> Iterator[ExplainedGate]:
    setups = view.snapshot.plan.setups
    if setups is None or view.task.trigger_rule is TriggerRule.ALWAYS:
        return
    scope = setups.scopes.get(view.place)
    if scope is not None:
        states = _states(view, scope)
        done = sum(state in COUNTED_STATES for state in states)
        reason = f"{done} of {len(states)} task instances between its setups and itself have ended"
        yield _gate(view, "setups", reason, is_open=done == len(states))
        return
    indirect = setups.indirect_setups.get(view.place, ())
    if indirect:
        states = _states(view, indirect)
        good = sum(state in (TaskInstanceState.SUCCESS, TaskInstanceState.REMOVED) for state in states)
        named = listed([f"'{view.snapshot.plan.tasks[place].task_id}'" for place in indirect])
        reason = f"{good} of {len(states)} setups further up ({named}) succeeded"
        yield _gate(view, "setups", reason, is_open=good == len(states))


def _states(view: View, places: Sequence[int]) -> list[TaskInstanceState]:
    return [view.overlay.state(each) for place in places for each in view.snapshot.instances.of(place)]


def _dependencies(view: View) -> Iterator[ExplainedGate]:
    plan, instances = view.snapshot.plan, view.snapshot.instances
    dependencies = plan.map_dependencies.get(view.place, ())
    is_in_scope = plan.setups is not None and view.place in plan.setups.scopes
    if not dependencies or (is_in_scope and view.task.trigger_rule is not TriggerRule.ALWAYS):
        return
    whole = [place for place in dependencies if not instances.is_expanded(place)]
    bad = [place for place in whole if view.overlay.state(place) in (*BROKEN_STATES, TaskInstanceState.SKIPPED)]
    named = listed([f"'{plan.tasks[place].task_id}' ({view.overlay.state(place)})" for place in bad or dependencies])
    reason = f"it is mapped over what {named} pushed" if bad else f"nothing that it is mapped over failed: {named}"
    yield _gate(view, "mapped_dependencies", reason, is_open=not bad)


def trigger_rule_gate(view: View) -> ExplainedGate:
    """The task's trigger rule, over how its upstream ended."""
    rule, counts = view.task.trigger_rule, view.overlay.counts(view.position)
    said = answer(rule, counts)
    return _gate(view, "trigger_rule", f"{rule}: {_upstream(view, counts, said)}", is_open=said is Answer.RUN)


def _upstream(view: View, counts: UpstreamCounts, said: Answer) -> str:
    if not counts.total:
        return "nothing is upstream of it"
    positions = view.upstream()
    tally = Counter(view.overlay.state(each) for each in positions)
    numbers = [f"{counts.success} of {counts.total} upstream task instances succeeded"]
    numbers += [
        f"{tally[state]} {_STATES_IN_WORDS.get(state, state)}"
        for state in TaskInstanceState
        if tally[state] and state is not TaskInstanceState.SUCCESS
    ]
    return ", ".join(numbers) + _CONSEQUENCES[said] + (_waited_for(view, positions) if said is Answer.WAIT else "")


def _waited_for(view: View, positions: Sequence[int]) -> str:
    names = [
        f"{instance(*view.name(each))} ({_STATES_IN_WORDS.get(state, state)})"
        for each in positions
        if (state := view.overlay.state(each)) not in COUNTED_STATES
    ]
    return f"; waits for {listed(names)}" if names else ""


def _past(view: View) -> Iterator[ExplainedGate]:
    if view.task.depends_on_past and view.seen.past is not None:
        gate = past_gate(view.snapshot.plan.spec, view.task, view.seen.past)
        yield _gate(view, gate.name, gate.reason, is_open=gate.is_open)


def _mapping(view: View) -> Iterator[ExplainedGate]:
    if view.snapshot.plan.map_lengths[view.place] is None:
        return
    wanted = view.overlay.wanted(view.place)
    if view.map_index != UNMAPPED:
        reason = f"it is number {view.map_index} of {_or_unknown(wanted)} items"
        yield _gate(view, "mapping", reason, is_open=wanted is None or view.map_index < wanted)
        return
    reason = f"it will be mapped over {_or_unknown(wanted)} items" + ("" if wanted else _why_no_items(wanted))
    yield _gate(view, "expansion", reason, is_open=bool(wanted))


def _or_unknown(wanted: int | None) -> str:
    return "a number not known yet of" if wanted is None else str(wanted)


def _why_no_items(wanted: int | None) -> str:
    return ", so that it is to be skipped" if wanted == 0 else ": what gives them has not ended, or gave none"
