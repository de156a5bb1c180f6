"""What a scheduler keeps in memory of a run: the DAG's plan, and per task its state and counts of its upstream's ends.

A task is a *position*: its place in the DAG's topological order, so that whatever a task changes lies behind it. The
plan is made once per DAG version and shared by its runs; the snapshot holds flat columns, well below 2 kB a task.
A snapshot changes only by `core.batches.apply`, after what was decided has been committed.
"""

from array import array
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from tradewind.core.errors import DomainError
from tradewind.core.rows import DagRunRow, LoadedRun, TaskInstanceId, TaskInstanceRow
from tradewind.core.spec import DagSpec, TaskSpec
from tradewind.core.states import OPEN_STATES, TaskInstanceState
from tradewind.core.trigger_rules import UpstreamCounts

BROKEN_STATES: Final = (TaskInstanceState.FAILED, TaskInstanceState.UPSTREAM_FAILED)

COUNTED_STATES: Final[Mapping[TaskInstanceState, int]] = {
    TaskInstanceState.SUCCESS: 0,
    TaskInstanceState.SKIPPED: 1,
    TaskInstanceState.FAILED: 2,
    TaskInstanceState.UPSTREAM_FAILED: 3,
    TaskInstanceState.REMOVED: 4,
}
"""Finished states, and the column in which each is counted for the downstream tasks."""

COUNTERS: Final = len(COUNTED_STATES)

_BYTES_PER_TASK: Final = 280
"""State, numbers and counters (about 80), an attempt id (100), and what a timer or a waiting entry adds."""
_BYTES_PER_RUN: Final = 2_000
_BYTES_PER_TASK_SPEC: Final = 900


class DagPlan:
    """A DAG version made ready for deciding: its tasks in topological order, with edges as positions."""

    __slots__ = ("downstream", "leaves", "positions", "size_bytes", "spec", "tasks", "upstream_totals")

    def __init__(self, spec: DagSpec) -> None:
        """Raises `DomainError` when the tasks do not form a DAG."""
        self.spec: Final = spec
        self.tasks: Final[tuple[TaskSpec, ...]] = _topological(spec)
        self.positions: Final = {task.task_id: position for position, task in enumerate(self.tasks)}
        self.downstream: Final = _downstream(self.tasks, self.positions)
        self.upstream_totals: Final = array("l", [len(task.upstream_task_ids) for task in self.tasks])
        self.leaves: Final = tuple(position for position, below in enumerate(self.downstream) if not below)
        edges = sum(self.upstream_totals)
        self.size_bytes: Final = _BYTES_PER_RUN + _BYTES_PER_TASK_SPEC * len(self.tasks) + 24 * edges


def _downstream(tasks: Sequence[TaskSpec], positions: Mapping[str, int]) -> tuple[tuple[int, ...], ...]:
    below: list[list[int]] = [[] for _ in tasks]
    for position, task in enumerate(tasks):
        for upstream_id in task.upstream_task_ids:
            below[positions[upstream_id]].append(position)
    return tuple(tuple(entries) for entries in below)


def _topological(spec: DagSpec) -> tuple[TaskSpec, ...]:
    """The tasks with every upstream before its downstream; the spec's own order where that is one already."""
    by_id = {task.task_id: task for task in spec.tasks}
    missing = {task.task_id: len(task.upstream_task_ids) for task in spec.tasks}
    below: dict[str, list[str]] = {task.task_id: [] for task in spec.tasks}
    for task in spec.tasks:
        for upstream_id in task.upstream_task_ids:
            if upstream_id not in below:
                raise DomainError(
                    f"task {task.task_id!r} of DAG {spec.dag_id!r} names no upstream task {upstream_id!r}"
                )
            below[upstream_id].append(task.task_id)
    if _is_topological(spec.tasks):
        return spec.tasks
    ordered = [task.task_id for task in spec.tasks if not missing[task.task_id]]
    for task_id in ordered:
        for downstream_id in below[task_id]:
            missing[downstream_id] -= 1
            if not missing[downstream_id]:
                ordered.append(downstream_id)
    if len(ordered) != len(by_id):
        raise DomainError(f"the tasks of DAG {spec.dag_id!r} form a cycle")
    return tuple(by_id[task_id] for task_id in ordered)


