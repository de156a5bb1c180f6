"""The scheduler's view of all limits: ready tasks of its runs, and the shared capacity as last seen."""

from collections.abc import Mapping, Sequence

from tradewind.core.batches import lane_of, make_room
from tradewind.core.decide import RunDecision
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
        """Read the shared limits if they are not known."""
        if self._capacity is None:
            self._capacity = await self._store.load_capacity()

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
        self.sync(snapshot, active=snapshot.active - released)
        for settled in decision.settled:
            if settled.before is TaskInstanceState.SCHEDULED:
                self._ready.remove(Ready(snapshot.run.id, settled.position))
        for position in decision.ready:
            lane, priority = lane_of(snapshot, position), snapshot.priority(position)
            self._ready.add(Ready(snapshot.run.id, position), lane, priority)

    def sync(self, snapshot: RunSnapshot, *, active: int | None = None) -> None:
        """The run's own limit, and how much of it is in use."""
        limit = 0 if snapshot.run.dag_is_paused else snapshot.plan.spec.max_active_tasks
        self._ready.set_run(
            snapshot.run.id,
            dag_id=snapshot.run.dag_id,
            limit=limit,
            active=snapshot.active if active is None else active,
        )

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
        slots[ack.pool] = slots.get(ack.pool, 0) + ack.released_slots
    return slots
