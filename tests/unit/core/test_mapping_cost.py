"""Deciding a run over mapped tasks takes work in proportion to its instances, not to their square."""

import sys
from types import FrameType
from uuid import UUID

import pytest

from tests.dag_specs import NOW, OWNER_ID, dag, row, snapshot, task
from tradewind.core.batches import apply, run_changes
from tradewind.core.decide import decide, decide_loaded
from tradewind.core.rows import EndedTaskInstance
from tradewind.core.snapshot import RunSnapshot
from tradewind.core.spec import DagSpec, LengthKind, MapLength, TaskGroupSpec, TriggerRule
from tradewind.core.states import DagRunState, TaskInstanceState

BATCH = 50
OVER_FIRST = MapLength(kind=LengthKind.XCOM, task_id="first")
OVER_MAPPED = MapLength(kind=LengthKind.XCOM, task_id="mapped")
FIRST = task("first")
MAPPED = task("mapped", "first", map_length=OVER_FIRST)

DAGS = {
    "one mapped task": dag(FIRST, MAPPED, task("last", "mapped")),
    "mapped over a mapped task": dag(
        FIRST, MAPPED, task("again", "mapped", map_length=OVER_MAPPED), task("last", "again")
    ),
    "a mapped group": dag(
        FIRST,
        task("one", "first", task_group_id="group"),
        task("two", "one", task_group_id="group"),
        task("last", "two"),
        task_groups=(TaskGroupSpec(group_id="group", map_length=OVER_FIRST),),
    ),
    "between a setup and its teardown": dag(
        task("setup", is_setup=True),
        task("first", "setup"),
        MAPPED,
        task("next", "mapped"),
        task("last", "next", "setup", is_teardown=True, trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS),
    ),
    "a setup in a mapped group": dag(
        FIRST,
        task("setup", "first", is_setup=True, task_group_id="group"),
        task("one", "setup", task_group_id="group"),
        task("two", "one", task_group_id="group"),
        task(
            "end",
            "setup",
            "two",
            is_teardown=True,
            trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS,
            task_group_id="group",
        ),
        task("last", "two"),
        task_groups=(TaskGroupSpec(group_id="group", map_length=OVER_FIRST),),
    ),
    "started by the first of many": dag(
        FIRST,
        MAPPED,
        task("hasty", "first", "mapped", map_length=OVER_FIRST, trigger_rule=TriggerRule.ONE_SUCCESS),
        task("last", "hasty"),
    ),
}


def calls_to_finish(spec: DagSpec, length: int) -> int:
    """How many Python calls it takes to decide the whole run, its ends arriving in batches."""
    calls = 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal calls
        calls += event == "call"

    run = snapshot(spec, [row("first", state=TaskInstanceState.SUCCESS, map_length=length)])
    sys.setprofile(count)
    try:
        finish(run)
    finally:
        sys.setprofile(None)
    assert len(run.instances.of(run.plan.positions["last"])) == 1
    assert sum(state is TaskInstanceState.SUCCESS for state in run.states) > length
    return calls


def finish(run: RunSnapshot) -> None:
    queued: list[int] = []
    ids = 0
    decision = decide_loaded(run, NOW)
    while True:
        attempts = {position: UUID(int=ids + number) for number, position in enumerate(decision.ready)}
        ids += len(attempts)
        apply(run_changes(run, decision, attempts))
        if decision.state is not None:
            assert decision.state is DagRunState.SUCCESS
            return
        queued.extend(attempts)
        ended, queued = queued[:BATCH], queued[BATCH:]
        decision = decide(run, [end_of(run, position) for position in ended], (), NOW)


def end_of(run: RunSnapshot, position: int) -> EndedTaskInstance:
    return EndedTaskInstance(
        id=run.id(position),
        owner=OWNER_ID,
        attempt_id=run.attempt_ids[position],
        state=TaskInstanceState.SUCCESS,
        map_length=1,
    )


def test_instances_that_are_there_from_the_start_are_not_asked_at_every_end() -> None:
    def behind_a_mapped_task(length: int) -> DagSpec:
        literal = MapLength(kind=LengthKind.LITERAL, length=length)
        return dag(FIRST, MAPPED, task("behind", "mapped", map_length=literal), task("last", "behind"))

    few, many = (calls_to_finish(behind_a_mapped_task(length), length) for length in (600, 1_200))
    assert many < 2.4 * few


@pytest.mark.parametrize("name", DAGS)
def test_twice_the_instances_take_twice_the_work(name: str) -> None:
    assert calls_to_finish(DAGS[name], 1_200) < 2.4 * calls_to_finish(DAGS[name], 600)
