"""How waiting task instances go on."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.core.states import TaskInstanceState
from tradewind.core.triggers import DueTrigger, ended, ended_by_worker, failed, resumed, timed_out, with_event

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), JSON), JSON, st.sampled_from([None, 2]))
def test_the_event_comes_to_the_arguments_and_wins(arguments: dict[str, Any], event: Any, indent: int | None) -> None:
    text = with_event(json.dumps(arguments, indent=indent).encode(), json.dumps(event).encode())
    assert json.loads(text) == {**arguments, "event": event}


def test_a_trigger_that_fails_sends_the_task_to_fail_on_a_worker() -> None:
    outcome = failed(7, ["Traceback", 'ValueError: "x"'], b"log")
    assert (outcome.trigger_id, outcome.state, outcome.next_method) == (7, TaskInstanceState.SCHEDULED, "__fail__")
    assert outcome.log == b"log"
    assert json.loads(outcome.next_kwargs or b"") == {
        "error": "Trigger failure",
        "traceback": ["Traceback", 'ValueError: "x"'],
    }


def test_a_trigger_that_takes_too_long_does_too() -> None:
    outcome = timed_out(DueTrigger(id=7, next_kwargs=b'{"a":1}'))
    assert (outcome.trigger_id, outcome.next_method) == (7, "__fail__")
    assert json.loads(outcome.next_kwargs or b"") == {"error": "Trigger timeout"}


def test_an_event_leaves_the_method_as_it_was() -> None:
    outcome = resumed(7, b"{}", b"1")
    assert (outcome.next_method, outcome.next_kwargs) == (None, b'{"event":1}')


def test_an_end_that_a_worker_has_something_to_do_about_goes_there() -> None:
    xcoms = [("return_value", b'{"a":1}'), ('ke"y', b"2")]
    outcome = ended_by_worker(7, TaskInstanceState.SKIPPED, xcoms, b"log")
    assert (outcome.state, outcome.next_method, outcome.xcoms) == (TaskInstanceState.SCHEDULED, "__end__", ())
    assert outcome.log == b"log"
    assert json.loads(outcome.next_kwargs or b"") == {
        "state": "skipped",
        "xcoms": {"return_value": {"a": 1}, 'ke"y': 2},
    }


@pytest.mark.parametrize("state", TaskInstanceState)
def test_a_trigger_ends_a_task_only_in_a_finished_state(state: TaskInstanceState) -> None:
    if state.value in ("success", "failed", "skipped"):
        assert ended(7, state, [("k", b"1")]).xcoms == (("k", b"1"),)
    else:
        with pytest.raises(ValueError, match=state.value):
            ended(7, state, [])
