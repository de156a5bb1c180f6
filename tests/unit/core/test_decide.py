from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from tests.dag_specs import NOW, dag, row, snapshot, task
from tradewind.core.batches import apply, decision_batch, run_changes
from tradewind.core.decide import decide, decide_loaded
from tradewind.core.decisions import NOTHING, RunDecision, Timer
from tradewind.core.rows import EndedTaskInstance, TaskInstanceId, TaskInstanceRow
from tradewind.core.snapshot import RunSnapshot
from tradewind.core.spec import DagSpec, TriggerRule
from tradewind.core.states import DagRunState, TaskInstanceState

LATER = NOW + timedelta(seconds=30)
S = TaskInstanceState


def attempt(number: int) -> UUID:
    return UUID(int=number)


def queued(task_id: str, number: int, **fields: object) -> TaskInstanceRow:
    values = {"state": S.QUEUED, "try_number": 1, "held_slots": 1, "attempt_id": attempt(number), **fields}
    return replace(row(task_id), **values)  # pyright: ignore[reportArgumentType] - fields by name


def ended(
    task_id: str, number: int, state: TaskInstanceState, next_action_at: datetime | None = None
) -> EndedTaskInstance:
    return EndedTaskInstance(
        id=TaskInstanceId(1, task_id),
        owner=None,
        attempt_id=attempt(number),
        state=state,
        next_action_at=next_action_at,
    )


def ready_ids(loaded: RunSnapshot, decision: RunDecision) -> list[str]:
    return [loaded.plan.tasks[position].task_id for position in decision.ready]


def settled(loaded: RunSnapshot, decision: RunDecision) -> dict[str, str]:
    return {loaded.plan.tasks[one.position].task_id: str(one.state) for one in decision.settled}


def started(spec: DagSpec, *rows: TaskInstanceRow) -> RunSnapshot:
    """A run whose other tasks have rows in state none."""
    named = {each.id.task_id: each for each in rows}
    return snapshot(spec, [named.get(each.task_id, row(each.task_id)) for each in spec.tasks])


CHAIN = dag(task("a"), task("b", "a"), task("c", "b"))


def test_a_new_run_creates_every_row_and_its_roots_are_ready() -> None:
    loaded = snapshot(dag(task("a"), task("b"), task("c", "a", "b")))
    decision = decide_loaded(loaded, NOW)
    assert decision.created == (0, 1, 2)
    assert ready_ids(loaded, decision) == ["a", "b"]
    assert decision.state is None


def test_a_run_without_tasks_succeeds_at_once() -> None:
    assert decide_loaded(snapshot(dag()), NOW).state is DagRunState.SUCCESS


def test_an_end_makes_its_successor_ready_and_returns_its_slots() -> None:
    loaded = started(CHAIN, queued("a", 1, held_slots=3))
    decision = decide(loaded, [ended("a", 1, S.SUCCESS)], (), NOW)
    assert ready_ids(loaded, decision) == ["b"]
    assert [(ack.id.task_id, ack.attempt_id, ack.released_slots) for ack in decision.acknowledged] == [
        ("a", attempt(1), 3)
    ]


def test_failures_and_skips_run_through_the_whole_run_in_one_decision() -> None:
    loaded = started(
        dag(
            task("a"),
            task("b", "a"),
            task("c", "b"),
            task("d", "c", trigger_rule=TriggerRule.ALL_FAILED, is_empty=True),
            task("e", "d", trigger_rule=TriggerRule.ONE_FAILED),
            task("f", "e"),
        ),
        queued("a", 1),
    )
    decision = decide(loaded, [ended("a", 1, S.FAILED)], (), NOW)
    assert settled(loaded, decision) == {
        "b": "upstream_failed",
        "c": "upstream_failed",
        "d": "success",
        "e": "skipped",
        "f": "skipped",
    }
    assert decision.state is DagRunState.SUCCESS


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_order_of_ends_within_a_batch_does_not_matter(order: tuple[int, int]) -> None:
    loaded = started(dag(task("a"), task("b"), task("c", "a"), task("d", "b", "c")), queued("a", 1), queued("b", 2))
    ends = [ended("a", 1, S.FAILED), ended("b", 2, S.SKIPPED)]
    decision = decide(loaded, [ends[number] for number in order], (), NOW)
    assert settled(loaded, decision) == {"c": "upstream_failed", "d": "upstream_failed"}


