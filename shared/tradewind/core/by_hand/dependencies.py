"""What stands against running a task instance by hand: closed gates, and which flag passes which.

The gates are those that scheduling decides by (`core.explain`), asked as if the task instance had been
cleared; its place in the order does not count, for that is what a person passes over.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from tradewind.core.by_hand.flags import RunByHand
from tradewind.core.explain.airflow import NAMES, Dependency
from tradewind.core.explain.decision import decision_gates
from tradewind.core.explain.room import room_gates
from tradewind.core.explain.values import ExplainedGate
from tradewind.core.explain.view import View
from tradewind.core.revisions import FINISHED_RUN_STATES, FINISHED_STATES
from tradewind.core.rows import LoadedRun, TaskInstanceId, TaskInstanceRow
from tradewind.core.states import DagRunState, TaskInstanceState

_S: Final = TaskInstanceState

BEGUN_STATES: Final = (_S.QUEUED, _S.RUNNING, _S.RESTARTING)
"""There is an attempt already."""

RESET_STATES: Final = (*(state for state in FINISHED_STATES if state is not _S.REMOVED), _S.DEFERRED, _S.AWAITING_INPUT)
"""It begins anew, as if it were cleared; in all other states the try goes on, or the next one begins early."""

_POOLS_NAMED_MAX: Final = 20
_OF_TASK: Final = (
    *("retry_delay", "reschedule", "redispatch_delay", "branch", "setups", "mapped_dependencies", "trigger_rule"),
    *("depends_on_past", "max_active_tis_per_dag", "max_active_tis_per_dagrun"),
)
_NAMES: Final = {**NAMES, "retry_delay": "Not In Retry Period", "reschedule": "Ready To Reschedule"}


class Obstacle(NamedTuple):
    """A dependency that is not met, and whether the flags pass it over."""

    dependency: Dependency
    is_ignored: bool


def as_asked(loaded: LoadedRun, id_: TaskInstanceId, flags: RunByHand) -> LoadedRun:
    """The run as the gates are asked about it: the task instance as if it had been cleared, and a run that has ended as
    if it went on, if that is what the flags say."""
    rows = tuple(_as_cleared(row) if row.id == id_ else row for row in loaded.task_instances)
    run = loaded.run
    if run.state in FINISHED_RUN_STATES and (flags.ignore_ti_state or flags.ignore_all_deps):
        run = replace(run, state=DagRunState.RUNNING, timeout_at=None)
    return LoadedRun(run=run, task_instances=rows)


def _as_cleared(row: TaskInstanceRow) -> TaskInstanceRow:
    if row.state not in RESET_STATES:
        return row
    return replace(row, state=_S.NONE, next_action_at=None, held_slots=0, kept_slots=0, end_pending=False)


def obstacles(view: View, row: TaskInstanceRow | None, flags: RunByHand) -> Sequence[Obstacle]:
    """In the order in which they would be met. The view is of the run `as_asked`, the row is as it is."""
    return [*_of_row(view, row, flags), *(_of_gate(gate, view, flags) for gate in _closed(view))]


def _closed(view: View) -> Iterator[ExplainedGate]:
    for gate in (*decision_gates(view), *room_gates(view)):
        if not gate.is_open or gate.name == "expansion":
            yield gate


def _of_gate(gate: ExplainedGate, view: View, flags: RunByHand) -> Obstacle:
    is_ignored = flags.ignore_all_deps and not _is_fixed(gate.name, view)
    is_ignored |= flags.ignore_task_deps and gate.name in _OF_TASK
    is_ignored |= flags.ignore_depends_on_past and gate.name == "depends_on_past"
    reason = gate.reason if gate.name != "pool" else f"{gate.reason}{_other_pools(view)}"
    return Obstacle(Dependency(_NAMES[gate.name], reason), is_ignored)


def _other_pools(view: View) -> str:
    """What there is, for who has named a pool that there is not."""
    pools = [each.pool for each in view.seen.capacity.pools]
    if view.task.pool in pools:
        return ""
    named = ", ".join(f"'{pool}'" for pool in sorted(pools)[:_POOLS_NAMED_MAX])
    more = len(pools) - _POOLS_NAMED_MAX
    return f"; there are {named}{f' and {more} more' if more > 0 else ''}" if pools else "; there is none at all"


def _is_fixed(name: str, view: View) -> bool:
    """Whether nothing can pass it over, for there is nothing that could be run or nowhere to count it."""
    match name:
        case "dag_run":
            return view.snapshot.run.state is DagRunState.QUEUED
        case "pool":
            return all(pool.pool != view.task.pool for pool in view.seen.capacity.pools)
        case _:
            return name in ("mapping", "expansion", "task_dates")


def _of_row(view: View, row: TaskInstanceRow | None, flags: RunByHand) -> Iterator[Obstacle]:
    run_state = view.snapshot.run.state
    if row is None and run_state is not DagRunState.QUEUED:
        reason = "the run does not have it yet: a scheduler makes it within moments"
        yield Obstacle(Dependency("Task Instance State", reason), False)
    elif row is not None and row.state in BEGUN_STATES:
        reason = f"it is {row.state} already, as the attempt {row.attempt_id}"
        yield Obstacle(Dependency("Task Instance Not Running", reason), False)
    elif row is not None and row.state is _S.REMOVED:
        yield Obstacle(Dependency("Task Instance State", "its state is 'removed': the run does not have it"), False)
    elif row is not None and row.state in RESET_STATES:
        reason = f"its state is '{row.state}': it must be cleared, or its state be ignored"
        yield Obstacle(Dependency("Task Instance State", reason), flags.ignore_ti_state or flags.ignore_all_deps)
