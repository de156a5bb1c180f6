"""A run of a random DAG, driven through random outcomes, orders, doublings, losses and restarts of the scheduler."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from random import Random
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dag_specs import NOW, OWNER_ID, dag, dag_run, task
from tradewind.core.batches import RunChanges, apply, decision_batch, lane_of, run_changes
from tradewind.core.decide import decide, decide_loaded
from tradewind.core.decisions import NOTHING, RunDecision
from tradewind.core.ends import INFRASTRUCTURE_CAUSES, end_of_attempt
from tradewind.core.rows import (
    Capacity,
    DecisionBatch,
    EndedTaskInstance,
    LoadedRun,
    PoolCapacity,
    TaskInstanceId,
    TaskInstanceRow,
)
from tradewind.core.slots import Ready, ReadyTasks, Room
from tradewind.core.snapshot import BROKEN_STATES, COUNTED_STATES, COUNTERS, DagPlan, RunSnapshot
from tradewind.core.spec import DagSpec, TriggerRule
from tradewind.core.states import OPEN_STATES, DagRunState, EndCause, Outcome, TaskInstanceState
from tradewind.core.transitions import TRANSITIONS, Actor, Event, next_state

STEPS_MAX = 4_000
POOLS = {"default_pool": 3, "small": 1}
PARALLELISM = 3
PARKED = (TaskInstanceState.DEFERRED, TaskInstanceState.AWAITING_INPUT)
"""Their tries go on when a trigger fires or a person answers."""
CAUSES = (EndCause.USER_ERROR, EndCause.TIMEOUT, EndCause.NOT_STARTED, *INFRASTRUCTURE_CAUSES)


def random_dag(random: Random) -> DagSpec:
    count = random.randint(0, 9)
    tasks = [
        task(
            f"t{number}",
            *(f"t{above}" for above in range(number) if random.random() < random.choice((0.1, 0.4))),
            trigger_rule=random.choice(list(TriggerRule)) if random.random() < 0.5 else TriggerRule.ALL_SUCCESS,
            retries=random.choice((0, 0, 1, 2)),
            retry_delay_seconds=random.choice((0.0, 10.0)),
            retry_exponential_backoff=random.choice((0.0, 2.0)),
            is_empty=random.random() < 0.15,
            pool=random.choice(tuple(POOLS)),
            priority_weight=random.randint(1, 3),
        )
        for number in range(count)
    ]
    return dag(*tasks, max_active_tasks=random.randint(1, 4))


class World:
    """Rows as a store would hold them, one attempt per open row, and a scheduler that sees them through events."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.now = NOW
        self.plan = DagPlan(random_dag(random))
        self.rows: dict[TaskInstanceId, TaskInstanceRow] = {}
        self.run_state = DagRunState.RUNNING
        self.used = dict.fromkeys(POOLS, 0)
        self.places_used = 0
        self.undelivered: list[EndedTaskInstance] = []
        self.delivered: list[EndedTaskInstance] = []
        self.tries: dict[TaskInstanceId, list[int]] = {}
        self.ids = 100
        self.restart()

    def restart(self) -> None:
        """The scheduler is a new one: everything it knows comes from the rows."""
        self.snapshot = self.read()
        self.ready = ReadyTasks()
        self.timers: dict[int, None] = {}
        self.undelivered = []
        self.turn(decide_loaded(self.snapshot, self.now))

    def read(self) -> RunSnapshot:
        return RunSnapshot(LoadedRun(run=dag_run(), task_instances=tuple(self.rows.values())), self.plan)

    def step(self) -> None:
        choice = self.random.random()
        if choice < 0.45:
            self.end_some_attempt()
        elif choice < 0.8:
            self.deliver()
        elif choice < 0.93:
            self.now += timedelta(seconds=self.random.choice((1, 7, 60, 3600)))
            due = list(self.timers)
            self.timers.clear()
            self.turn(decide(self.snapshot, (), due, self.now))
        elif choice < 0.98:
            self.replay()
        else:
            self.restart()

    def end_some_attempt(self) -> None:
        """A worker reports; the store applies the pure end function and notes that somebody must decide."""
        running = [row for row in self.rows.values() if row.state in (*OPEN_STATES, *PARKED) and not row.end_pending]
        if not running:
            return
        row = self.random.choice(running)
        if row.state in PARKED:
            self.report(replace(row, state=next_state(row.state, Event.RESUMED, Actor.TRIGGERER), end_pending=True))
            return
        spec = self.plan.tasks[self.plan.positions[row.id.task_id]]
        outcome = self.random.choice((Outcome.SUCCESS, Outcome.FAILED, Outcome.FAILED, *Outcome))
        cause = self.random.choice(CAUSES) if outcome is Outcome.FAILED else EndCause.NONE
        running_row = replace(row, state=TaskInstanceState.RUNNING)
        end = end_of_attempt(running_row, spec, outcome, cause, self.now)
        self.report(
            replace(
                row,
                state=end.state,
                next_action_at=end.next_action_at,
                lost_attempts=end.lost_attempts,
                dispatch_failures=end.dispatch_failures,
                end_pending=True,
            )
        )

    def report(self, row: TaskInstanceRow) -> None:
        """The row is written; its nudge may be lost, or come twice."""
        self.rows[row.id] = row
        nudge = EndedTaskInstance(
            id=row.id, owner=OWNER_ID, attempt_id=row.attempt_id, state=row.state, next_action_at=row.next_action_at
        )
        self.undelivered.extend([nudge] * self.random.choice((0, 1, 1, 1, 2)))

    def deliver(self) -> None:
        """Some of the nudges arrive, in any order; with none under way, the sweep looks at the rows."""
        if not self.undelivered:
            self.restart()
            return
        self.random.shuffle(self.undelivered)
        count = self.random.randint(1, len(self.undelivered))
        arrived, self.undelivered = self.undelivered[:count], self.undelivered[count:]
        self.turn(decide(self.snapshot, arrived, (), self.now))
        self.delivered.extend(arrived)

    def replay(self) -> None:
        """Nudges that were dealt with come again: nothing follows."""
        again = decide(self.snapshot, self.delivered, (), self.now)
        assert not again.writes
        assert not again.ready
        assert not again.timers

    def turn(self, decision: RunDecision) -> None:
        acknowledged = decision.acknowledged
        released = {pool: sum(a.released_slots for a in acknowledged if a.pool == pool) for pool in POOLS}
        held = sum(a.released_slots > 0 for a in acknowledged)
        self.ready.set_run(1, dag_id="dag", limit=self.plan.spec.max_active_tasks, active=self.snapshot.active - held)
        for position in decision.ready:
            self.ready.add(
                Ready(1, position), lane_of(self.snapshot, position), self.plan.tasks[position].priority_weight
            )
        picks = self.ready.allocate(Room(self.capacity(), released, held))
        queued = {pick.ready.position: self.new_id() for pick in picks}
        changes = run_changes(self.snapshot, decision, queued)
        self.commit(decision_batch(OWNER_ID, self.now, [changes]), changes)
        apply(changes)
        self.timers.update(dict.fromkeys(timer.position for timer in decision.timers))
        self.check()

    def capacity(self) -> Capacity:
        pools = tuple(PoolCapacity(pool=pool, slots=slots, used=self.used[pool]) for pool, slots in POOLS.items())
        return Capacity(pools=pools, parallelism=PARALLELISM, parallelism_used=self.places_used)

    def new_id(self) -> UUID:
        self.ids += 1
        return UUID(int=self.ids)

    def commit(self, batch: DecisionBatch, changes: RunChanges) -> None:
        """What a store does, with its guards as assertions."""
        assert self.run_state is DagRunState.RUNNING
        for created in batch.created:
            assert created.id not in self.rows
            self.rows[created.id] = TaskInstanceRow(id=created.id, max_tries=created.max_tries)
        for ack in batch.acknowledged:
            row = self.rows[ack.id]
            assert row.end_pending
            assert row.attempt_id == ack.attempt_id
            assert row.held_slots == ack.released_slots
            self.take(ack.pool, -ack.released_slots)
            self.rows[ack.id] = replace(row, end_pending=False, held_slots=0)
        for change in batch.changes:
            row = self.rows[change.id]
            assert (row.state, row.attempt_id) == (change.expected_state, change.expected_attempt_id)
            assert change.state in TRANSITIONS[row.state].values()
            assert not row.end_pending
            assert row.next_action_at is None or row.next_action_at <= batch.now, "before its time"
            self.take(change.pool, change.held_slots)
            losses = (0, 0) if change.resets_losses else (row.lost_attempts, row.dispatch_failures)
            if change.state is TaskInstanceState.QUEUED:
                self.tries.setdefault(change.id, []).append(change.try_number)
            self.rows[change.id] = replace(
                row,
                state=change.state,
                attempt_id=change.attempt_id,
                try_number=change.try_number,
                held_slots=change.held_slots,
                next_action_at=change.next_action_at,
                lost_attempts=losses[0],
                dispatch_failures=losses[1],
            )
        state = batch.runs[0].state
        self.run_state = state or self.run_state
        assert changes.writes or not (batch.created or batch.acknowledged or batch.changes or state)

    def take(self, pool: str, slots: int) -> None:
        self.used[pool] += slots
        self.places_used += (slots > 0) - (slots < 0)

    def check(self) -> None:
        assert all(0 <= self.used[pool] <= slots for pool, slots in POOLS.items())
        assert 0 <= self.places_used <= PARALLELISM
        assert self.snapshot.active <= self.plan.spec.max_active_tasks
        self.check_counters()
        if not any(row.end_pending for row in self.rows.values()):
            self.check_same_as_rows()

    def check_counters(self) -> None:
        """Counters equal a recount from scratch."""
        states = self.snapshot.states
        for position, spec in enumerate(self.plan.tasks):
            above = [states[self.plan.positions[task_id]] for task_id in spec.upstream_task_ids]
            counted = self.snapshot.counters[position * COUNTERS : (position + 1) * COUNTERS].tolist()
            assert counted == [above.count(state) for state in COUNTED_STATES]
        assert self.snapshot.unfinished == sum(state not in COUNTED_STATES for state in states)
        assert self.snapshot.undecided == states.count(TaskInstanceState.NONE)

    def check_same_as_rows(self) -> None:
        """What the scheduler knows equals what it would read."""
        fresh = self.read()
        for column in ("states", "try_numbers", "attempt_ids", "held_slots", "next_action_at", "counters", "active"):
            assert getattr(self.snapshot, column) == getattr(fresh, column), column

    def check_end(self) -> None:
        assert all(row.state in COUNTED_STATES for row in self.rows.values()) or self.is_stuck()
        leaves = [self.rows[TaskInstanceId(1, self.plan.tasks[leaf].task_id)].state for leaf in self.plan.leaves]
        has_failed = any(state in BROKEN_STATES for state in leaves) or self.is_stuck()
        assert self.run_state is (DagRunState.FAILED if has_failed else DagRunState.SUCCESS)
        assert self.used == dict.fromkeys(POOLS, 0)
        assert self.places_used == 0
        for id_, numbers in self.tries.items():
            assert numbers[0] == 1
            assert all(later - earlier in (0, 1) for earlier, later in pairwise(numbers))
            assert numbers[-1] <= self.rows[id_].max_tries + 1

    def is_stuck(self) -> bool:
        return any(row.state is TaskInstanceState.NONE for row in self.rows.values())


@settings(max_examples=300, deadline=None)
@given(st.integers(min_value=0, max_value=2**32))
def test_every_history_is_legal_and_every_run_ends(seed: int) -> None:
    world = World(Random(seed))
    for _ in range(STEPS_MAX):
        if world.run_state is not DagRunState.RUNNING:
            break
        world.step()
    world.check_end()


@settings(max_examples=100, deadline=None)
@given(st.integers(min_value=0, max_value=2**32))
def test_deciding_changes_nothing(seed: int) -> None:
    world = World(Random(seed))
    for _ in range(20):
        if world.run_state is not DagRunState.RUNNING:
            break
        world.end_some_attempt()
        first = decide(world.snapshot, world.undelivered, (), world.now)
        assert decide(world.snapshot, world.undelivered, (), world.now) == first
        assert decide(world.snapshot, (), (), world.now) == NOTHING
        world.deliver()
