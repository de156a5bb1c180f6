"""Who gets the free slots: ready task instances of many runs against pools, `parallelism`, runs' and tasks' own limits.

Ready tasks wait in *lanes*, one per (pool, slots wanted): within a lane all fit or none does, so a lane whose head does
not fit is left alone and starves nobody else. Best is who has the highest priority; among equals the DAG of which the
fewest task instances are active, then the run of which the fewest are, then the older run; a run orders its own tasks
by priority, then by place in the DAG. A run at its limit stands in no lane until one of its tasks ends; a task at a
limit of its own (`TaskLimit`) is set aside until that has room, and holds up nobody behind it. Cost: O(log n) per task
that is added, picked or set aside, O(lanes) per call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf
from typing import NamedTuple

from tradewind.core.contest import Contest, Rank
from tradewind.core.rows import Capacity


class Lane(NamedTuple):
    """Tasks that want the same number of slots of the same pool."""

    pool: str
    slots: int


class Ready(NamedTuple):
    """A task of a run that may start as soon as there is room."""

    dag_run_id: int
    position: int


class TaskLimit(NamedTuple):
    """A limit on the active instances of one task: in one run, or in all runs of the DAG (`dag_run_id` None)."""

    dag_id: str
    task_id: str
    dag_run_id: int | None = None


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


class Pick(NamedTuple):
    """A task that got its slots."""

    ready: Ready
    lane: Lane
    priority: int
    limits: tuple[TaskLimit, ...] = ()


@dataclass(slots=True)
class _Member:
    lane: Lane
    priority: int
    limits: tuple[TaskLimit, ...]
    waits_for: TaskLimit | None = None
    """Set aside until this limit has room; None = it stands in its lane."""


@dataclass(slots=True)
class _Run:
    dag: "_Dag"
    limit: int
    active: int
    lanes: dict[Lane, Contest[int]] = field(default_factory=dict[Lane, Contest[int]])
    members: dict[int, _Member] = field(default_factory=dict[int, _Member])
    """By position."""


@dataclass(slots=True)
class _Dag:
    dag_id: str
    runs: int = 0
    active: int = 0
    """Active task instances of all its runs that are known here."""
    lanes: dict[Lane, Contest[int]] = field(default_factory=dict[Lane, Contest[int]])
    """Runs that have both tasks in the lane and room for one."""


@dataclass(slots=True)
class _Limit:
    size: int
    active: int
    wanted: int = 0
    """Ready tasks that are under it."""
    waiting: dict[tuple[int, Lane], Contest[int]] = field(default_factory=dict[tuple[int, Lane], Contest[int]])
    """Positions that were set aside, by run and lane: what one of these holds up is not to hold up the others."""

    @property
    def room(self) -> int:
        return max(self.size - self.active, 0)


class ReadyTasks:
    """All ready task instances of a scheduler's runs that have not got their slots yet."""

    def __init__(self) -> None:
        self._runs: dict[int, _Run] = {}
        self._dags: dict[str, _Dag] = {}
        self._lanes: dict[Lane, Contest[str]] = {}
        """DAGs by lane."""
        self._limits: dict[TaskLimit, _Limit] = {}
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

    def set_run(self, dag_run_id: int, *, dag_id: str, limit: int, active: int) -> None:
        """How many tasks of the run may hold slots at once (0 while its DAG is paused), and how many do."""
        run = self._runs.get(dag_run_id)
        if run is None:
            dag = self._dags.setdefault(dag_id, _Dag(dag_id))
            dag.runs += 1
            self._runs[dag_run_id] = run = _Run(dag, limit, 0)
        if active != run.active or run.limit != limit:
            run.limit = limit
            self._set_active(dag_run_id, run, active)

    def discard_run(self, dag_run_id: int) -> None:
        """Forget the run and its tasks."""
        run = self._runs.pop(dag_run_id, None)
        if run is None:
            return
        for position, member in run.members.items():
            self._leave_limits(Ready(dag_run_id, position), member)
        self._waiting -= len(run.members)
        for lane in tuple(run.lanes):
            run.lanes[lane] = Contest()
        self._set_active(dag_run_id, run, 0)
        run.dag.runs -= 1
        if not run.dag.runs:
            del self._dags[run.dag.dag_id]
        for limit in [limit for limit in self._limits if limit.dag_run_id == dag_run_id]:
            del self._limits[limit]

    def set_limit(self, limit: TaskLimit, *, size: int | None = None, active: int | None = None) -> None:
        """How many instances of a task may be active, and how many are; None = as before."""
        known = self._limits.setdefault(limit, _Limit(0, 0))
        known.size = known.size if size is None else size
        known.active = known.active if active is None else active

    def shared_limits(self) -> Sequence[TaskLimit]:
        """Limits over several runs, for which tasks wait: how many are active is for the store to say."""
        return tuple(limit for limit, known in self._limits.items() if limit.dag_run_id is None and known.wanted)

    def add(self, ready: Ready, lane: Lane, priority: int, limits: tuple[TaskLimit, ...] = ()) -> None:
        """Let a task of a known run wait; adding it again changes nothing. Its limits must be set."""
        run = self._runs[ready.dag_run_id]
        if ready.position in run.members:
            return
        run.members[ready.position] = _Member(lane, priority, limits)
        self._waiting += 1
        for limit in limits:
            self._limits[limit].wanted += 1
        self._enter_lane(ready, run, lane, priority)

    def remove(self, ready: Ready) -> None:
        """The task does not wait any more."""
        run = self._runs.get(ready.dag_run_id)
        member = None if run is None else run.members.pop(ready.position, None)
        if run is not None and member is not None:
            self._waiting -= 1
            self._leave_limits(ready, member)
            self._leave_lane(ready, run, member.lane)

    def allocate(self, room: Room) -> tuple[Pick, ...]:
        """Take as many tasks out as have room, best first; `room` shrinks by what they want."""
        picked: list[Pick] = []
        is_moving = True
        while is_moving:
            # A task that was let back in may have to wait for its other limit: then the next one gets the room.
            self._let_in()
            is_moving = self._allocate_lanes(room, picked)
        return tuple(picked)

    def put_back(self, picks: Sequence[Pick]) -> None:
        """Undo an allocation that was not committed."""
        for pick in picks:
            for limit in pick.limits:
                if limit in self._limits:
                    self._limits[limit].active -= 1
            run = self._runs.get(pick.ready.dag_run_id)
            if run is not None:
                self.set_run(pick.ready.dag_run_id, dag_id=run.dag.dag_id, limit=run.limit, active=run.active - 1)
                self.add(*pick)

    def _allocate_lanes(self, room: Room, picked: list[Pick]) -> bool:
        """One pass over the lanes; True = a task was set aside, which may have left room to others."""
        heads: list[tuple[Rank, Lane]] = []
        for lane in tuple(self._lanes):
            self._push_head(heads, lane, room)
        has_set_aside = False
        while heads:
            rank, lane = heappop(heads)
            if room.fits(lane) and self._head_rank(lane) == rank:
                pick = self._take(lane)
                if pick is None:
                    has_set_aside = True
                else:
                    room.take(lane)
                    picked.append(pick)
            self._push_head(heads, lane, room)
        return has_set_aside

    def _push_head(self, heads: list[tuple[Rank, Lane]], lane: Lane, room: Room) -> None:
        if room.fits(lane):
            rank = self._head_rank(lane)
            if rank is not None:
                heappush(heads, (rank, lane))

    def _head_rank(self, lane: Lane) -> Rank | None:
        dags = self._lanes.get(lane)
        head = None if dags is None else dags.leader()
        return None if head is None else head.rank

    def _take(self, lane: Lane) -> Pick | None:
        """Take the lane's best task out; None = it is at a limit of its own, and is set aside."""
        dag = self._lanes[lane].leader()
        assert dag is not None, "an empty lane has no head"
        best = self._dags[dag.member].lanes[lane].leader()
        assert best is not None, "a DAG without runs in a lane does not stand there"
        run = self._runs[best.member]
        task = run.lanes[lane].leader()
        assert task is not None, "a run without tasks in a lane does not stand there"
        ready, member = Ready(best.member, task.member), run.members[task.member]
        full = next((limit for limit in member.limits if not self._limits[limit].room), None)
        if full is not None:
            member.waits_for = full
            waiting = self._limits[full].waiting.setdefault((best.member, lane), Contest())
            waiting.enter(task.member, task.rank)
            self._leave_lane(ready, run, lane)
            return None
        del run.members[task.member]
        self._waiting -= 1
        self._leave_limits(ready, member)
        for limit in member.limits:
            self._limits[limit].active += 1
        run.lanes[lane].leave(task.member)
        self._set_active(ready.dag_run_id, run, run.active + 1)
        return Pick(ready, lane, member.priority, member.limits)

    def _let_in(self) -> None:
        """Put as many tasks of each run back into their lanes as the limit for which they wait has room."""
        for limit in self._limits.values():
            for group in tuple(limit.waiting) if limit.room else ():
                self._let_group_in(limit, *group)

    def _let_group_in(self, limit: _Limit, dag_run_id: int, lane: Lane) -> None:
        waiting, run = limit.waiting[dag_run_id, lane], self._runs[dag_run_id]
        for _ in range(min(limit.room, len(waiting))):
            first = waiting.leader()
            assert first is not None, "it was counted"
            waiting.leave(first.member)
            member = run.members[first.member]
            member.waits_for = None
            self._enter_lane(Ready(dag_run_id, first.member), run, lane, member.priority)
        if not waiting:
            del limit.waiting[dag_run_id, lane]

    def _leave_limits(self, ready: Ready, member: _Member) -> None:
        for limit in member.limits:
            self._limits[limit].wanted -= 1
        if member.waits_for is not None:
            groups, group = self._limits[member.waits_for].waiting, (ready.dag_run_id, member.lane)
            groups[group].leave(ready.position)
            if not groups[group]:
                del groups[group]

    def _enter_lane(self, ready: Ready, run: _Run, lane: Lane, priority: int) -> None:
        tasks = run.lanes.setdefault(lane, Contest())
        tasks.enter(ready.position, (-priority, ready.position))
        best = tasks.leader()
        if best is None or best.member == ready.position:
            self._rank_run(ready.dag_run_id, run, lane)
            self._rank_dag(run.dag, lane)

    def _leave_lane(self, ready: Ready, run: _Run, lane: Lane) -> None:
        tasks = run.lanes.get(lane)
        if tasks is not None:
            tasks.leave(ready.position)
            self._rank_run(ready.dag_run_id, run, lane)
            self._rank_dag(run.dag, lane)

    def _set_active(self, dag_run_id: int, run: _Run, active: int) -> None:
        """As many tasks of the run are active: its place in every lane changes, and its DAG's does."""
        run.dag.active += active - run.active
        run.active = active
        for lane in tuple(run.lanes):
            self._rank_run(dag_run_id, run, lane)
        for lane in tuple(run.dag.lanes):
            self._rank_dag(run.dag, lane)

    def _rank_run(self, dag_run_id: int, run: _Run, lane: Lane) -> None:
        """Give the run its place among the runs of its DAG anew; none if it has no task or no room of its own."""
        best = run.lanes[lane].leader()
        if best is None:
            del run.lanes[lane]
        runs = run.dag.lanes.get(lane)
        if runs is None:
            runs = run.dag.lanes[lane] = Contest()
        if best is None or run.active >= run.limit:
            runs.leave(dag_run_id)
        else:
            runs.enter(dag_run_id, (best.rank[0], run.active, dag_run_id))

    def _rank_dag(self, dag: _Dag, lane: Lane) -> None:
        """Give the DAG its place in the lane anew; none if none of its runs stands there."""
        best = dag.lanes[lane].leader()
        dags = self._lanes.get(lane)
        if dags is None:
            dags = self._lanes[lane] = Contest()
        if best is not None:
            priority, run_active, dag_run_id = best.rank
            dags.enter(dag.dag_id, (priority, dag.active, run_active, dag_run_id))
            return
        del dag.lanes[lane]
        dags.leave(dag.dag_id)
        if not dags:
            del self._lanes[lane]
