"""Who gets the free slots: ready task instances of many runs against pools, `parallelism` and each run's own limit.

Ready tasks wait in *lanes*, one per (pool, slots wanted): within a lane all fit or none does, so a lane whose head does
not fit is left alone and starves nobody else. A lane orders its runs by the priority of their best task, then by how
few tasks of the run are active, then by age; a run orders its tasks by priority, then by place in the DAG. A run at its
limit stands in no lane until one of its tasks ends. Cost: O(log n) per task that is added or picked, O(lanes) per call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from math import inf
from typing import Final, NamedTuple

from tradewind.core.rows import Capacity

_VOID_ENTRIES_MAX: Final = 64
"""A lane is swept of void entries when there are this many more than there can be valid ones."""


class Lane(NamedTuple):
    """Tasks that want the same number of slots of the same pool."""

    pool: str
    slots: int


class Ready(NamedTuple):
    """A task of a run that may start as soon as there is room."""

    dag_run_id: int
    position: int


class _Entry(NamedTuple):
    """A run's place in a lane; smallest first. Valid while `stamp` is the run's latest there."""

    negative_priority: int
    active: int
    dag_run_id: int
    stamp: int


class _TaskEntry(NamedTuple):
    negative_priority: int
    position: int


class Room:
    """Free slots per pool, and free places under `parallelism`, while one allocation is being made."""

    def __init__(
        self, capacity: Capacity, released_slots: Mapping[str, int] | None = None, released_places: int = 0
    ) -> None:
        """`released_*`: given back in the very transaction that the allocation will be part of."""
        released = released_slots or {}
        self._free: dict[str, float] = {
            pool.pool: inf if pool.slots < 0 else pool.slots - pool.used + released.get(pool.pool, 0)
            for pool in capacity.pools
        }
        self._places: float = (
            capacity.parallelism - capacity.parallelism_used + released_places if capacity.parallelism else inf
        )

    def fits(self, lane: Lane) -> bool:
        """Whether one more task of the lane has room; a pool that does not exist has none."""
        return self._places >= 1 and self._free.get(lane.pool, 0) >= lane.slots

    def take(self, lane: Lane) -> None:
        self._places -= 1
        self._free[lane.pool] -= lane.slots


@dataclass(slots=True)
class _Run:
    limit: int
    active: int = 0
    lanes: dict[Lane, list[_TaskEntry]] = field(default_factory=dict[Lane, list[_TaskEntry]])
    members: dict[int, Lane] = field(default_factory=dict[int, Lane])
    """position → its lane; an entry of a lane's heap without a member is void."""
    stamps: dict[Lane, int] = field(default_factory=dict[Lane, int])

    def head(self, lane: Lane) -> _TaskEntry | None:
        """The best waiting task of the lane; void entries are thrown away on the way to it."""
        heap = self.lanes.get(lane)
        while heap:
            if self.members.get(heap[0].position) == lane:
                return heap[0]
            heappop(heap)
        return None


class Pick(NamedTuple):
    """A task that got its slots."""

    ready: Ready
    lane: Lane
    priority: int