def _is_topological(tasks: Sequence[TaskSpec]) -> bool:
    seen: dict[str, None] = {}
    for task in tasks:
        if any(upstream_id not in seen for upstream_id in task.upstream_task_ids):
            return False
        seen[task.task_id] = None
    return True


class RunSnapshot:
    """One running run. Columns are indexed by position; `counters` holds `COUNTERS` numbers per position."""

    __slots__ = (
        "active",
        "attempt_ids",
        "counters",
        "held_slots",
        "max_tries",
        "missing",
        "next_action_at",
        "pending",
        "plan",
        "run",
        "states",
        "try_numbers",
        "undecided",
        "unfinished",
    )

    def __init__(self, loaded: LoadedRun, plan: DagPlan) -> None:
        """Raises `DomainError` for a row that is not of this plan."""
        count = len(plan.tasks)
        self.run: DagRunRow = loaded.run
        self.plan: DagPlan = plan
        self.states: list[TaskInstanceState] = [TaskInstanceState.NONE] * count
        self.try_numbers = array("l", bytes(array("l").itemsize * count))
        self.max_tries = array("l", [task.retries for task in plan.tasks])
        self.held_slots = array("l", bytes(array("l").itemsize * count))
        self.attempt_ids: list[UUID | None] = [None] * count
        self.next_action_at: dict[int, datetime] = {}
        self.missing = bytearray(b"\x01" * count)
        """1 where the task has no row yet."""
        self.pending: dict[int, None] = {}
        """Positions whose recorded end has not been decided upon (only in a freshly loaded snapshot)."""
        self.counters = array("l", bytes(array("l").itemsize * count * COUNTERS))
        self.undecided = count
        """Tasks in state `none`."""
        self.unfinished = count
        self.active = 0
        """Tasks that hold slots."""
        self._load(loaded.task_instances)

    def _load(self, rows: Sequence[TaskInstanceRow]) -> None:
        for row in rows:
            position = self.plan.positions.get(row.id.task_id)
            if position is None or row.id.map_index != -1:
                raise DomainError(f"{row.id} is not a task of its run's DAG version {self.run.dag_version_id}")
            self._load_row(position, row)

    def _load_row(self, position: int, row: TaskInstanceRow) -> None:
        self.missing[position] = 0
        self.try_numbers[position] = row.try_number
        self.max_tries[position] = row.max_tries
        self.attempt_ids[position] = row.attempt_id
        if row.state in OPEN_STATES or row.end_pending:
            self.set_held(position, row.held_slots)
        if row.next_action_at is not None:
            self.next_action_at[position] = row.next_action_at
        if row.end_pending:
            self.pending[position] = None
        self.set_state(position, row.state)

    def set_state(self, position: int, state: TaskInstanceState) -> None:
        """Change one state and everything counted from it."""
        before = self.states[position]
        if before is state:
            return
        self.states[position] = state
        self.undecided += (state is TaskInstanceState.NONE) - (before is TaskInstanceState.NONE)
        left, entered = COUNTED_STATES.get(before), COUNTED_STATES.get(state)
        self.unfinished += (left is not None) - (entered is not None)
        for downstream in self.plan.downstream[position]:
            if left is not None:
                self.counters[downstream * COUNTERS + left] -= 1
            if entered is not None:
                self.counters[downstream * COUNTERS + entered] += 1

    def set_held(self, position: int, slots: int) -> None:
        """Change how many pool slots a task holds, and whether it counts as active."""
        self.active += (slots > 0) - (self.held_slots[position] > 0)
        self.held_slots[position] = slots

    def set_next_action(self, position: int, at: datetime | None) -> None:
        """Change when the task is to be looked at again; None = at no set time."""
        if at is None:
            self.next_action_at.pop(position, None)
        else:
            self.next_action_at[position] = at

    def counts(self, position: int) -> UpstreamCounts:
        """How the direct upstream tasks of this one ended."""
        return UpstreamCounts(
            self.plan.upstream_totals[position], *self.counters[position * COUNTERS : (position + 1) * COUNTERS]
        )

    def id(self, position: int) -> TaskInstanceId:
        return TaskInstanceId(self.run.id, self.plan.tasks[position].task_id)

    @property
    def size_bytes(self) -> int:
        """About how much memory the snapshot takes, its plan left out."""
        return _BYTES_PER_RUN + _BYTES_PER_TASK * len(self.states)
