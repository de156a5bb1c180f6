"""What an author's code, and listeners of plugins, are to hear of a run: once each, when it happens."""

from itertools import product
from uuid import UUID

from tests.dag_specs import NOW, dag, row, snapshot, task
from tradewind.core.batches import RunChanges, apply, decision_batch, run_changes
from tradewind.core.dag_requests import RequestKind
from tradewind.core.decide import decide_loaded
from tradewind.core.states import DagRunState, TaskInstanceState

S = TaskInstanceState
BOOLEANS = (False, True)


def kinds_of(changes: RunChanges) -> list[RequestKind]:
    return [request.kind for request in decision_batch(UUID(int=1), NOW, [changes]).requests]


def test_listeners_hear_of_the_begin_once() -> None:
    spec = dag(task("a"), task("b", "a"), run_listeners=("running",))
    fresh = snapshot(spec)
    first = run_changes(fresh, decide_loaded(fresh, NOW), {})
    assert kinds_of(first) == [RequestKind.RUN_BEGAN]
    apply(first)
    assert kinds_of(run_changes(fresh, decide_loaded(fresh, NOW), {})) == []
    assert kinds_of(run_changes(fresh, decide_loaded(snapshot(spec, [row("a")]), NOW), {})) == []


def test_strategies_are_told_of_each_run_once() -> None:
    spec = dag(task("a", try_weights=(1,), asks_weights=True), asks_weights=True)
    fresh = snapshot(spec)
    first = run_changes(fresh, decide_loaded(fresh, NOW), {})
    assert kinds_of(first) == [RequestKind.RUN_WEIGHTS]
    apply(first)
    assert kinds_of(run_changes(fresh, decide_loaded(fresh, NOW), {})) == []
    plain = snapshot(dag(task("a", try_weights=(1,))))
    assert kinds_of(run_changes(plain, decide_loaded(plain, NOW), {})) == []


def test_each_end_tells_those_who_want_to_hear_of_it() -> None:
    for state, calls_back, listens in product((S.SUCCESS, S.FAILED), BOOLEANS, BOOLEANS):
        run_state = DagRunState(state.value)
        spec = dag(
            task("a"),
            has_on_success_callback=calls_back and state is S.SUCCESS,
            has_on_failure_callback=calls_back and state is S.FAILED,
            run_listeners=(run_state.value,) if listens else ("running",),
        )
        ended = snapshot(spec, [row("a", state=state, try_number=1)])
        changes = run_changes(ended, decide_loaded(ended, NOW), {})
        assert changes.decision.state is run_state
        expected = [RequestKind.DAG_CALLBACK] * calls_back + [RequestKind.RUN_ENDED] * listens
        assert kinds_of(changes) == expected
