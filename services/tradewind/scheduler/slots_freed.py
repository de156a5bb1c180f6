"""Tells other schedulers when a commit gave slots back: tasks that they were refused need not wait for a sweep then."""

from collections.abc import Sequence
from uuid import UUID

from tradewind.bus.port import Bus, Message
from tradewind.core.batches import RunChanges
from tradewind.core.errors import AdapterError
from tradewind.core.rows import Capacity
from tradewind.scheduler.allocation import released_slots
from tradewind.service.logging import get_logger
from tradewind.wire.codec import encode
from tradewind.wire.messages import SlotsFreed
from tradewind.wire.queues import EVENTS


class SlotsFreedNotice:
    """Broadcasts `SlotsFreed` where somebody may have been waiting: a limit was at least half used before."""

    def __init__(self, *, bus: Bus, scheduler_id: UUID) -> None:
        self._bus = bus
        self._scheduler_id = scheduler_id
        self._log = get_logger()

    async def send(self, changes: Sequence[RunChanges], capacity: Capacity | None) -> None:
        """`capacity`: the limits after the commit; None = it touched none, for it took as much as it gave."""
        pools = () if capacity is None else freed_pools(changes, capacity)
        is_roomier = capacity is not None and _frees_places(changes, capacity)
        if not pools and not is_roomier and not _frees_tasks(changes):
            return
        message = Message(body=encode(SlotsFreed(scheduler_id=self._scheduler_id, pools=pools)))
        try:
            await self._bus.broadcast(EVENTS, message)
        except AdapterError as exc:
            self._log.warning("bus.unavailable", sending="slots_freed", error=str(exc))


def freed_pools(changes: Sequence[RunChanges], capacity: Capacity) -> tuple[str, ...]:
    """Pools that have more room after these changes and may have had too little before."""
    net = dict(released_slots([ack for change in changes for ack in change.decision.acknowledged]))
    for change in changes:
        for position in change.queued:
            task = change.snapshot.task(position)
            net[task.pool] = net.get(task.pool, 0) - task.pool_slots
    return tuple(
        pool.pool
        for pool in capacity.pools
        if (freed := net.get(pool.pool, 0)) > 0 and pool.slots >= 0 and 2 * (pool.used + freed) >= pool.slots
    )


def _frees_places(changes: Sequence[RunChanges], capacity: Capacity) -> bool:
    acknowledged = [ack for change in changes for ack in change.decision.acknowledged]
    freed = sum(ack.released_slots > 0 for ack in acknowledged) - sum(len(change.queued) for change in changes)
    return freed > 0 and 2 * (capacity.parallelism_used + freed) >= capacity.parallelism > 0


def _frees_tasks(changes: Sequence[RunChanges]) -> bool:
    """Whether a task has ended of which only so many instances may be active over all runs."""
    return any(
        change.snapshot.task(position).max_active_tis_per_dag is not None
        for change in changes
        if change.snapshot.plan.limited
        for position in [
            *(ended.position for ended in change.decision.ended),
            *(settled.position for settled in change.decision.settled),
        ]
    )
