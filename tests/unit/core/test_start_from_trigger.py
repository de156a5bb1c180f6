"""Tasks that begin by waiting for a trigger, without a worker."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from tests.dag_specs import NOW, dag, row, snapshot, task
from tradewind.core.batches import apply, decision_batch, run_changes
from tradewind.core.decide import decide, decide_loaded
from tradewind.core.decisions import RunDecision
from tradewind.core.rows import DecisionBatch, EndedTaskInstance, TaskInstanceId
from tradewind.core.snapshot import RunSnapshot
from tradewind.core.spec import LengthKind, MapLength
from tradewind.core.states import TaskInstanceState
from tradewind.core.triggers import started_deferral

S = TaskInstanceState
START: dict[str, object] = {
    "classpath": "a.Trigger",
    "kwargs": '{"x":1}',
    "next_method": "go_on",
    "next_kwargs": "{}",
    "timeout_seconds": None,
    "queue": None,
}
WAITING = task("waits", "a", start_trigger=START)
ATTEMPT = UUID(int=7)


def committed(loaded: RunSnapshot, decision: RunDecision) -> DecisionBatch:
    """The batch of this decision alone; afterwards the snapshot knows it."""
    deferred = {each.position: ATTEMPT for each in decision.deferred}
    changes = run_changes(loaded, decision, {}, deferred)
    batch = decision_batch(UUID(int=1), NOW, [changes])
    apply(changes)
    return batch


def waiting_run(**fields: object) -> RunSnapshot:
    """A run in which `a` has succeeded, before that is decided upon."""
    spec = dag(task("a"), replace(WAITING, **fields), task("b", "waits"))  # pyright: ignore[reportArgumentType] - by name
    done = row("a", state=S.SUCCESS, try_number=1, attempt_id=UUID(int=3), end_pending=True)
    return snapshot(spec, [done, row("waits"), row("b")])


def test_it_is_deferred_when_its_upstream_is_done_with_what_it_waits_for() -> None:
    loaded = waiting_run()
    decision = decide_loaded(loaded, NOW)
    assert (decision.ready, decision.state) == ((), None)
    batch = committed(loaded, decision)
    (change,) = batch.changes
    assert (change.expected_state, change.state, change.attempt_id) == (S.NONE, S.DEFERRED, ATTEMPT)
    assert (change.try_number, change.held_slots, change.resets_losses) == (1, 0, True)
    (started,) = batch.deferrals
    assert (started.id, started.attempt_id) == (TaskInstanceId(1, "waits"), ATTEMPT)
    assert (started.deferral.classpath, started.deferral.kwargs) == ("a.Trigger", b'{"x":1}')
    assert (started.deferral.next_method, started.deferral.timeout_at) == ("go_on", None)


def test_it_goes_on_with_the_same_try_when_its_trigger_fires() -> None:
    loaded = waiting_run()
    committed(loaded, decide_loaded(loaded, NOW))
    fired = EndedTaskInstance(id=TaskInstanceId(1, "waits"), owner=None, attempt_id=ATTEMPT, state=S.SCHEDULED)
    decision = decide(loaded, [fired], (), NOW)
    assert decision.ready == (1,)
    (change,) = decision_batch(UUID(int=1), NOW, [run_changes(loaded, decision, {1: UUID(int=8)})]).changes
    assert (change.state, change.try_number, change.resets_losses) == (S.QUEUED, 1, False)


def test_a_retry_begins_by_waiting_again() -> None:
    spec = dag(WAITING, task("a"))
    late = row("waits", state=S.UP_FOR_RETRY, try_number=1, max_tries=2, attempt_id=UUID(int=5), next_action_at=NOW)
    done = row("a", state=S.SUCCESS, try_number=1)
    loaded = snapshot(spec, [late, done])
    (change,) = committed(loaded, decide_loaded(loaded, NOW)).changes
    assert (change.expected_attempt_id, change.attempt_id, change.try_number) == (UUID(int=5), ATTEMPT, 2)


def test_a_run_whose_tasks_all_wait_goes_on() -> None:
    loaded = snapshot(dag(replace(WAITING, upstream_task_ids=())))
    decision = decide_loaded(loaded, NOW)
    assert (len(decision.deferred), decision.state, decision.writes) == (1, None, True)
    assert committed(loaded, decision).created[0].id.task_id == "waits"


def test_a_skipped_one_does_not_begin() -> None:
    loaded = snapshot(
        dag(task("a"), WAITING),
        [row("a", state=S.SKIPPED, try_number=1, end_pending=True), row("waits")],
    )
    decision = decide_loaded(loaded, NOW)
    assert (decision.deferred, [each.state for each in decision.settled]) == ((), [S.SKIPPED])


def test_instances_of_a_mapped_task_begin_on_workers() -> None:
    length = MapLength(kind=LengthKind.LITERAL, length=2)
    loaded = snapshot(dag(replace(WAITING, upstream_task_ids=(), map_length=length)))
    decision = decide_loaded(loaded, NOW)
    assert (decision.deferred, len(decision.ready)) == ((), 2)


def test_the_execution_timeout_bounds_the_wait() -> None:
    start = {**START, "timeout_seconds": 30.0}
    assert started_deferral(replace(WAITING, start_trigger=start), NOW).timeout_at == NOW + timedelta(seconds=30)
    bounded = replace(WAITING, start_trigger=start, execution_timeout_seconds=5.0)
    assert started_deferral(bounded, NOW).timeout_at == NOW + timedelta(seconds=5)
    only = replace(WAITING, execution_timeout_seconds=7.0)
    assert started_deferral(only, NOW).timeout_at == NOW + timedelta(seconds=7)