@pytest.mark.parametrize(
    "end",
    [
        ended("a", 2, S.SUCCESS),
        replace(ended("a", 1, S.SUCCESS), attempt_id=None),
        ended("b", 1, S.SUCCESS),
        ended("z", 1, S.SUCCESS),
        replace(ended("a", 1, S.SUCCESS), id=TaskInstanceId(1, "a", 0)),
        ended("a", 1, S.RUNNING),
    ],
    ids=["another attempt", "no attempt", "not open", "unknown task", "mapped", "not an end"],
)
def test_an_end_that_cannot_be_changes_nothing(end: EndedTaskInstance) -> None:
    assert decide(started(CHAIN, queued("a", 1)), [end], (), NOW) == NOTHING


def test_a_doubled_end_counts_once() -> None:
    loaded = started(CHAIN, queued("a", 1))
    end = ended("a", 1, S.SUCCESS)
    assert decide(loaded, [end, end], (), NOW) == decide(loaded, [end], (), NOW)


def test_a_retry_sets_a_timer_and_is_ready_when_it_is_due() -> None:
    loaded = started(CHAIN, queued("a", 1))
    decision = decide(loaded, [ended("a", 1, S.UP_FOR_RETRY, LATER)], (), NOW)
    assert decision.timers == (Timer(LATER, 0),)
    assert decision.ready == ()
    apply(run_changes(loaded, decision, {}))
    assert decide(loaded, (), (0,), NOW).timers == (Timer(LATER, 0),)
    assert decide(loaded, (), (0,), LATER).ready == (0,)


def test_a_retry_asks_its_trigger_rule_again() -> None:
    spec = dag(task("a"), task("b", "a"))
    cleared = started(spec, row("b", state=S.UP_FOR_RETRY, try_number=1, attempt_id=attempt(1)))
    assert ready_ids(cleared, decide_loaded(cleared, NOW)) == ["a"]
    apply(run_changes(cleared, decide_loaded(cleared, NOW), {0: attempt(2)}))
    decision = decide(cleared, [ended("a", 2, S.SUCCESS)], (), NOW)
    assert ready_ids(cleared, decision) == ["b"]


def test_a_lost_attempt_is_ready_again_under_the_same_try() -> None:
    loaded = started(CHAIN, queued("a", 1, try_number=2))
    decision = decide(loaded, [ended("a", 1, S.SCHEDULED, NOW)], (), NOW)
    changes = run_changes(loaded, decision, {0: attempt(9)})
    (change,) = decision_batch(UUID(int=1), NOW, [changes]).changes
    assert (change.expected_state, change.expected_attempt_id) == (S.SCHEDULED, attempt(1))
    assert (change.state, change.attempt_id, change.try_number, change.resets_losses) == (
        S.QUEUED,
        attempt(9),
        2,
        False,
    )


def test_a_stopped_attempt_makes_way_for_a_new_try() -> None:
    loaded = started(CHAIN, queued("a", 1, state=S.RESTARTING))
    decision = decide(loaded, [ended("a", 1, S.NONE)], (), NOW)
    (change,) = decision_batch(UUID(int=1), NOW, [run_changes(loaded, decision, {0: attempt(9)})]).changes
    assert (change.expected_state, change.try_number, change.resets_losses) == (S.NONE, 2, True)


