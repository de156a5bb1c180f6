"""The message that hands a queued attempt to a dispatcher: made by schedulers, and by whoever queues one by hand."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tradewind.core.by_hand.flags import RunByHand
from tradewind.core.rows import DagRunRow
from tradewind.core.spec import TaskSpec
from tradewind.wire.messages import QueuedTaskInstance, TaskInstanceInCelery, TaskInstanceKey
from tradewind.wire.task_run import NO_FLAGS, RunFlags, TaskRun, task_run_command

CELERY_TASK_NAME: Final = "tradewind.execute_command"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedAttempt:
    """One attempt as its row has it."""

    run: DagRunRow
    task: TaskSpec
    map_index: int
    try_number: int
    attempt_id: UUID
    priority: int
    relative_fileloc: str
    by_hand: RunByHand | None = None


def queued_message(attempt: QueuedAttempt) -> QueuedTaskInstance:
    """What a person wants of the attempt goes before what its task says."""
    run, task, by_hand = attempt.run, attempt.task, attempt.by_hand
    queue, executor, flags = task.queue, task.executor, NO_FLAGS
    if by_hand is not None:
        queue, executor = by_hand.queue or queue, by_hand.executor or executor
        flags = _run_flags(by_hand)
    command = task_run_command(
        TaskRun(
            dag_id=run.dag_id,
            task_id=task.task_id,
            run_id=run.run_id,
            map_index=attempt.map_index,
            attempt_id=attempt.attempt_id,
            flags=flags,
        )
    )
    key = TaskInstanceKey(run.dag_id, task.task_id, run.run_id, attempt.try_number, attempt.map_index)
    return QueuedTaskInstance(
        ti=TaskInstanceInCelery(key, command, queue, CELERY_TASK_NAME),
        attempt_id=attempt.attempt_id,
        priority=attempt.priority,
        pool_slots=task.pool_slots,
        executor=executor,
        relative_fileloc=attempt.relative_fileloc,
        pool=task.pool if by_hand is None else by_hand.pool or task.pool,
    )


def _run_flags(by_hand: RunByHand) -> RunFlags:
    return RunFlags(
        mark_success=by_hand.mark_success,
        ignore_all_deps=by_hand.ignore_all_deps,
        ignore_depends_on_past=by_hand.ignore_depends_on_past,
        ignore_task_deps=by_hand.ignore_task_deps,
        ignore_ti_state=by_hand.ignore_ti_state,
        pool=by_hand.pool,
    )
