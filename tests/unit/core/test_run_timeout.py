"""A run that takes longer than its DAG's `dagrun_timeout`."""

from datetime import timedelta
from uuid import UUID

from tests.dag_specs import NOW, dag, dag_run, task
from tradewind.core.decide import decide, decide_loaded
from tradewind.core.decisions import RUN_TIMER
from tradewind.core.rows import LoadedRun, TaskInstanceId, TaskInstanceRow
from tradewind.core.snapshot import DagPlan, RunSnapshot
from tradewind.core.states import DagRunState, TaskInstanceState

S = TaskInstanceState
LIMIT = timedelta(minutes=5)
OPEN = (
    S.NONE,
    S.SCHEDULED,
    S.QUEUED,
    S.RUNNING,
    S.RESTARTING,
    S.UP_FOR_RETRY,
    S.UP_FOR_RESCHEDULE,
    S.DEFERRED,
    S.AWAITING_INPUT,
)
OVER = (S.SUCCESS, S.FAILED, S.SKIPPED, S.UPSTREAM_FAILED, S.REMOVED)


def snapshot() -> RunSnapshot:
    """A run with a task in each state, that may take 5 minutes."""
    states = (*OPEN, *OVER)
    spec = dag(*(task(state.value) for state in states), dagrun_timeout_seconds=LIMIT.total_seconds())
    rows = tuple(
        TaskInstanceRow(id=TaskInstanceId(1, state.value), state=state, try_number=1, attempt_id=UUID(int=n + 1))
        for n, state in enumerate(states)
    )
    run = dag_run(start_date=NOW, timeout_at=NOW + LIMIT)
    return RunSnapshot(LoadedRun(run=run, task_instances=rows), DagPlan(spec))


def test_before_that_a_timer_is_set_and_nothing_else() -> None:
    decision = decide_loaded(snapshot(), NOW)
    assert [timer.at for timer in decision.timers if timer.position == RUN_TIMER] == [NOW + LIMIT]
    assert decision.state is None


def test_what_is_not_over_is_skipped_and_the_run_fails() -> None:
    run = snapshot()
    for decision in (decide(run, (), (RUN_TIMER,), NOW + LIMIT), decide_loaded(run, NOW + LIMIT)):
        ended = {run.id(settled.position).task_id: settled.state for settled in decision.settled}
        assert ended == {state.value: S.SKIPPED for state in OPEN}
        assert decision.state is DagRunState.FAILED
        assert decision.ready == ()


def test_a_timer_that_comes_early_changes_nothing() -> None:
    decision = decide(snapshot(), (), (RUN_TIMER,), NOW + LIMIT - timedelta(seconds=1))
    assert (decision.settled, decision.state) == ((), None)
