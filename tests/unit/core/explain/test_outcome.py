"""Why a task instance ended as it did."""

from datetime import timedelta
from typing import Any

from tests.dag_specs import NOW, dag, dag_run, row, snapshot, task
from tradewind.core.explain.explaining import explain
from tradewind.core.explain.values import AttemptSeen, Circumstances
from tradewind.core.rows import Capacity, LoadedRun, TaskInstanceId, TaskInstanceRow
from tradewind.core.snapshot import DagPlan, RunSnapshot
from tradewind.core.spec import DagSpec, LengthKind, MapLength, TriggerRule
from tradewind.core.states import TaskInstanceState as S


def outcome(spec: DagSpec, task_id: str, *rows: TaskInstanceRow, attempt: AttemptSeen | None = None) -> str:
    read = snapshot(spec, rows)
    position = read.find(TaskInstanceId(1, task_id))
    assert position is not None
    capacity = Capacity(pools=(), parallelism=0, parallelism_used=0)
    told = explain(read, position, Circumstances(capacity=capacity, attempt=attempt or AttemptSeen()), NOW)
    [gate] = told.gates
    assert (gate.name, gate.is_open) == ("outcome", True)
    return gate.reason


def ended(**fields: Any) -> AttemptSeen:
    return AttemptSeen(end_date=NOW - timedelta(seconds=5), **fields)


def test_a_failure_has_its_try_cause_and_detail() -> None:
    failed = row("t", state=S.FAILED, try_number=3, max_tries=2)
    seen = ended(cause="out_of_memory", detail="killed at 512 MiB")
    expected = "it failed on try 3 of 3: out_of_memory, killed at 512 MiB (5.0 s ago)"
    assert outcome(dag(task("t")), "t", failed, attempt=seen) == expected
    assert "a person or a limit ended it" in outcome(dag(task("t")), "t", row("t", state=S.FAILED))


def test_success_says_on_which_try() -> None:
    assert outcome(dag(task("t")), "t", row("t", state=S.SUCCESS, try_number=1)) == "it succeeded on try 1 of 1"
    empty = dag(task("t", is_empty=True))
    assert outcome(empty, "t", row("t", state=S.SUCCESS)) == "nothing of it had to run: success"


def test_a_skip_says_whose_it_was() -> None:
    below = dag(task("a"), task("b"), task("t", "a", "b"))
    skipped, good, bad = row("t", state=S.SKIPPED), row("a", state=S.SUCCESS), row("b", state=S.SKIPPED)
    assert outcome(below, "t", skipped, good, bad) == (
        "it was skipped: all_success: 1 of 2 upstream task instances succeeded, 1 skipped, "
        "so that it is to be skipped; because of 'b' (skipped)"
    )
    unchosen = row("t", state=S.SKIPPED, skip_requested=True)
    assert outcome(below, "t", unchosen, good) == "it was skipped: a branch upstream ('a') did not choose it"
    itself = ended(pid=7, cause="none", detail="no data today")
    assert "it skipped itself: no data today" in outcome(below, "t", skipped, good, attempt=itself)


def test_a_skip_without_a_reason_upstream_names_what_else_there_is() -> None:
    mapped = dag(task("a"), task("t", "a", map_length=MapLength(kind=LengthKind.XCOM, task_id="a")))
    nothing = row("a", state=S.SUCCESS, map_length=0)
    assert outcome(mapped, "t", nothing, row("t", state=S.SKIPPED)).endswith("there was nothing to map it over")
    hasty = dag(task("a"), task("t"), fail_fast=True)
    assert outcome(hasty, "t", row("a", state=S.FAILED), row("t", state=S.SKIPPED)).endswith(
        "the DAG has fail_fast, and 'a' failed"
    )
    assert "a person or a limit of the run" in outcome(dag(task("t")), "t", row("t", state=S.SKIPPED))


def test_a_run_that_took_too_long_is_why_its_tasks_were_skipped() -> None:
    rows = (row("t", state=S.SKIPPED),)
    over_at = NOW - timedelta(seconds=6)
    read = RunSnapshot(LoadedRun(run=dag_run(timeout_at=over_at), task_instances=rows), DagPlan(dag(task("t"))))
    capacity = Capacity(pools=(), parallelism=0, parallelism_used=0)
    told = explain(read, 0, Circumstances(capacity=capacity, attempt=ended()), NOW)
    assert "it was skipped: the run's dagrun_timeout was over at 2029-12-31 23:59:54 UTC (5.0 s ago)" in told.summary


def test_who_is_to_blame_upstream_is_named() -> None:
    spec = dag(task("a"), task("b"), task("t", "a", "b", trigger_rule=TriggerRule.NONE_FAILED))
    rows = row("a", state=S.UPSTREAM_FAILED), row("b", state=S.SUCCESS), row("t", state=S.UPSTREAM_FAILED)
    assert outcome(spec, "t", *rows) == (
        "it could not start: none_failed: 1 of 2 upstream task instances succeeded, 1 upstream_failed, "
        "so that it is to end as upstream_failed; because of 'a' (upstream_failed)"
    )


def test_a_task_whose_dates_leave_the_run_out_is_not_part_of_it() -> None:
    spec = dag(task("t", start_date=NOW + timedelta(days=1)))
    read = RunSnapshot(LoadedRun(run=dag_run(logical_date=NOW), task_instances=()), DagPlan(spec))
    seen = Circumstances(capacity=Capacity(pools=(), parallelism=0, parallelism_used=0))
    told = explain(read, 0, seen, NOW)
    assert told.state is S.REMOVED
    assert "the task's start_date and end_date do not cover the run's logical date" in told.summary