class ReadyTasks:
    """All ready task instances of a scheduler's runs that have not got their slots yet."""

    def __init__(self) -> None:
        self._runs: dict[int, _Run] = {}
        self._lanes: dict[Lane, list[_Entry]] = {}
        self._stamp = 0
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def __contains__(self, ready: Ready) -> bool:
        run = self._runs.get(ready.dag_run_id)
        return run is not None and ready.position in run.members

    def has_waiting(self, dag_run_id: int) -> bool:
        """Whether a task of this run waits for room."""
        run = self._runs.get(dag_run_id)
        return run is not None and bool(run.members)

    def set_run(self, dag_run_id: int, *, limit: int, active: int) -> None:
        """How many tasks of the run may hold slots at once (0 while its DAG is paused), and how many do."""
        run = self._runs.get(dag_run_id)
        if run is None:
            self._runs[dag_run_id] = _Run(limit, active)
            return
        improved = active < run.active or limit > run.limit
        run.limit, run.active = limit, active
        if improved:
            for lane in tuple(run.lanes):
                self._enrol(dag_run_id, run, lane)

    def discard_run(self, dag_run_id: int) -> None:
        """Forget the run and its tasks."""
        run = self._runs.pop(dag_run_id, None)
        if run is not None:
            self._waiting -= len(run.members)

    def add(self, ready: Ready, lane: Lane, priority: int) -> None:
        """Let a task of a known run wait; adding it again changes nothing."""
        run = self._runs[ready.dag_run_id]
        if ready.position in run.members:
            return
        run.members[ready.position] = lane
        self._waiting += 1
        heap = run.lanes.setdefault(lane, [])
        entry = _TaskEntry(-priority, ready.position)
        heappush(heap, entry)
        if heap[0] is entry or lane not in run.stamps:
            self._enrol(ready.dag_run_id, run, lane)

    def remove(self, ready: Ready) -> None:
        """The task does not wait any more."""
        run = self._runs.get(ready.dag_run_id)
        if run is not None and run.members.pop(ready.position, None) is not None:
            self._waiting -= 1

    def allocate(self, room: Room) -> tuple[Pick, ...]:
        """Take as many tasks out as have room, best first; `room` shrinks by what they want."""
        picked: list[Pick] = []
        heads: list[tuple[_Entry, Lane]] = []
        for lane in tuple(self._lanes):
            self._push_head(heads, lane, room)
        while heads:
            entry, lane = heappop(heads)
            if room.fits(lane) and self._current_head(lane) == entry:
                picked.append(self._take(lane, entry, room))
            self._push_head(heads, lane, room)
        return tuple(picked)

    def put_back(self, picks: Sequence[Pick]) -> None:
        """Undo an allocation that was not committed."""
        for pick in picks:
            run = self._runs.get(pick.ready.dag_run_id)
            if run is not None:
                self.set_run(pick.ready.dag_run_id, limit=run.limit, active=run.active - 1)
                self.add(*pick)

    def _push_head(self, heads: list[tuple[_Entry, Lane]], lane: Lane, room: Room) -> None:
        if lane in self._lanes and room.fits(lane):
            head = self._current_head(lane)
            if head is not None:
                heappush(heads, (head, lane))

    def _take(self, lane: Lane, entry: _Entry, room: Room) -> Pick:
        run = self._runs[entry.dag_run_id]
        task = heappop(run.lanes[lane])
        del run.members[task.position]
        self._waiting -= 1
        room.take(lane)
        run.active += 1
        self._enrol(entry.dag_run_id, run, lane)
        return Pick(Ready(entry.dag_run_id, task.position), lane, -task.negative_priority)

    def _enrol(self, dag_run_id: int, run: _Run, lane: Lane) -> None:
        """Give the run its place in the lane anew, or none if it has no task or no room of its own."""
        run.stamps.pop(lane, None)
        head = run.head(lane)
        if head is None:
            run.lanes.pop(lane, None)
        elif run.active < run.limit:
            self._stamp += 1
            run.stamps[lane] = self._stamp
            entry = _Entry(head.negative_priority, run.active, dag_run_id, self._stamp)
            heap = self._lanes.setdefault(lane, [])
            heappush(heap, entry)
            if len(heap) > 2 * len(self._runs) + _VOID_ENTRIES_MAX:
                self._lanes[lane] = [kept for kept in heap if self._is_valid(kept, lane)]
                heapify(self._lanes[lane])

    def _is_valid(self, entry: _Entry, lane: Lane) -> bool:
        run = self._runs.get(entry.dag_run_id)
        return run is not None and run.stamps.get(lane) == entry.stamp

    def _current_head(self, lane: Lane) -> _Entry | None:
        """The lane's best valid entry, left in place; void ones are dropped and outdated ones replaced."""
        while heap := self._lanes.get(lane):
            entry = heap[0]
            if not self._is_valid(entry, lane):
                heappop(heap)
                continue
            run = self._runs[entry.dag_run_id]
            head = run.head(lane)
            if head and (head.negative_priority, run.active) == entry[:2] and run.active < run.limit:
                return entry
            heappop(heap)
            self._enrol(entry.dag_run_id, run, lane)
        self._lanes.pop(lane, None)
        return None
