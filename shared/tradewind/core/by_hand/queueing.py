"""The rule of running one task instance by hand: what is queued, or what stands against it."""

from datetime import datetime
from typing import Final

from tradewind.core.by_hand.dependencies import RESET_STATES, Obstacle, as_asked, obstacles
from tradewind.core.by_hand.values import DependenciesNotMet, HandOrder, HandQueueing
from tradewind.core.decide import begins_try
from tradewind.core.errors import NotFound
from tradewind.core.explain.values import Circumstances
from tradewind.core.explain.view import View
from tradewind.core.plan import DagPlan
from tradewind.core.revisions import FINISHED_RUN_STATES, RevisedTaskInstance
from tradewind.core.rows import LimitedTask, LoadedRun, TaskInstanceRow
from tradewind.core.snapshot import RunSnapshot
from tradewind.core.spec import TaskSpec
from tradewind.core.states import DagRunState, TaskInstanceState
from tradewind.core.transitions import Actor, DagRunEvent, Event, next_dag_run_state, next_state

_S: Final = TaskInstanceState


def queue_by_hand(
    loaded: LoadedRun, plan: DagPlan, order: HandOrder, seen: Circumstances, now: datetime
) -> HandQueueing:
    """What is written to have the task instance run now; the plan's task has the pool, queue and executor wanted.

    An order that was carried out already gets its answer again. Raises `NotFound`, and `DependenciesNotMet` naming
    whatever stands against it and is not to be ignored.
    """
    row = next((row for row in loaded.task_instances if row.id == order.id), None)
    snapshot = RunSnapshot(as_asked(loaded, order.id, order.flags), plan)
    position = snapshot.find(order.id)
    if position is None:
        raise NotFound(
            f"The run {loaded.run.run_id!r} has no task instance {order.id.task_id!r} [{order.id.map_index}]"
        )
    if row is not None and row.attempt_id == order.attempt_id:
        return _replayed(row, snapshot.task(position), order)
    beside = [Obstacle(each, order.flags.ignore_all_deps) for each in order.unmet]
    met = [*obstacles(View(snapshot, position, seen, now), row, order.flags), *beside]
    if unmet := tuple(each.dependency for each in met if not each.is_ignored):
        raise DependenciesNotMet(unmet)
    assert row is not None, "a task instance without a row cannot be ignored into one"
    task, before = snapshot.task(position), snapshot.states[position]
    next_state(before, Event.DISPATCHED, Actor.API)
    begins = begins_try(before, _S.QUEUED)
    return HandQueueing(
        id=order.id,
        attempt_id=order.attempt_id,
        try_number=row.try_number + begins,
        resumes_run=_resumes(loaded),
        reset=_reset(row, task) if row.state in RESET_STATES else None,
        expected_state=before,
        expected_attempt_id=row.attempt_id,
        begins_try=begins,
        pool=task.pool,
        slots=task.pool_slots,
        queue=task.queue,
        executor=task.executor,
        flags=order.flags,
        must_fit=not order.flags.ignore_all_deps,
        ignored=tuple(each.dependency for each in met),
    )


def _replayed(row: TaskInstanceRow, task: TaskSpec, order: HandOrder) -> HandQueueing:
    return HandQueueing(
        id=order.id,
        attempt_id=order.attempt_id,
        try_number=row.try_number,
        is_replay=True,
        pool=task.pool,
        slots=task.pool_slots,
        queue=task.queue,
        executor=task.executor,
        flags=order.flags,
    )


def hand_limit(plan: DagPlan, order: HandOrder) -> LimitedTask | None:
    """The limit over all runs of its DAG that the task must find room under."""
    place = plan.positions.get(order.id.task_id)
    size = None if place is None else plan.tasks[place].max_active_tis_per_dag
    if size is None or order.flags.ignore_all_deps or order.flags.ignore_task_deps:
        return None
    return LimitedTask(plan.spec.dag_id, order.id.task_id, size, 1)


def _resumes(loaded: LoadedRun) -> bool:
    """Whether the run has ended: its end is decided anew when that of the attempt has been."""
    if loaded.run.state not in FINISHED_RUN_STATES:
        return False
    return next_dag_run_state(loaded.run.state, DagRunEvent.RUN_BY_HAND, Actor.API) is DagRunState.RUNNING


def _reset(row: TaskInstanceRow, task: TaskSpec) -> RevisedTaskInstance:
    return RevisedTaskInstance(
        id=row.id,
        state=next_state(row.state, Event.CLEARED, Actor.API),
        max_tries=row.try_number + task.retries,
        voids=True,
        copies_try=row.try_number > 0,
    )
