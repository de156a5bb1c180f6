"""Running a task by hand: what is asked is what schedulers decide by, and each flag passes over what it names only."""

from dataclasses import fields, replace
from random import Random
from typing import Final
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.test_dependencies import STEPS_MAX, World
from tests.property.test_explanations import Asked, asked
from tradewind.core.by_hand.dependencies import BEGUN_STATES, RESET_STATES, as_asked
from tradewind.core.by_hand.flags import NO_WISHES, RunByHand
from tradewind.core.by_hand.queueing import queue_by_hand
from tradewind.core.by_hand.values import DependenciesNotMet, HandOrder, HandQueueing
from tradewind.core.errors import NotFound
from tradewind.core.explain.decision import decision_gates
from tradewind.core.explain.room import room_gates
from tradewind.core.explain.view import View
from tradewind.core.instances import UNMAPPED
from tradewind.core.rows import LoadedRun
from tradewind.core.snapshot import RunSnapshot
from tradewind.core.states import DagRunState, TaskInstanceState

S = TaskInstanceState
ATTEMPT: Final = UUID(int=7)
IGNORING: Final = [each.name for each in fields(RunByHand) if each.name.startswith("ignore_")]
FIXED: Final = ("Task has been mapped", "Task Instance Not Running")


class ByHand:
    """One task instance of a run drawn at random, and orders to run it."""

    def __init__(self, each: Asked, loaded: LoadedRun) -> None:
        self.each = each
        self.loaded = loaded
        self.id = each.snapshot.id(each.position)
        self.row = next((row for row in loaded.task_instances if row.id == self.id), None)

    def asked(self, flags: RunByHand, attempt_id: UUID = ATTEMPT) -> HandQueueing | DependenciesNotMet | NotFound:
        order = HandOrder(id=self.id, attempt_id=attempt_id, flags=flags)
        try:
            return queue_by_hand(self.loaded, self.each.snapshot.plan, order, self.each.seen, self.each.now)
        except (DependenciesNotMet, NotFound) as exc:
            return exc

    def all_gates_are_open(self) -> bool:
        """Of a task instance that nothing was decided of, as schedulers see it."""
        snapshot = RunSnapshot(as_asked(self.loaded, self.id, NO_WISHES), self.each.snapshot.plan)
        position = snapshot.find(self.id)
        assert position is not None
        view = View(snapshot, position, self.each.seen, self.each.now)
        gates = [*decision_gates(view), *room_gates(view)]
        return all(gate.is_open and gate.name != "expansion" for gate in gates)


def check(by_hand: ByHand) -> None:
    state = by_hand.each.state
    plain = by_hand.asked(NO_WISHES)
    is_free = by_hand.row is not None and state not in (*BEGUN_STATES, *RESET_STATES, S.REMOVED)
    assert isinstance(plain, HandQueueing) is (is_free and by_hand.all_gates_are_open()), (state, plain)
    forced = by_hand.asked(RunByHand(ignore_all_deps=True))
    if isinstance(forced, DependenciesNotMet):
        is_fixed = by_hand.row is None or state in (*BEGUN_STATES, S.REMOVED)
        names = [each.name for each in forced.unmet]
        is_fixed = is_fixed or any(name in FIXED for name in names)
        has_no_pool = not by_hand.each.seen.capacity.pools and names == ["Pool Slots Available"]
        assert is_fixed or has_no_pool, (state, forced)
    check_written(by_hand, plain)
    check_written(by_hand, forced)
    check_flags(by_hand)


def check_written(by_hand: ByHand, queueing: object) -> None:
    if not isinstance(queueing, HandQueueing):
        return
    row = by_hand.row
    assert row is not None
    assert row.state not in BEGUN_STATES
    assert (queueing.reset is not None) is (row.state in RESET_STATES)
    goes_on = row.state in (S.SCHEDULED, S.UP_FOR_RESCHEDULE)
    assert queueing.try_number == row.try_number + (not goes_on)
    assert queueing.expected_state is (S.NONE if queueing.reset else row.state)
    assert queueing.resumes_run is (by_hand.loaded.run.state in (DagRunState.SUCCESS, DagRunState.FAILED))
    assert queueing.slots == by_hand.each.task.pool_slots
    queued = replace(row, state=S.RUNNING, attempt_id=ATTEMPT)
    rows = tuple(queued if each.id == row.id else each for each in by_hand.loaded.task_instances)
    again = ByHand(by_hand.each, replace(by_hand.loaded, task_instances=rows)).asked(queueing.flags)
    assert isinstance(again, HandQueueing), again
    assert (again.is_replay, again.attempt_id) == (True, ATTEMPT)


def check_flags(by_hand: ByHand) -> None:
    """Each passes over something or nothing, and never makes more stand against it."""
    plain = by_hand.asked(NO_WISHES)
    against = plain.unmet if isinstance(plain, DependenciesNotMet) else ()
    for name in IGNORING:
        with_flag = by_hand.asked(replace(NO_WISHES, **{name: True}))
        if isinstance(with_flag, DependenciesNotMet):
            assert {each.name for each in with_flag.unmet} <= {each.name for each in against}
        if name == "ignore_depends_on_past" and isinstance(with_flag, HandQueueing):
            assert {each.name for each in with_flag.ignored} <= {"Previous Dagrun State"}


def run_to_the_end(seed: int) -> None:
    world = World(Random(seed))
    for _ in range(STEPS_MAX):
        for each in asked(world):
            is_group = (
                each.snapshot.instances.map_index(each.position) == UNMAPPED and each.snapshot.missing[each.position]
            )
            if is_group:
                continue
            rows = tuple(world.rows.values())
            state = world.random.choice((each.snapshot.run.state, DagRunState.FAILED, DagRunState.SUCCESS))
            loaded = LoadedRun(run=replace(each.snapshot.run, state=state), task_instances=rows)
            check(ByHand(each, loaded))
        if world.run_state is not DagRunState.RUNNING:
            return
        world.step()


@settings(max_examples=25, deadline=None)
@given(st.integers(min_value=0, max_value=2**32))
def test_a_task_is_queued_by_hand_exactly_where_its_gates_are_open_or_passed_over(seed: int) -> None:
    run_to_the_end(seed)
