"""When a mapped task gets its instances."""

from dataclasses import replace
from uuid import UUID

from tests.dag_specs import NOW, dag, row, snapshot, task
from tradewind.core.batches import apply, run_changes
from tradewind.core.decide import decide, decide_loaded
from tradewind.core.rows import EndedTaskInstance, TaskInstanceId, TaskInstanceRow
from tradewind.core.spec import LengthKind, MapLength, TaskGroupSpec, TriggerRule
from tradewind.core.states import TaskInstanceState

S = TaskInstanceState
TWO = MapLength(kind=LengthKind.LITERAL, length=2)


def test_what_is_mapped_over_literals_has_its_instances_from_the_start_and_each_is_skipped_by_itself() -> None:
    spec = dag(
        task("a"),
        task("mapped", "a", map_length=TWO),
        task("grouped", "a", task_group_id="g"),
        task("none", "a", map_length=MapLength(kind=LengthKind.LITERAL, length=0)),
        task_groups=(TaskGroupSpec(group_id="g", map_length=TWO),),
    )
    run = snapshot(spec)
    decision = decide_loaded(run, NOW)
    apply(run_changes(run, decision, {position: UUID(int=position + 1) for position in decision.ready}))
    ids = [run.id(position) for position in decision.created]
    assert sorted((each.task_id, each.map_index) for each in ids) == [
        ("a", -1),
        ("grouped", 0),
        ("grouped", 1),
        ("mapped", 0),
        ("mapped", 1),
        ("none", -1),
    ]
    end = EndedTaskInstance(
        id=TaskInstanceId(1, "a"), owner=None, attempt_id=UUID(int=1), state=S.SKIPPED, next_action_at=None
    )
    skipped = decide(run, [end], (), NOW).settled
    assert sorted((run.id(each.position).task_id, str(each.state)) for each in skipped) == [
        ("grouped", "skipped"),
        ("grouped", "skipped"),
        ("mapped", "skipped"),
        ("mapped", "skipped"),
        ("none", "skipped"),
    ]


def test_a_run_that_has_the_task_already_is_not_expanded_before_its_upstream_is_done() -> None:
    run = snapshot(dag(task("a"), task("mapped", "a", map_length=TWO)), [row("a"), row("mapped")])
    assert decide_loaded(run, NOW).grown == ()


def grouped(task_id: str, map_index: int, state: TaskInstanceState) -> TaskInstanceRow:
    return replace(row(task_id, state=state), id=TaskInstanceId(1, task_id, map_index))


def test_setups_and_teardowns_of_a_mapped_group_are_joined_index_by_index() -> None:
    fields = {"task_group_id": "g"}
    teardown = {"is_teardown": True, "trigger_rule": TriggerRule.ALL_DONE_SETUP_SUCCESS, **fields}
    spec = dag(
        task("setup", is_setup=True, **fields),
        task("before", "setup", **fields),
        task("work", "before", trigger_rule=TriggerRule.ALL_DONE, **fields),
        task("end", "setup", "work", **teardown),
        task_groups=(TaskGroupSpec(group_id="g", map_length=TWO),),
    )
    rows = [
        grouped("setup", 0, S.SUCCESS),
        grouped("setup", 1, S.FAILED),
        grouped("before", 0, S.SUCCESS),
        grouped("before", 1, S.UPSTREAM_FAILED),
        *(grouped("work", index, S.NONE) for index in range(2)),
        *(grouped("end", index, S.NONE) for index in range(2)),
    ]
    run = snapshot(spec, rows)
    decision = decide_loaded(run, NOW)
    assert [run.id(position) for position in decision.ready] == [TaskInstanceId(1, "work", 0)]
    assert [(run.id(each.position), each.state) for each in decision.settled] == [
        (TaskInstanceId(1, "work", 1), S.UPSTREAM_FAILED),
        (TaskInstanceId(1, "end", 1), S.UPSTREAM_FAILED),
    ]


def test_a_teardown_of_a_mapped_group_is_not_decided_as_a_whole() -> None:
    fields = {"task_group_id": "g"}
    length = MapLength(kind=LengthKind.XCOM, task_id="numbers")
    rule = TriggerRule.ALL_DONE_SETUP_SUCCESS
    spec = dag(
        task("numbers"),
        task("setup", "numbers", is_setup=True, **fields),
        task("end", "numbers", "setup", is_teardown=True, trigger_rule=rule, **fields),
        task_groups=(TaskGroupSpec(group_id="g", map_length=length),),
    )
    rows = [
        row("numbers", state=S.SUCCESS, map_length=2),
        grouped("setup", 0, S.FAILED),
        grouped("setup", 1, S.FAILED),
        row("end"),
    ]
    run = snapshot(spec, rows)
    decision = decide_loaded(run, NOW)
    assert [(each.place, each.before) for each in decision.grown] == [(run.plan.positions["end"], 0)]
    assert [each.state for each in decision.settled] == [S.UPSTREAM_FAILED, S.UPSTREAM_FAILED]
