"""The answer to "why isn't my task running?"."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from tradewind.core.explain.decision import decision_gates
from tradewind.core.explain.execution import execution_gates
from tradewind.core.explain.order import place_in_order
from tradewind.core.explain.outcome import outcome_gate
from tradewind.core.explain.room import held_slots, slot_gates
from tradewind.core.explain.values import Circumstances, ExplainedGate, Explanation, PlaceInOrder, PoolHolders, Stage
from tradewind.core.explain.view import WAITING_FOR_SLOTS, View
from tradewind.core.explain.words import counted, instance, span
from tradewind.core.snapshot import RunSnapshot
from tradewind.core.states import DagRunState, TaskInstanceState

_NOTHING_TO_ADD: Final = ("order", "scheduler", "claim")
"""Gates that are closed because others are: they are not counted again."""


def explain(snapshot: RunSnapshot, position: int, seen: Circumstances, now: datetime) -> Explanation:
    """Every gate of one instance of the run, from what was read of the run and around it; changes nothing."""
    view = View(snapshot, position, seen, now)
    order = place_in_order(view) if _waits_for_room(view) else None
    gates = tuple(_gates(view, order))
    is_full = any(gate.name == "pool" and not gate.is_open for gate in gates)
    return Explanation(
        state=view.state,
        summary=_summary(view, gates),
        gates=gates,
        order=order,
        holders=seen.holders if is_full else PoolHolders(),
    )


def _waits_for_room(view: View) -> bool:
    at = view.snapshot.next_action_at.get(view.position)
    return view.state is TaskInstanceState.SCHEDULED and (at is None or at <= view.now)


def _gates(view: View, order: PlaceInOrder | None) -> Sequence[ExplainedGate]:
    if view.is_finished:
        return [outcome_gate(view)]
    gates = list(decision_gates(view))
    if view.state not in WAITING_FOR_SLOTS:
        return [*gates, *held_slots(view), *execution_gates(view)]
    gates += slot_gates(view, order)
    return [*gates, _scheduler(view, has_closed=any(not gate.is_open for gate in gates))]


def _scheduler(view: View, *, has_closed: bool) -> ExplainedGate:
    """Whether somebody decides for the run; where nothing else holds the task back, that is what it waits for."""
    seen = view.seen.scheduler
    is_alive = seen.alive > 0 and (seen.owner_is_alive or view.snapshot.run.state is not DagRunState.RUNNING)
    reason = _who_decides(view)
    if not has_closed and is_alive:
        is_end_new = view.seen.attempt.end_pending
        waits_for = "decides upon its last end" if is_end_new else "goes on with it"
        reason = f"nothing else holds it back: its scheduler {waits_for} with its next decision; {reason}"
    return ExplainedGate("scheduler", Stage.SLOTS, has_closed and is_alive, reason)


def _who_decides(view: View) -> str:
    seen = view.seen.scheduler
    if not seen.alive:
        return "no scheduler is alive"
    if seen.owner_age_seconds is None:
        return f"no scheduler owns the run; {counted(seen.alive, 'scheduler')} alive"
    heard = f"was last heard of {span(seen.owner_age_seconds)} ago"
    takes_over = "" if seen.owner_is_alive else ", another one takes the run over"
    return f"the scheduler that owns the run {heard}{takes_over}"


def _summary(view: View, gates: Sequence[ExplainedGate]) -> str:
    closed = [gate for gate in gates if not gate.is_open]
    first = closed[0] if closed else gates[-1]
    more = sum(gate.name not in _NOTHING_TO_ADD for gate in closed[1:])
    others = f" ({counted(more, 'more closed gate')})" if more else ""
    state = "not scheduled" if view.state is TaskInstanceState.NONE else view.state
    return f"{instance(view.task.task_id, view.map_index)} is {state}: {first.reason}{others}"
