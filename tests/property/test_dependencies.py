"""Runs of random DAGs with mapped tasks and groups, setups and teardowns, branches and `fail_fast`: what is decided
from counters and changes is, after every turn, what the rules say when they are read from scratch."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dag_specs import NOW, OWNER_ID, dag, dag_run, task
from tests.property.naive_rules import BROKEN, FINISHED, Key, Known, deciding_leaves, instances_wanted, verdict
from tradewind.core import turn
from tradewind.core.batches import RunChanges, apply, decision_batch, run_changes
from tradewind.core.decide import (
    _Turn,  # pyright: ignore[reportPrivateUsage] - mutants sit inside
    decide,
    decide_loaded,
)
from tradewind.core.decisions import RunDecision
from tradewind.core.errors import IllegalTransition
from tradewind.core.rows import DecisionBatch, EndedTaskInstance, LoadedRun, TaskInstanceId, TaskInstanceRow
from tradewind.core.setup_teardown import SetupTeardown
from tradewind.core.snapshot import DagPlan, RunSnapshot
from tradewind.core.spec import DagSpec, LengthKind, MapLength, TaskGroupSpec, TaskSpec, TriggerRule
from tradewind.core.states import OPEN_STATES, DagRunState, TaskInstanceState
from tradewind.core.trigger_rules import Answer

S = TaskInstanceState
TIMED = (S.UP_FOR_RETRY, S.UP_FOR_RESCHEDULE, S.SCHEDULED)
STEPS_MAX = 3_000
SEEDS = 2_000
"""At most so many runs for a mutant."""
ENDS = (S.SUCCESS,) * 8 + (S.FAILED, S.SKIPPED, S.UP_FOR_RETRY, S.UP_FOR_RESCHEDULE, S.DEFERRED, S.SCHEDULED)
OUTCOMES = {
    Answer.SKIP: (S.SKIPPED,),
    Answer.UPSTREAM_FAILED: (S.UPSTREAM_FAILED,),
    Answer.RUN: (S.SUCCESS, S.SKIPPED, S.UPSTREAM_FAILED),
}
"""What a task may be settled as by each answer: it runs as an empty one, or finds nothing to map over."""
BEGUN = (S.QUEUED, S.RUNNING, S.DEFERRED)


def random_dag(random: Random) -> DagSpec:
    before_group = random.randint(1, 3)
    tasks: list[TaskSpec] = []
    group_length = random_length(random, [f"t{number}" for number in range(before_group)])
    roots = tuple(dict.fromkeys(names_in(group_length)))
    for number in range(random.randint(before_group, 8)):
        names = [each.task_id for each in tasks]
        above = [name for name in names if random.random() < random.choice((0.2, 0.5))]
        is_grouped = number >= before_group and random.random() < 0.4
        fields: dict[str, object] = {"trigger_rule": random_rule(random), "is_empty": random.random() < 0.15}
        kind = random.choice(("plain", "mapped", "setup", "teardown"))
        if is_grouped:
            above = list(dict.fromkeys([*above, *roots]))
            fields["task_group_id"] = "group.inner" if random.random() < 0.3 else "group"
            if fields["trigger_rule"] is TriggerRule.ALWAYS:
                fields["trigger_rule"] = TriggerRule.ALL_DONE
        elif kind == "mapped":
            fields["map_length"] = length = random_length(random, names)
            above = list(dict.fromkeys([*above, *names_in(length)]))
        elif kind == "setup":
            fields["is_setup"] = True
        elif kind == "teardown" and any(each.is_setup for each in tasks):
            setup = random.choice([each.task_id for each in tasks if each.is_setup])
            above = list(dict.fromkeys([*above, setup]))
            fields |= {"is_teardown": True, "trigger_rule": TriggerRule.ALL_DONE_SETUP_SUCCESS}
            fields["on_failure_fail_dagrun"] = random.random() < 0.3
        tasks.append(task(f"t{number}", *above, **fields))
    groups = (
        TaskGroupSpec(group_id="group", map_length=group_length),
        TaskGroupSpec(group_id="group.inner", parent_group_id="group"),
    )
    return dag(*tasks, task_groups=groups, fail_fast=random.random() < 0.1)


def random_rule(random: Random) -> TriggerRule:
    return random.choice(tuple(TriggerRule)) if random.random() < 0.5 else TriggerRule.ALL_SUCCESS


def random_length(random: Random, names: Sequence[str]) -> MapLength:
    choice = random.random()
    if choice < 0.3 or not names:
        return MapLength(kind=LengthKind.LITERAL, length=random.randint(0, 3))
    if choice < 0.75:
        return MapLength(kind=LengthKind.XCOM, task_id=random.choice(names))
    kind = random.choice((LengthKind.PRODUCT, LengthKind.SUM, LengthKind.SHORTEST, LengthKind.LONGEST))
    literal = MapLength(kind=LengthKind.LITERAL, length=random.randint(0, 2))
    return MapLength(kind=kind, parts=(MapLength(kind=LengthKind.XCOM, task_id=random.choice(names)), literal))


def names_in(length: MapLength) -> list[str]:
    own = [] if length.task_id is None else [length.task_id]
    return [*own, *(name for part in length.parts for name in names_in(part))]


class World:
    """Rows as a store would hold them, and a scheduler that learns of ends by nudges, or by reading anew."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.now = NOW
        self.plan = DagPlan(random_dag(random))
        self.rows: dict[TaskInstanceId, TaskInstanceRow] = {}
        self.run_state = DagRunState.RUNNING
        self.undelivered: list[EndedTaskInstance] = []
        self.ids = 100
        self.restart()

    def restart(self) -> None:
        self.snapshot = self.read()
        self.timers: dict[int, None] = {}
        self.undelivered = []
        self.turn(decide_loaded(self.snapshot, self.now))

    def read(self) -> RunSnapshot:
        return RunSnapshot(LoadedRun(run=dag_run(), task_instances=tuple(self.rows.values())), self.plan)

    def step(self) -> None:
        choice = self.random.random()
        if choice < 0.5:
            self.end_some_attempt()
        elif choice < 0.8:
            self.deliver()
        elif choice < 0.94:
            self.now += timedelta(seconds=self.random.choice((1, 60)))
            due = list(self.timers)
            self.timers.clear()
            self.turn(decide(self.snapshot, (), due, self.now))
        elif choice < 0.97:
            self.clear_some_task()
        else:
            self.restart()

    def end_some_attempt(self) -> None:
        """A worker reports, or a trigger fires."""
        running = [row for row in self.rows.values() if row.state in BEGUN and not row.end_pending]
        if not running:
            return
        row = self.random.choice(running)
        if row.state is S.QUEUED and self.random.random() < 0.5:
            self.rows[row.id] = replace(row, state=S.RUNNING)
            return
        state = S.SCHEDULED if row.state is S.DEFERRED else self.random.choice(ENDS)
        is_success = state is S.SUCCESS
        ended = replace(
            row,
            state=state,
            next_action_at=self.now + timedelta(seconds=self.random.choice((0, 10))) if state in TIMED else None,
            map_length=self.random.choice((None, 0, 1, 2, 3)) if is_success else row.map_length,
            end_pending=True,
        )
        self.rows[row.id] = ended
        skipped = self.not_chosen(row.id) if is_success and self.random.random() < 0.2 else ()
        self.note_skips(skipped)
        nudge = EndedTaskInstance(
            id=row.id,
            owner=OWNER_ID,
            attempt_id=row.attempt_id,
            state=state,
            next_action_at=ended.next_action_at,
            map_length=ended.map_length if is_success else None,
            skipped=skipped,
        )
        self.undelivered.extend([nudge] * self.random.choice((0, 1, 1, 1, 2)))

    def not_chosen(self, id_: TaskInstanceId) -> tuple[Key, ...]:
        known = self.known()
        own = known.tasks[id_.task_id]
        group = known.mapped_group(own)
        return tuple(
            (below, id_.map_index if group is not None and known.mapped_group(known.tasks[below]) == group else -1)
            for below in own.downstream_task_ids
            if self.random.random() < 0.5
        )

    def note_skips(self, skipped: Sequence[Key]) -> None:
        for task_id, map_index in skipped:
            for id_, row in self.rows.items():
                if id_.task_id == task_id and map_index in (-1, id_.map_index):
                    self.rows[id_] = replace(row, skip_requested=True)

    def deliver(self) -> None:
        if not self.undelivered:
            self.restart()
            return
        self.random.shuffle(self.undelivered)
        count = self.random.randint(1, len(self.undelivered))
        arrived, self.undelivered = self.undelivered[:count], self.undelivered[count:]
        self.turn(decide(self.snapshot, arrived, (), self.now))

    def clear_some_task(self) -> None:
        """A person has a task and all behind it run once more; mapped tasks may be given more or fewer items then."""
        wanted = [self.random.choice([each.task_id for each in self.plan.tasks])]
        for task_id in wanted:
            wanted += self.known().tasks[task_id].downstream_task_ids
        for id_, row in self.rows.items():
            if id_.task_id in wanted and row.state in FINISHED and row.state is not S.REMOVED:
                self.rows[id_] = replace(
                    row, state=S.NONE, skip_requested=False, map_length=None, max_tries=row.max_tries + 1
                )
        self.restart()

    def turn(self, decision: RunDecision) -> None:
        begun = self.begun(decision)
        queued = {position: self.new_id() for position in decision.ready if self.random.random() < 0.9}
        changes = run_changes(self.snapshot, decision, queued)
        batch = decision_batch(OWNER_ID, self.now, [changes])
        if self.is_stale(batch):
            self.restart()
            return
        self.commit(batch)
        apply(changes)
        self.timers.update(dict.fromkeys(timer.position for timer in decision.timers))
        self.timers.update(dict.fromkeys(changes.refused))
        waiting = [each for each in decision.ready if each not in queued]
        self.timers.update(dict.fromkeys(waiting))
        self.check(decision, changes, begun)

    def begun(self, decision: RunDecision) -> list[int]:
        """Instances that go on with a try: no rule is asked again."""
        states = dict(enumerate(self.snapshot.states))
        states |= {ended.position: ended.state for ended in decision.ended}
        return [position for position, state in states.items() if state in (S.SCHEDULED, S.UP_FOR_RESCHEDULE)]

    def new_id(self) -> UUID:
        self.ids += 1
        return UUID(int=self.ids)

    def is_stale(self, batch: DecisionBatch) -> bool:
        """Attempts that `fail_fast` stops may have been claimed, or have ended, without the scheduler's knowing."""
        acknowledged = [each.id for each in batch.acknowledged]
        return any(
            row.state is not change.expected_state or (row.end_pending and row.id not in acknowledged)
            for change in batch.changes
            if change.expected_state in BEGUN and (row := self.rows[change.id])
        )

    def commit(self, batch: DecisionBatch) -> None:
        """What a store does, with its guards as assertions."""
        assert self.run_state is DagRunState.RUNNING
        for id_ in batch.replaced:
            assert self.rows.pop(id_).state is S.NONE
        for created in batch.created:
            assert created.id not in self.rows
            self.rows[created.id] = TaskInstanceRow(id=created.id, max_tries=created.max_tries)
        for ack in batch.acknowledged:
            row = self.rows[ack.id]
            assert row.end_pending
            assert (row.attempt_id, row.held_slots) == (ack.attempt_id, ack.released_slots)
            self.rows[ack.id] = replace(row, end_pending=False, held_slots=0)
        for change in batch.changes:
            row = self.rows[change.id]
            assert (row.state, row.attempt_id) == (change.expected_state, change.expected_attempt_id)
            assert not row.end_pending
            self.rows[change.id] = replace(
                row,
                state=change.state,
                attempt_id=change.attempt_id,
                try_number=change.try_number,
                held_slots=change.held_slots,
                next_action_at=change.next_action_at,
            )
        self.run_state = batch.runs[0].state or self.run_state

    def known(self) -> Known:
        """What the scheduler knows; the rows may be ahead of it."""
        snapshot = self.snapshot
        held = [each for each in range(len(snapshot.states)) if not snapshot.instances.is_replaced(each)]
        keys = {position: (snapshot.id(position).task_id, snapshot.id(position).map_index) for position in held}
        return Known(
            spec=self.plan.spec,
            states={key: snapshot.states[position] for position, key in keys.items()},
            lengths={keys[each]: length for each, length in snapshot.map_lengths.items() if each in keys},
            skip_requested=tuple(keys[each] for each in snapshot.skip_requested if each in keys),
        )

    def check(self, decision: RunDecision, changes: RunChanges, begun: Sequence[int]) -> None:
        known = self.known()
        self.check_what_was_decided(decision, known, begun)
        if self.run_state is DagRunState.RUNNING:
            self.check_what_waits(changes, known)
        if not any(row.end_pending for row in self.rows.values()):
            self.check_same_as_rows()

    def check_what_was_decided(self, decision: RunDecision, known: Known, begun: Sequence[int]) -> None:
        has_failed = known.spec.fail_fast and S.FAILED in known.states.values()
        self.check_stopped(decision, known)
        for settled in decision.settled:
            key = self.key(settled.position)
            if settled.state is S.REMOVED or settled.before is S.REMOVED:
                self.check_removed(key, known, is_there=settled.state is not S.REMOVED)
            elif not has_failed:
                assert settled.state in OUTCOMES.get(verdict(known, key), ()), key
        for position in decision.ready:
            if position not in begun:
                assert verdict(known, self.key(position)) is Answer.RUN, self.key(position)
                self.check_length(known, self.key(position)[0])
        for grown in decision.grown:
            task_id = self.plan.tasks[grown.place].task_id
            length = known.map_length(known.tasks[task_id])
            assert length is not None
            assert len(known.instances(task_id)) == instances_wanted(known, length)

    def check_stopped(self, decision: RunDecision, known: Known) -> None:
        """When a task fails for good under `fail_fast`, only teardowns and its own other instances are left."""
        failed = [self.key(ended.position)[0] for ended in decision.ended if ended.state is S.FAILED]
        if known.spec.fail_fast and failed:
            left = [key[0] for key, state in known.states.items() if state not in FINISHED]
            assert all(known.tasks[task_id].is_teardown or task_id == failed[0] for task_id in left)

    def check_length(self, known: Known, task_id: str) -> None:
        """There are as many instances of a task that starts as there are items, and no more is left of earlier ones."""
        length = known.map_length(known.tasks[task_id])
        wanted = None if length is None else instances_wanted(known, length)
        if wanted is not None:
            states = [known.states[key] for key in known.instances(task_id)]
            assert len(states) >= wanted
            assert S.REMOVED not in states[:wanted]
            assert all(state in (*FINISHED, *BEGUN) for state in states[wanted:])

    def check_removed(self, key: Key, known: Known, *, is_there: bool) -> None:
        length = known.map_length(known.tasks[key[0]])
        wanted = None if length is None else instances_wanted(known, length)
        assert wanted is not None
        assert (key[1] < wanted) is is_there

    def key(self, position: int) -> Key:
        id_ = self.snapshot.id(position)
        return id_.task_id, id_.map_index

    def check_what_waits(self, changes: RunChanges, known: Known) -> None:
        """Nothing is left that could be decided."""
        decided = [self.key(position) for position in (*changes.queued, *changes.refused, *changes.decision.ready)]
        for key, state in known.states.items():
            if state is S.NONE and key not in decided:
                assert verdict(known, key) is Answer.WAIT, (key, verdict(known, key))

    def check_same_as_rows(self) -> None:
        """What the scheduler knows equals what it would read."""
        fresh, kept = self.read(), self.snapshot
        assert self.described(kept) == self.described(fresh)
        for column in ("undecided", "unfinished", "active"):
            assert getattr(kept, column) == getattr(fresh, column), column

    def described(self, snapshot: RunSnapshot) -> dict[TaskInstanceId, tuple[object, ...]]:
        return {
            snapshot.id(each): (
                S.QUEUED if snapshot.states[each] is S.RUNNING else snapshot.states[each],
                snapshot.try_numbers[each],
                snapshot.attempt_ids[each],
                snapshot.held_slots[each],
                snapshot.next_action_at.get(each),
                snapshot.map_lengths.get(each),
                each in snapshot.skip_requested,
                snapshot.counts(each),
            )
            for each in range(len(snapshot.states))
            if not snapshot.instances.is_replaced(each)
        }

    def check_end(self) -> None:
        states = self.known().states
        is_stuck = any(state not in FINISHED for state in states.values())
        assert not is_stuck or all(state in (*FINISHED, S.NONE) for state in states.values())
        assert not any(row.state in OPEN_STATES for row in self.rows.values())
        has_failed = any(
            states[key] in BROKEN for leaf in deciding_leaves(self.plan.spec) for key in self.known().instances(leaf)
        )
        assert self.run_state is (DagRunState.FAILED if has_failed or is_stuck else DagRunState.SUCCESS)


