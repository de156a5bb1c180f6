"""The past, a task's dates and its own limits: every small combination, against the sentences that define them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dag_specs import NOW, dag, dag_run, row, snapshot, task
from tradewind.core.batches import apply, run_changes
from tradewind.core.decide import decide, decide_loaded
from tradewind.core.gates import Outside, Past, has_task, past_gate, past_question, task_limits
from tradewind.core.slots import TaskLimit
from tradewind.core.spec import TriggerRule
from tradewind.core.states import TaskInstanceState

S = TaskInstanceState
BOOLEANS = (False, True)
DATES = (None, NOW - timedelta(days=1), NOW, NOW + timedelta(days=1))


def pasts() -> Iterator[Past]:
    yield Past()
    yield Past(is_first_of_backfill=True)
    counts = [(found, bad) for found in (0, 1, 3) for bad in (0, 1, 3) if bad <= found]
    for (found, bad), below, before, first, date in product(counts, (0, 2), BOOLEANS, BOOLEANS, DATES[:3]):
        yield Past(
            run_id="before",
            logical_date=date,
            found=found,
            unsuccessful=bad,
            unsuccessful_downstream=below,
            has_any_before=before or found > 0,
            is_first_of_backfill=first,
        )


def test_depends_on_past_over_every_past() -> None:
    count = 0
    for past, ignores_first, catchup, begins in product(pasts(), BOOLEANS, BOOLEANS, DATES):
        spec = task("t", depends_on_past=True, ignore_first_depends_on_past=ignores_first, start_date=begins)
        is_exempt = (
            past.is_first_of_backfill
            or past.run_id is None
            or (catchup and begins is not None and past.logical_date is not None and past.logical_date < begins)
            or (ignores_first and not past.has_any_before)
        )
        ended_well = past.found > 0 and not past.unsuccessful and not past.unsuccessful_downstream
        gate = past_gate(dag(spec, catchup=catchup), spec, past)
        assert gate.is_open is (is_exempt or ended_well), (past, gate)
        assert gate.reason
        count += 1
    assert count > 2_000


def test_a_task_that_does_not_depend_on_its_past_is_never_kept_by_it() -> None:
    spec = task("t")
    assert all(past_gate(dag(spec), spec, past).is_open for past in pasts())


@pytest.mark.parametrize("catchup", BOOLEANS)
@pytest.mark.parametrize("waits", BOOLEANS)
def test_only_what_counts_is_asked(catchup: bool, waits: bool) -> None:
    spec = dag(task("t", depends_on_past=True, wait_for_downstream=waits), task("u", "t"), catchup=catchup)
    question = past_question(dag_run(id=7), spec, spec.tasks[0])
    assert question == (7, "t", catchup, ("u",) if waits else ())


@given(st.sampled_from(DATES), st.sampled_from(DATES), st.sampled_from(DATES), st.sampled_from(("manual", "backfill")))
def test_a_task_belongs_to_the_runs_between_its_dates(begins: object, ends: object, date: object, kind: str) -> None:
    spec = task("t", start_date=begins, end_date=ends)
    run = dag_run(logical_date=date, run_type=kind)
    if date is None or kind == "backfill":
        assert has_task(run, spec)
    else:
        low, high = begins or DATES[1], ends or DATES[3]
        assert has_task(run, spec) is (low <= date <= high)  # type: ignore[operator] - dates here


def test_tasks_outside_their_dates_have_no_row_and_hold_up_nobody() -> None:
    later = task("later", start_date=NOW + timedelta(days=1))
    spec = dag(task("a"), later, task("join", "a", "later"), task("own", "later", trigger_rule=TriggerRule.ONE_SUCCESS))
    loaded = snapshot(spec, [row("a", state=S.SUCCESS, try_number=1)], logical_date=NOW)
    decision = decide_loaded(loaded, NOW)
    assert [loaded.task(position).task_id for position in decision.created] == ["join", "own"]
    assert [loaded.task(position).task_id for position in decision.ready] == ["join"]


def test_limits_of_a_task() -> None:
    assert task_limits("d", 5, task("t")) == {}
    both = task("t", max_active_tis_per_dag=3, max_active_tis_per_dagrun=2)
    assert task_limits("d", 5, both) == {TaskLimit("d", "t"): 3, TaskLimit("d", "t", 5): 2}


SPEC = dag(task("past", depends_on_past=True), task("next", "past"))


def test_a_task_starts_only_when_its_past_is_known_to_let_it() -> None:
    loaded = snapshot(SPEC)
    asking = decide_loaded(loaded, NOW)
    assert (asking.asks_past, asking.ready, asking.state) == ((0,), (), None)
    closed = decide_loaded(loaded, NOW, Outside(past={0: False}))
    assert (closed.asks_past, dict(closed.past), closed.ready, closed.state) == ((), {0: False}, (), None)
    apply(run_changes(loaded, closed, {}))
    assert list(loaded.waiting_for_past) == [0]
    opened = decide(loaded, (), [0], NOW, Outside(past={0: True}))
    assert opened.ready == (0,)
    apply(run_changes(loaded, opened, {}))
    assert not loaded.waiting_for_past


@pytest.mark.parametrize("waits", BOOLEANS)
def test_a_skip_waits_for_the_past_only_if_the_task_says_so(waits: bool) -> None:
    below = task("t", "branch", depends_on_past=True, wait_for_past_depends_before_skipping=waits)
    loaded = snapshot(dag(task("branch"), below), [row("branch", state=S.SKIPPED, try_number=1), row("t")])
    decision = decide_loaded(loaded, NOW, Outside(past={1: False}))
    assert [settled.state for settled in decision.settled] == ([] if waits else [S.SKIPPED])
    assert decide_loaded(loaded, NOW, Outside(past={1: True})).settled


@pytest.mark.parametrize("includes", BOOLEANS)
def test_a_deferred_task_keeps_its_slots_where_the_pool_counts_deferred_ones(includes: bool) -> None:
    spec = dag(task("t", pool="p", pool_slots=2))
    deferred = replace(row("t", state=S.DEFERRED, try_number=1), held_slots=2, end_pending=True)
    loaded = snapshot(spec, [deferred])
    decision = decide_loaded(loaded, NOW, Outside(deferring_pools=("p",) if includes else ()))
    (ack,) = decision.acknowledged
    assert (ack.released_slots, ack.kept_slots, ack.given_back) == ((2, 2, 0) if includes else (2, 0, 2))
    apply(run_changes(loaded, decision, {}))
    assert (loaded.held_slots[0], loaded.active) == (0, 0)
    resumed = replace(deferred, state=S.SCHEDULED, held_slots=0, kept_slots=2 * includes, end_pending=True)
    (again,) = decide_loaded(snapshot(spec, [resumed]), NOW).acknowledged
    assert (again.released_slots, again.given_back) == (0, 2 * includes)
