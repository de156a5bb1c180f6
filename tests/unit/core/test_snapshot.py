import gc
import tracemalloc
from dataclasses import replace
from uuid import UUID

import pytest

from tests.dag_specs import NOW, dag, row, snapshot, task
from tradewind.core.batches import apply, lane_of, run_changes
from tradewind.core.decide import decide_loaded
from tradewind.core.errors import DomainError
from tradewind.core.rows import TaskInstanceId
from tradewind.core.slots import Ready, ReadyTasks
from tradewind.core.snapshot import DagPlan
from tradewind.core.spec import DagSpec
from tradewind.core.states import TaskInstanceState
from tradewind.core.trigger_rules import UpstreamCounts

DIAMOND = dag(task("a"), task("b", "a"), task("c", "a"), task("d", "b", "c"))


def wide(width: int) -> DagSpec:
    middle = tuple(task(f"t{number:05}", "root") for number in range(width))
    return DagSpec(
        dag_id="wide",
        relative_fileloc="wide.py",
        tasks=(task("root"), *middle, task("join", *(each.task_id for each in middle))),
        max_active_tasks=width,
    )


def test_plan_puts_every_task_behind_its_upstream_whatever_the_order_of_the_spec() -> None:
    shuffled = replace(DIAMOND, tasks=tuple(reversed(DIAMOND.tasks)))
    plan = DagPlan(shuffled)
    for spec in plan.tasks:
        assert all(plan.positions[above] < plan.positions[spec.task_id] for above in spec.upstream_task_ids)
    assert [plan.tasks[leaf].task_id for leaf in plan.leaves] == ["d"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (DagSpec(dag_id="d", relative_fileloc="d.py", tasks=(task("a", "b"), task("b", "a"))), "cycle"),
        (DagSpec(dag_id="d", relative_fileloc="d.py", tasks=(task("a", "z"),)), "'z'"),
    ],
)
def test_plan_refuses_what_is_no_dag(spec: DagSpec, message: str) -> None:
    with pytest.raises(DomainError, match=message):
        DagPlan(spec)


def test_snapshot_counts_the_rows_that_it_was_loaded_from() -> None:
    loaded = snapshot(
        DIAMOND,
        [
            row("a", state=TaskInstanceState.SUCCESS, try_number=1),
            row("b", state=TaskInstanceState.FAILED, try_number=2, held_slots=1, end_pending=True),
            row("c", state=TaskInstanceState.RUNNING, try_number=1, held_slots=2, attempt_id=UUID(int=5)),
        ],
    )
    assert loaded.counts(3) == UpstreamCounts(total=2, failed=1)
    assert (loaded.unfinished, loaded.undecided, loaded.active) == (2, 1, 2)
    assert list(loaded.pending) == [1]
    assert list(loaded.missing) == [0, 0, 0, 1]


def test_slots_of_a_finished_row_that_nobody_will_acknowledge_do_not_count_as_active() -> None:
    loaded = snapshot(DIAMOND, [row("a", state=TaskInstanceState.SUCCESS, held_slots=1)])
    assert loaded.active == 0


def test_snapshot_refuses_rows_of_tasks_that_the_plan_does_not_have() -> None:
    with pytest.raises(DomainError, match="stranger"):
        snapshot(DIAMOND, [row("stranger")])
    with pytest.raises(DomainError, match="map_index=3"):
        snapshot(DIAMOND, [replace(row("a"), id=TaskInstanceId(1, "a", 3))])


def bytes_of_a_run(width: int) -> int:
    """Memory of plan, snapshot and waiting entries of a run whose tasks are all queued or waiting."""
    ids = [UUID(int=number) for number in range(10**6, 10**6 + width + 2)]
    del ids
    gc.collect()
    tracemalloc.start()
    spec = wide(width)
    loaded = snapshot(spec)
    ready = ReadyTasks()
    ready.set_run(1, dag_id="wide", limit=0, active=0)
    apply(run_changes(loaded, decide_loaded(loaded, NOW), {0: UUID(int=1)}))
    for position in range(1, width + 1):
        ready.add(Ready(1, position), lane_of(loaded, position), 1)
        loaded.attempt_ids[position] = UUID(int=position + 10**20)
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert loaded.size_bytes > 0
    return used


def test_memory_is_linear_and_below_two_kilobytes_a_task_instance() -> None:
    small, large = bytes_of_a_run(2_000), bytes_of_a_run(8_000)
    assert large / 8_000 < 2_000
    assert large / small < 4.4


def test_the_size_that_caches_count_by_is_about_the_size_in_memory() -> None:
    gc.collect()
    spec = wide(5_000)
    tracemalloc.start()
    plan = DagPlan(spec)
    plan_bytes = tracemalloc.get_traced_memory()[0]
    loaded = snapshot(spec)
    both_bytes = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert plan_bytes < 1.5 * plan.size_bytes
    assert both_bytes - 2 * plan_bytes < 1.5 * loaded.size_bytes


def test_priority_is_that_of_the_try() -> None:
    spec = dag(task("a", priority_weight=5), task("b", try_weights=(9, 7), retries=3))
    rows = [row("b", state=TaskInstanceState.UP_FOR_RETRY, try_number=1)]
    assert snapshot(spec).priority(0) == 5
    assert (snapshot(spec).priority(1), snapshot(spec, rows).priority(1)) == (9, 7)
    third = [row("b", state=TaskInstanceState.SCHEDULED, try_number=3)]
    assert snapshot(spec, third).priority(1) == 7


def test_what_a_strategy_says_of_the_run_counts() -> None:
    told = snapshot(
        dag(task("a", priority_weight=5), task("b", try_weights=(9,), asks_weights=True), asks_weights=True)
    )
    told.run = replace(told.run, try_weights={"b": (30, 20)})
    assert (told.priority(0), told.priority(1)) == (5, 30)
    told.states[1], told.try_numbers[1] = TaskInstanceState.UP_FOR_RETRY, 1
    assert told.priority(1) == 20
