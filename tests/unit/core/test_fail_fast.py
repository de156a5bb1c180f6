"""One failure stops the rest of the run, if its DAG says so."""

from typing import Final
from uuid import UUID

import pytest

from tests.dag_specs import NOW, OWNER_ID, dag, row, snapshot, task
from tradewind.core.batches import apply, decision_batch, run_changes
from tradewind.core.decide import decide, decide_loaded
from tradewind.core.rows import EndedTaskInstance, TaskInstanceId, TaskInstanceRow
from tradewind.core.snapshot import RunSnapshot
from tradewind.core.spec import LengthKind, MapLength, TriggerRule
from tradewind.core.states import TaskInstanceState

S = TaskInstanceState
ATTEMPT, OTHER_ATTEMPT = UUID(int=1), UUID(int=2)
DAG = dag(
    task("setup", is_setup=True),
    task("failing", "setup"),
    task("other", "setup"),
    task("last", "failing", "other"),
    task("teardown", "setup", "last", is_teardown=True, trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS),
    fail_fast=True,
)
FAILED: Final = EndedTaskInstance(id=TaskInstanceId(1, "failing"), owner=OWNER_ID, attempt_id=ATTEMPT, state=S.FAILED)


def running(other: S, **fields: object) -> RunSnapshot:
    rows = [
        row("setup", state=S.SUCCESS),
        row("failing", state=S.QUEUED, attempt_id=ATTEMPT, held_slots=1, try_number=1),
        row("other", state=other, attempt_id=OTHER_ATTEMPT, try_number=1, **fields),
        row("last"),
        row("teardown"),
    ]
    return snapshot(DAG, rows)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (S.NONE, S.SKIPPED),
        (S.SCHEDULED, S.SKIPPED),
        (S.UP_FOR_RETRY, S.SKIPPED),
        (S.UP_FOR_RESCHEDULE, S.SKIPPED),
        (S.QUEUED, S.SKIPPED),
        (S.RUNNING, S.FAILED),
        (S.DEFERRED, S.SKIPPED),
        (S.AWAITING_INPUT, S.SKIPPED),
        (S.SUCCESS, S.SUCCESS),
        (S.RESTARTING, S.RESTARTING),
    ],
)
def test_what_is_not_over_ends_and_only_the_teardown_starts(before: S, after: S) -> None:
    run = running(before)
    changes = run_changes(run, decide(run, [FAILED], (), NOW), {})
    apply(changes)
    names = [each.task_id for each in run.plan.tasks]
    assert dict(zip(names, run.states, strict=True)) == {
        "setup": S.SUCCESS,
        "failing": S.FAILED,
        "other": after,
        "last": S.SKIPPED,
        "teardown": S.NONE if after is S.RESTARTING else S.SCHEDULED,
    }


def test_a_stopped_attempt_gives_its_slots_back_and_is_guarded_by_its_id() -> None:
    run = running(S.RUNNING, held_slots=1)
    changes = run_changes(run, decide(run, [FAILED], (), NOW), {})
    (stopped,) = [each for each in decision_batch(OWNER_ID, NOW, [changes]).changes if each.id.task_id == "other"]
    assert (stopped.expected_state, stopped.expected_attempt_id) == (S.RUNNING, OTHER_ATTEMPT)
    assert (stopped.state, stopped.attempt_id, stopped.held_slots) == (S.FAILED, OTHER_ATTEMPT, 0)
    assert run.active == 2
    apply(changes)
    assert run.active == 0


def test_a_failure_found_when_the_run_is_read_stops_the_rest_too() -> None:
    run = running(S.NONE)
    failed = TaskInstanceRow(
        id=FAILED.id, state=S.FAILED, attempt_id=ATTEMPT, try_number=1, held_slots=1, end_pending=True
    )
    run = snapshot(DAG, [row("setup", state=S.SUCCESS), failed, row("other"), row("last"), row("teardown")])
    decision = decide_loaded(run, NOW)
    assert [run.id(each.position).task_id for each in decision.settled] == ["other", "last"]


def test_other_instances_of_the_mapped_task_that_failed_go_on() -> None:
    mapped = task("failing", map_length=MapLength(kind=LengthKind.LITERAL, length=2))
    ids = [TaskInstanceId(1, "failing", number) for number in range(2)]
    rows = [
        TaskInstanceRow(id=id_, state=S.QUEUED, attempt_id=attempt, try_number=1)
        for id_, attempt in zip(ids, (ATTEMPT, OTHER_ATTEMPT), strict=True)
    ]
    run = snapshot(dag(mapped, task("other"), fail_fast=True), [*rows, row("other")])
    end = EndedTaskInstance(id=ids[0], owner=OWNER_ID, attempt_id=ATTEMPT, state=S.FAILED)
    decision = decide(run, [end], (), NOW)
    assert [run.id(each.position).task_id for each in decision.settled] == ["other"]
    assert decision.state is None


def test_without_fail_fast_only_what_depends_on_the_failure_is_concerned() -> None:
    rows = [
        row("failing", state=S.QUEUED, attempt_id=ATTEMPT),
        row("other", state=S.QUEUED, attempt_id=OTHER_ATTEMPT),
    ]
    decision = decide(snapshot(dag(task("failing"), task("other")), rows), [FAILED], (), NOW)
    assert (decision.settled, decision.state) == ((), None)
