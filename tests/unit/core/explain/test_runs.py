"""Why a run is not started yet, said of each of its tasks."""

from datetime import timedelta
from typing import Any

import pytest

from tests.dag_specs import NOW, dag, snapshot, task
from tradewind.core.explain.airflow import unmet_dependencies
from tradewind.core.explain.explaining import explain
from tradewind.core.explain.values import Circumstances, Explanation, RunSurroundings, SchedulerSeen
from tradewind.core.rows import Capacity
from tradewind.core.states import DagRunState

FULL = RunSurroundings(active_runs=2, max_active_runs=2, queued_before=3)
FREE = RunSurroundings(active_runs=1, max_active_runs=2)


def told(surroundings: RunSurroundings, **run: Any) -> Explanation:
    seen = Circumstances(
        capacity=Capacity(pools=(), parallelism=0, parallelism_used=0),
        run=surroundings,
        scheduler=SchedulerSeen(alive=1),
    )
    fields: dict[str, Any] = {"state": DagRunState.QUEUED, "owner": None, **run}
    return explain(snapshot(dag(task("t")), (), **fields), 0, seen, NOW)


@pytest.mark.parametrize(
    ("surroundings", "run", "reason"),
    [
        (FULL, {}, "2 of max_active_runs 2 runs of its DAG are running, 3 queued runs before it"),
        (FREE, {}, "1 of max_active_runs 2 runs of its DAG are running, a scheduler starts it within moments"),
        (FREE, {"dag_is_paused": True}, "its DAG is paused"),
        (RunSurroundings(dag_is_stale=True), {}, "its DAG is not in the DAGs folder any more"),
        (FREE, {"run_after": NOW + timedelta(hours=1)}, "it starts after 2030-01-01 01:00:00 UTC, in 1 h"),
        (
            RunSurroundings(backfill_id=7, active_runs=1, max_active_runs=1, queued_before=1),
            {"run_after": NOW + timedelta(hours=1)},
            "1 of max_active_runs 1 runs of the backfill 7 are running, 1 queued run before it",
        ),
        (RunSurroundings(backfill_id=7, backfill_is_paused=True), {}, "the backfill 7 is paused"),
    ],
)
def test_a_queued_run_says_what_it_waits_for(surroundings: RunSurroundings, run: dict[str, Any], reason: str) -> None:
    gate = told(surroundings, **run).gates[0]
    assert (gate.name, gate.is_open, gate.reason) == ("dag_run", False, f"the run is queued: {reason}")


def test_a_run_that_has_ended_starts_nothing() -> None:
    ended = RunSurroundings(end_date=NOW - timedelta(minutes=1))
    gate = told(ended, state=DagRunState.FAILED).gates[0]
    assert (gate.is_open, gate.reason) == (
        False,
        "the run ended as failed 1 min ago: nothing of it starts any more",
    )


def test_dependencies_have_airflows_names() -> None:
    names = [each.name for each in unmet_dependencies(told(FULL, dag_is_paused=True))]
    assert names == ["Dag Not Paused", "Dagrun Running", "Pool Slots Available", "Task Instance State"]