def test_a_task_that_gets_no_slot_is_scheduled_and_its_try_begins_once() -> None:
    loaded = started(dag(task("a")))
    refused = run_changes(loaded, decide_loaded(loaded, NOW), {})
    (change,) = decision_batch(UUID(int=1), NOW, [refused]).changes
    assert (change.state, change.try_number, change.attempt_id, change.held_slots) == (S.SCHEDULED, 1, None, 0)
    apply(refused)
    got_slots = run_changes(loaded, NOTHING, {0: attempt(1)})
    (change,) = decision_batch(UUID(int=1), NOW, [got_slots]).changes
    assert (change.state, change.try_number, change.held_slots) == (S.QUEUED, 1, 1)
    assert not change.resets_losses


def test_pending_ends_of_a_loaded_run_are_acknowledged_and_their_consequences_drawn() -> None:
    loaded = started(CHAIN, queued("a", 1, state=S.SUCCESS, end_pending=True))
    decision = decide_loaded(loaded, NOW)
    assert [ack.released_slots for ack in decision.acknowledged] == [1]
    assert ready_ids(loaded, decision) == ["b"]
    apply(run_changes(loaded, decision, {}))
    assert loaded.active == 0
    assert decide_loaded(loaded, NOW).acknowledged == ()


@pytest.mark.parametrize(
    ("leaf", "other", "expected"),
    [
        (S.SUCCESS, S.SUCCESS, DagRunState.SUCCESS),
        (S.SKIPPED, S.SUCCESS, DagRunState.SUCCESS),
        (S.REMOVED, S.SUCCESS, DagRunState.SUCCESS),
        (S.FAILED, S.SUCCESS, DagRunState.FAILED),
        (S.UPSTREAM_FAILED, S.SUCCESS, DagRunState.FAILED),
        (S.SUCCESS, S.FAILED, DagRunState.SUCCESS),
        (S.RUNNING, S.FAILED, None),
        (S.UP_FOR_RETRY, S.FAILED, None),
    ],
)
def test_a_run_ends_as_its_leaves_say_once_nothing_is_open(
    leaf: TaskInstanceState, other: TaskInstanceState, expected: DagRunState | None
) -> None:
    spec = dag(task("other"), task("leaf", "other", trigger_rule=TriggerRule.ALL_DONE))
    rows = [row("other", state=other), row("leaf", state=leaf, next_action_at=LATER)]
    assert decide_loaded(snapshot(spec, rows), NOW).state is expected


def test_a_run_in_which_nothing_can_happen_any_more_fails() -> None:
    spec = dag(task("gone"), task("stuck", "gone", trigger_rule=TriggerRule.ALL_SKIPPED))
    decision = decide_loaded(snapshot(spec, [row("gone", state=S.REMOVED), row("stuck")]), NOW)
    assert decision.state is DagRunState.FAILED
    assert decision.settled == ()


@pytest.mark.parametrize("is_reloaded", [False, True])
def test_what_a_branch_did_not_choose_is_skipped_though_a_failure_ended_it_before(*, is_reloaded: bool) -> None:
    spec = dag(task("a"), task("branch"), task("b", "a", "branch"), task("c", "b", trigger_rule=TriggerRule.ALL_DONE))
    loaded = started(spec, queued("a", 1), queued("branch", 2))
    first = decide(loaded, [ended("a", 1, S.FAILED)], [], NOW)
    assert settled(loaded, first) == {"b": "upstream_failed"}
    apply(run_changes(loaded, first, {position: attempt(9) for position in first.ready}))
    if is_reloaded:
        rows = (
            queued("a", 1, state=S.FAILED, held_slots=0),
            queued("branch", 2, state=S.SUCCESS, held_slots=0, end_pending=True),
            replace(row("b", state=S.UPSTREAM_FAILED), skip_requested=True),
            queued("c", 9),
        )
        loaded = started(spec, *rows)
        second = decide_loaded(loaded, NOW)
    else:
        second = decide(loaded, [replace(ended("branch", 2, S.SUCCESS), skipped=(("b", -1),))], [], NOW)
    assert settled(loaded, second) == {"b": "skipped"}
    apply(run_changes(loaded, second, {}))
    third = decide(loaded, [ended("c", 9, S.SUCCESS)], [], NOW)
    assert third.state is DagRunState.SUCCESS
