"""Messages that tell runs' owners what happened to their task instances."""

from collections.abc import Iterable
from uuid import UUID

from tradewind.core.rows import EndedTaskInstance
from tradewind.wire.messages import TaskInstanceRef, TaskInstancesEnded
from tradewind.wire.queues import scheduler_queue


def nudges_to_owners(ended: Iterable[EndedTaskInstance]) -> list[tuple[str, TaskInstancesEnded]]:
    """(queue, message) per owner; what has no owner is left to the sweep of the scheduler that adopts the run."""
    by_owner: dict[UUID, list[TaskInstanceRef]] = {}
    for item in ended:
        if item.owner is not None:
            by_owner.setdefault(item.owner, []).append(_ref(item))
    return [(scheduler_queue(owner), TaskInstancesEnded(items=tuple(refs))) for owner, refs in by_owner.items()]


def _ref(item: EndedTaskInstance) -> TaskInstanceRef:
    return TaskInstanceRef(
        dag_run_id=item.id.dag_run_id,
        task_id=item.id.task_id,
        map_index=item.id.map_index,
        attempt_id=item.attempt_id,
        state=item.state,
        next_action_at=item.next_action_at,
        map_length=item.map_length,
        skipped=item.skipped,
    )
