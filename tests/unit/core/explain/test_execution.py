"""What is said of an attempt that has its slots, and of a wait without them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.dag_specs import NOW, dag, row, snapshot, task
from tradewind.core.explain.explaining import explain
from tradewind.core.explain.values import AttemptSeen, Circumstances, ExplainedGate, TriggerSeen, WorkerSeen
from tradewind.core.rows import Capacity
from tradewind.core.states import TaskInstanceState as S

WORKER = WorkerSeen(
    worker_id="w1", hostname="h1", kind="celery", queues=("default", "gpu"), concurrency=4, attempts=1, age_seconds=0.6
)
LOCAL = replace(WORKER, worker_id="l1", kind="local", queues=(), concurrency=0, attempts=9)


def gates(state: S, *workers: WorkerSeen, **attempt: Any) -> dict[str, ExplainedGate]:
    fields: dict[str, Any] = {
        "executor": "CeleryExecutor",
        "publish_count": 1,
        "queued_at": NOW - timedelta(seconds=90),
        **attempt,
    }
    seen = Circumstances(
        capacity=Capacity(pools=(), parallelism=0, parallelism_used=0),
        attempt=AttemptSeen(**fields),
        executors=("CeleryExecutor", "LocalExecutor"),
        workers=workers,
    )
    held = 1 if state in (S.QUEUED, S.RUNNING, S.RESTARTING) else 0
    told = explain(snapshot(dag(task("t")), [row("t", state=state, held_slots=held)]), 0, seen, NOW)
    first = next((gate for gate in told.gates if not gate.is_open), told.gates[-1])
    assert f"'t' is {state}: {first.reason}" in told.summary
    return {gate.name: gate for gate in told.gates}


def test_a_queued_attempt_with_a_free_worker_waits_for_its_claim_only() -> None:
    found = gates(S.QUEUED, WORKER, published_at=NOW - timedelta(seconds=2), publish_count=3)
    assert [gate.name for gate in found.values() if not gate.is_open] == ["claim"]
    assert found["message"].reason == "it was queued 1 min 30 s ago; its message was published 3 times, last 2.0 s ago"
    assert found["workers"].reason == "the queue 'default' has 1 worker alive, 3 of 4 slots free: 'w1' 1/4"
    assert found["pool"].reason == "it holds 1 slot of the pool 'default_pool' and 1 place under core.parallelism"


@pytest.mark.parametrize(
    ("workers", "queue", "reason"),
    [
        ((), "default", "no worker listens on the queue 'default' (0 workers alive in all)"),
        ((WORKER,), "other", "no worker listens on the queue 'other' (1 worker alive in all)"),
        ((replace(WORKER, attempts=4),), "gpu", "the queue 'gpu' has 1 worker alive, 0 of 4 slots free: 'w1' 4/4"),
        ((LOCAL,), "default", "no worker listens on the queue 'default' (1 worker alive in all)"),
    ],
)
def test_workers_that_cannot_take_it_are_counted(workers: tuple[WorkerSeen, ...], queue: str, reason: str) -> None:
    gate = gates(S.QUEUED, *workers, queue=queue)["workers"]
    assert (gate.is_open, gate.reason) == (False, reason)


def test_what_was_lost_of_the_try_before_is_counted() -> None:
    assert gates(S.QUEUED, lost_attempts=1, dispatch_failures=2)["message"].reason.endswith(
        "; attempts of this try so far: 1 lost while it ran, 2 lost before it began"
    )


def test_a_local_executor_serves_every_queue() -> None:
    gate = gates(S.QUEUED, LOCAL, queue="any", executor="LocalExecutor")["workers"]
    assert gate.is_open
    assert gate.reason == "the LocalExecutor has 1 worker alive, any number of slots free: 'l1' 9/-"
    alone = gates(S.QUEUED, WORKER, executor="LocalExecutor")["workers"]
    assert (alone.is_open, alone.reason) == (False, "no LocalExecutor is alive (1 worker alive in all)")


def test_an_executor_that_there_is_none_of_is_named() -> None:
    gate = gates(S.QUEUED, executor="Mine")["executor"]
    assert (gate.is_open, gate.reason) == (
        False,
        "it names the executor 'Mine', and there is only CeleryExecutor, LocalExecutor",
    )


def test_a_running_attempt_says_where() -> None:
    gate = gates(S.RUNNING, start_date=NOW - timedelta(hours=3, seconds=60), pid=7, worker=WORKER)["worker"]
    assert gate.is_open
    assert gate.reason == (
        "it runs on the celery worker 'w1' (h1, process 7) for 3 h 1 min; the worker's last heartbeat is 0.6 s old"
    )
    assert "its worker is not known any more" in gates(S.RUNNING)["worker"].reason


def test_an_attempt_that_is_being_ended_does_not_count_as_running() -> None:
    gate = gates(S.RESTARTING, worker=WORKER)["worker"]
    assert not gate.is_open
    assert gate.reason.startswith("it was cleared while it ran, its process is being ended: it runs on the celery")


def test_a_deferred_task_names_its_trigger_and_who_runs_it() -> None:
    waiting = TriggerSeen(classpath="a.B", created_at=NOW - timedelta(seconds=30), alive_triggerers=0)
    lost = gates(S.DEFERRED, trigger=waiting)["trigger"]
    served = replace(
        waiting,
        triggerer_hostname="h2",
        triggerer_age_seconds=1.0,
        alive_triggerers=1,
        timeout_at=NOW + timedelta(minutes=2),
    )
    assert not lost.is_open
    assert (
        lost.reason == "it has waited 30 s for the trigger a.B; no triggerer runs it (0 triggerers alive); no timeout"
    )
    assert gates(S.DEFERRED, trigger=served)["trigger"].reason == (
        "it has waited 30 s for the trigger a.B; the triggerer on h2 runs it, last heard of 1.0 s ago; "
        "it times out at 2030-01-01 00:02:00 UTC, in 2 min"
    )
    assert "its trigger has fired" in gates(S.DEFERRED)["trigger"].reason


def test_a_question_to_a_person_says_since_when() -> None:
    asked = TriggerSeen(classpath="", created_at=NOW - timedelta(days=2))
    gate = gates(S.AWAITING_INPUT, trigger=asked)["human_input"]
    assert (gate.is_open, gate.reason) == (False, "it has waited 2 d for a person to answer; no timeout")
    assert "a person has answered" in gates(S.AWAITING_INPUT)["human_input"].reason