def run_to_the_end(seed: int) -> None:
    world = World(Random(seed))
    for _ in range(STEPS_MAX):
        if world.run_state is not DagRunState.RUNNING:
            break
        world.step()
    world.check_end()


@settings(max_examples=300, deadline=None)
@given(st.integers(min_value=0, max_value=2**32))
def test_what_is_kept_and_decided_is_what_the_rules_say_from_scratch(seed: int) -> None:
    run_to_the_end(seed)


def _answers(value: object) -> Callable[..., object]:
    def mutant(*_: object) -> object:
        return value

    return mutant


def _unchanged(value: object, *_: object) -> object:
    return value


MUTANTS: dict[str, tuple[object, str, object]] = {
    "setups do not count for a teardown": (turn, "with_setups", _unchanged),
    "tasks do not wait for setups further above": (turn.Overlay, "_ask_setups", _answers(None)),
    "what is mapped over may have failed": (turn.Overlay, "_ask_dependencies", _answers(None)),
    "nobody looks again when a setup further above ends": (SetupTeardown, "watchers", {}),
    "instances of one group do not count each other": (turn, "own_total", _answers(0)),
    "a branch skips nothing": (_Turn, "_is_skip_requested", _answers(False)),
    "one instance for however many items": (turn.Overlay, "wanted", _answers(1)),
    "a failure stops nothing": (_Turn, "_stop_the_rest", _answers(None)),
    "lengths are not compared again": (_Turn, "_revise", _answers(None)),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*MUTANTS[name])
    with pytest.raises((AssertionError, IllegalTransition)):
        run_all()


def run_all() -> None:
    for seed in range(SEEDS):
        run_to_the_end(seed)
