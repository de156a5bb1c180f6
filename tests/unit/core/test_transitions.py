import pytest

from tradewind.core.errors import IllegalTransition
from tradewind.core.states import DagRunState, TaskInstanceState
from tradewind.core.transitions import (
    ACTORS,
    DAG_RUN_ACTORS,
    DAG_RUN_TRANSITIONS,
    TRANSITIONS,
    Actor,
    DagRunEvent,
    Event,
    next_dag_run_state,
    next_state,
)

FINISHED = (
    TaskInstanceState.SUCCESS,
    TaskInstanceState.FAILED,
    TaskInstanceState.SKIPPED,
    TaskInstanceState.UPSTREAM_FAILED,
    TaskInstanceState.REMOVED,
)


def test_tables_have_a_row_for_every_state_and_an_actor_for_every_event() -> None:
    assert list(TRANSITIONS) == list(TaskInstanceState)
    assert list(DAG_RUN_TRANSITIONS) == list(DagRunState)
    assert list(ACTORS) == list(Event)
    assert list(DAG_RUN_ACTORS) == list(DagRunEvent)
    assert all(ACTORS.values())


def test_every_event_can_happen_in_some_state() -> None:
    possible = [event for row in TRANSITIONS.values() for event in row]
    assert all(event in possible for event in Event)


@pytest.mark.parametrize("state", TaskInstanceState)
def test_every_pair_is_either_in_the_table_or_illegal(state: TaskInstanceState) -> None:
    for event in Event:
        actor = ACTORS[event][0]
        if event in TRANSITIONS[state]:
            assert next_state(state, event, actor) is TRANSITIONS[state][event]
        else:
            with pytest.raises(IllegalTransition, match=str(state)):
                next_state(state, event, actor)


@pytest.mark.parametrize("event", Event)
def test_only_the_listed_actors_may_cause_an_event(event: Event) -> None:
    state = next(state for state, row in TRANSITIONS.items() if event in row)
    for actor in Actor:
        if actor not in ACTORS[event]:
            with pytest.raises(IllegalTransition, match=str(actor)):
                next_state(state, event, actor)


def test_only_a_person_or_a_changed_dag_leads_out_of_a_finished_state() -> None:
    for state in FINISHED:
        for event in TRANSITIONS[state]:
            is_not_chosen = (state, event) == (TaskInstanceState.UPSTREAM_FAILED, Event.SKIPPED_BY_RULE)
            is_of_dag = event in (Event.LEFT_DAG, Event.RETURNED_TO_DAG)
            assert ACTORS[event] == (Actor.API,) or is_of_dag or is_not_chosen


def test_every_state_is_reachable_from_none() -> None:
    reached = [TaskInstanceState.NONE]
    for state in reached:
        reached += dict.fromkeys(after for after in TRANSITIONS[state].values() if after not in reached)
    assert sorted(reached) == sorted(TaskInstanceState)


def test_a_run_ends_only_from_running_and_a_person_may_run_it_again() -> None:
    assert next_dag_run_state(DagRunState.QUEUED, DagRunEvent.STARTED, Actor.SCHEDULER) is DagRunState.RUNNING
    assert next_dag_run_state(DagRunState.FAILED, DagRunEvent.CLEARED, Actor.API) is DagRunState.QUEUED
    with pytest.raises(IllegalTransition):
        next_dag_run_state(DagRunState.SUCCESS, DagRunEvent.FAILED, Actor.SCHEDULER)
    with pytest.raises(IllegalTransition):
        next_dag_run_state(DagRunState.RUNNING, DagRunEvent.CLEARED, Actor.SCHEDULER)
