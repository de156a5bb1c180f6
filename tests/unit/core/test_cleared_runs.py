"""What is decided of runs that a person has changed: states that no run comes to by itself."""

from dataclasses import replace
from uuid import UUID

from tests.dag_specs import NOW, OWNER_ID, dag, row, snapshot, task
from tradewind.core.batches import apply, run_changes
from tradewind.core.decide import decide, decide_loaded
from tradewind.core.rows import EndedTaskInstance, TaskInstanceId
from tradewind.core.spec import LengthKind, MapLength, TriggerRule
from tradewind.core.states import TaskInstanceState

S = TaskInstanceState
ATTEMPT = UUID(int=1)
MAPPED = dag(
    task("source"),
    task("each", "source", trigger_rule=TriggerRule.ALL_DONE, map_length=MapLength(kind=LengthKind.LITERAL, length=1)),
)


def test_a_try_to_come_of_a_mapped_task_waits_for_upstream_that_was_cleared_and_starts_after_it() -> None:
    rows = [
        row("source", state=S.QUEUED, attempt_id=ATTEMPT, held_slots=1, try_number=2),
        replace(row("each", state=S.UP_FOR_RETRY, try_number=1, max_tries=3), id=TaskInstanceId(1, "each", 0)),
    ]
    run = snapshot(MAPPED, rows)
    assert decide_loaded(run, NOW).ready == ()
    end = EndedTaskInstance(id=TaskInstanceId(1, "source"), owner=OWNER_ID, attempt_id=ATTEMPT, state=S.SUCCESS)
    (ready,) = decide(run, [end], (), NOW).ready
    assert run.id(ready) == TaskInstanceId(1, "each", 0)


def test_what_was_done_to_an_unmapped_instance_is_not_decided_upon_when_mapped_ones_take_its_place() -> None:
    run = snapshot(MAPPED, [row("source", state=S.SUCCESS, try_number=1), row("each", end_pending=True)])
    decision = decide_loaded(run, NOW)
    assert decision.acknowledged == ()
    assert [run.unmapped_id(place) for place in decision.replaced] == [TaskInstanceId(1, "each")]
    apply(run_changes(run, decision, {}))


def test_what_is_left_of_a_version_before_is_not_looked_at() -> None:
    rows = [
        row("source", state=S.SUCCESS, try_number=1),
        row("gone", state=S.REMOVED),
        replace(row("source", state=S.REMOVED), id=TaskInstanceId(1, "source", 2)),
    ]
    run = snapshot(dag(task("source")), rows)
    assert decide_loaded(run, NOW).state == "success"
