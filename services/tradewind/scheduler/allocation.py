"""The scheduler's view of all limits: ready tasks of its runs, and the shared capacity as last seen."""

from collections.abc import Collection, Mapping, Sequence

from tradewind.core.batches import active_by_place, lane_of, limits_of, make_room
from tradewind.core.decisions import RunDecision
from tradewind.core.gates import task_limits
from tradewind.core.rows import Capacity, EndAcknowledged
from tradewind.core.slots import Pick, Ready, ReadyTasks, Room
from tradewind.core.snapshot import RunSnapshot
from tradewind.core.states import TaskInstanceState
from tradewind.db.store import SchedulerStore


class Allocator:
    """Gives slots to ready tasks, best first; what is not committed is put back."""

    def __init__(self, store: SchedulerStore) -> None:
        self._store = store
        self._ready = ReadyTasks()
        self._capacity: Capacity | None = None

    def __len__(self) -> int:
        return len(self._ready)

    def learn(self, capacity: Capacity | None) -> None:
        """The shared limits as they are now; None = not known, read them before the next allocation."""
        self._capacity = capacity

    async def refresh(self) -> None:
        """Read the shared limits if they are not known, and how much of the limits over several runs is in use."""
        await self.refresh_capacity()
        shared = self._ready.shared_limits()
        if shared:
            counts = await self._store.count_active([(limit.dag_id, limit.task_id) for limit in shared])
            for limit, active in zip(shared, counts, strict=True):
                self._ready.set_limit(limit, active=active)

    async def refresh_capacity(self) -> None:
        """Read the shared limits if they are not known."""
        if self._capacity is None:
            self._capacity = await self._store.load_capacity()

    @property
    def deferring_pools(self) -> Collection[str]:
        """Pools whose tasks keep their slots while they are deferred, as far as that is known."""
        pools = () if self._capacity is None else self._capacity.pools
        return tuple(pool.pool for pool in pools if pool.include_deferred)

    def has_waiting(self, dag_run_id: int) -> bool:
        """Whether a task of the run waits for room."""
        return self._ready.has_waiting(dag_run_id)

    def forget(self, dag_run_id: int) -> None:
        """The run is over, not ours any more, or about to be read again."""
        self._ready.discard_run(dag_run_id)

    def enter(self, snapshot: RunSnapshot, decision: RunDecision) -> None:
        """Let the ready tasks of a decision wait, and give back what its ends held of the run's own limit."""
        make_room(snapshot, decision)
        released = sum(ack.released_slots > 0 for ack in decision.acknowledged)
        self._set_run(snapshot, snapshot.active - released, active_by_place(snapshot, decision))
        for settled in decision.settled:
            if settled.before is TaskInstanceState.SCHEDULED:
                self._ready.remove(Ready(snapshot.run.id, settled.position))
        for position in decision.ready:
            lane, priority = lane_of(snapshot, position), snapshot.priority(position)
            self._ready.add(Ready(snapshot.run.id, position), lane, priority, limits_of(snapshot, position))

    def sync(self, snapshot: RunSnapshot) -> None:
        """The limits of the run and of its tasks, and how much of each is in use."""
        self._set_run(snapshot, snapshot.active, snapshot.active_by_place)

    def _set_run(self, snapshot: RunSnapshot, active: int, by_place: Mapping[int, int]) -> None:
        run, plan = snapshot.run, snapshot.plan
        limit = 0 if run.dag_is_paused else plan.spec.max_active_tasks
        self._ready.set_run(run.id, dag_id=run.dag_id, limit=limit, active=active)
        for place, count in by_place.items():
            for task_limit, size in task_limits(run.dag_id, run.id, plan.tasks[place]).items():
                # How many are active in all runs is for the store to say (`refresh`).
                is_shared = task_limit.dag_run_id is None
                self._ready.set_limit(task_limit, size=size, active=None if is_shared else count)

    def allocate(self, acknowledged: Sequence[EndAcknowledged]) -> Sequence[Pick]:
        """Who gets slots, given what these ends return in the same transaction."""
        assert self._capacity is not None, "refresh comes first"
        places = sum(ack.released_slots > 0 for ack in acknowledged)
        return self._ready.allocate(Room(self._capacity, released_slots(acknowledged), places))

    def put_back(self, picks: Sequence[Pick]) -> None:
        """These were not committed."""
        self._ready.put_back(picks)


def released_slots(acknowledged: Sequence[EndAcknowledged]) -> Mapping[str, int]:
    """Slots that come back, by pool."""
    slots: dict[str, int] = {}
    for ack in acknowledged:
        slots[ack.pool] = slots.get(ack.pool, 0) + ack.given_back
    return slots
