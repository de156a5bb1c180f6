"""What a task process says of its end, as the collector is told."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tradewind.api.errors import Unprocessable
from tradewind.api.execution.ends import REPLAYED, Said, asset_events, finished, is_replay
from tradewind.api.execution.models.ending import AssetProfile, OutletEvent, StateBody
from tradewind.core.states import EndCause, Outcome, TaskInstanceState
from tradewind.db.assets.events import event_body
from tradewind.wire.codec import decode, encode
from tradewind.wire.messages import EndReport, TaskFinished, TaskInstanceKey

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY = TaskInstanceKey("dag", "task", "run", 1)
ID = UUID(int=7)
BODY: TypeAdapter[StateBody] = TypeAdapter(StateBody)
END = {"end_date": "2026-11-21T12:00:00Z"}
QUESTION = {"subject": "Go on?", "options": ["yes"]}

NAMES = st.sampled_from(["a", "b", "c"])
PROFILES = st.builds(
    AssetProfile,
    name=st.none() | NAMES,
    uri=st.none() | NAMES,
    type=st.sampled_from(["Asset", "AssetNameRef", "AssetUriRef", "AssetAlias", "Unknown"]),
)
EVENTS = st.builds(
    OutletEvent,
    dest_asset_key=st.fixed_dictionaries({"name": NAMES, "uri": NAMES}),
    extra=st.dictionaries(NAMES, st.integers()),
    partition_key=st.none() | NAMES,
    source_alias_name=st.none() | NAMES,
    dest_asset_extra=st.dictionaries(NAMES, st.integers()),
)


def said(**changed: Any) -> Said:
    before: dict[str, Any] = {
        "key": KEY,
        "started_at": NOON,
        "hostname": "pod-1",
        "pid": 1,
        "rendered_fields": b"{}",
        "rendered_map_index": "early",
        "map_length": 3,
        "skipped": (("other", -1),),
        "question": QUESTION,
    }
    return Said(**{**before, **changed})


def end(body: dict[str, Any], **changed: Any) -> TaskFinished:
    return finished(ID, BODY.validate_python(body), said(**changed), NOON)


@pytest.mark.parametrize(
    ("body", "outcome", "cause"),
    [
        ({"state": "success", **END}, Outcome.SUCCESS, EndCause.NONE),
        ({"state": "skipped", **END}, Outcome.SKIPPED, EndCause.NONE),
        ({"state": "failed", **END}, Outcome.FAILED_WITHOUT_RETRY, EndCause.USER_ERROR),
        ({"state": "upstream_failed", **END}, Outcome.FAILED_WITHOUT_RETRY, EndCause.USER_ERROR),
        ({"state": "up_for_retry", **END}, Outcome.FAILED, EndCause.USER_ERROR),
        ({"state": "deferred", "classpath": "a.B", "next_method": "go"}, Outcome.DEFERRED, EndCause.NONE),
        ({"state": "awaiting_input", "next_method": "go"}, Outcome.AWAITING_INPUT, EndCause.NONE),
        ({"state": "up_for_reschedule", "reschedule_date": NOON, **END}, Outcome.RESCHEDULED, EndCause.NONE),
    ],
)
def test_each_word_comes_to_an_outcome(body: dict[str, Any], outcome: Outcome, cause: EndCause) -> None:
    told = end(body)
    assert (told.outcome, told.cause, told.ended_at) == (outcome, cause, NOON)
    assert (told.started_at, told.hostname, told.pid, told.rendered_fields) == (NOON, "pod-1", 1, b"{}")
    assert told.effects is not None
    assert (told.effects.map_length, told.effects.skipped) == (3, (("other", -1),))
    assert told.effects.rendered_map_index == "early"
    report = EndReport("http@x", ID, (told,))
    assert decode(encode(report), EndReport) == report


def test_what_is_said_last_counts() -> None:
    effects = end({"state": "success", **END, "rendered_map_index": "late"}).effects
    assert effects is not None
    assert effects.rendered_map_index == "late"


def test_a_word_that_is_no_end_of_a_running_task_is_kept_as_its_detail() -> None:
    assert end({"state": "removed", **END}).detail == "the task's process reported removed"
    assert end({"state": "failed", **END}).detail is None
    assert end({"state": "up_for_retry", **END, "retry_reason": "flaky"}).detail == "flaky"


def test_a_wait_says_for_what_and_how_long() -> None:
    body = {"state": "deferred", "classpath": "a.B", "trigger_kwargs": {"n": 1}, "trigger_timeout": 60, "queue": "q"}
    effects = end({**body, "next_method": "go", "next_kwargs": {"x": None}}).effects
    assert effects is not None
    assert effects.deferral is not None
    waits = effects.deferral
    assert (waits.classpath, json.loads(waits.kwargs), json.loads(waits.next_kwargs)) == ("a.B", {"n": 1}, {"x": None})
    assert (waits.timeout_at, waits.queue, waits.next_method) == (NOON + timedelta(seconds=60), "q", "go")
    asked = end({"state": "awaiting_input", "next_method": "go"}).effects
    assert asked is not None
    assert asked.human_input is not None
    assert json.loads(asked.human_input) == QUESTION


def test_nobody_waits_for_an_answer_to_nothing() -> None:
    with pytest.raises(Unprocessable):
        end({"state": "awaiting_input", "next_method": "go"}, question=None)


def test_every_word_shows_in_states_that_there_are() -> None:
    assert {state for states in REPLAYED.values() for state in states} <= {state.value for state in TaskInstanceState}
    body = BODY.validate_python({"state": "failed", **END})
    assert [state for state in TaskInstanceState if is_replay(body, state)] == [TaskInstanceState.FAILED]


@given(st.lists(PROFILES, max_size=5), st.lists(EVENTS, max_size=5))
def test_events_are_of_outlets_only(outlets: list[AssetProfile], events: list[OutletEvent]) -> None:
    bodies = [event_body(text) for text in asset_events(outlets, events)]
    aliases = {outlet.name for outlet in outlets if outlet.type == "AssetAlias"}
    for body in bodies:
        if body.aliases:
            assert set(body.aliases) <= aliases
            assert len(set(body.aliases)) == len(body.aliases)
        else:
            kinds = {"Asset": (body.asset.name, body.asset.uri), "AssetNameRef": (body.asset.name, "")}
            meant = {**kinds, "AssetUriRef": ("", body.asset.uri)}
            assert any(meant.get(o.type) in ((o.name, o.uri), (o.name, ""), ("", o.uri)) for o in outlets)


@given(st.lists(PROFILES, max_size=5))
def test_an_outlet_of_which_nothing_was_said_has_one_event(outlets: list[AssetProfile]) -> None:
    whole = {(o.name, o.uri) for o in outlets if o.type == "Asset" and o.name and o.uri}
    by_name = {o.name for o in outlets if o.type == "AssetNameRef" and o.name}
    by_uri = {o.uri for o in outlets if o.type == "AssetUriRef" and o.uri}
    bodies = [event_body(text) for text in asset_events(outlets, [])]
    assert {(b.asset.name, b.asset.uri) for b in bodies} == {
        *whole,
        *((name, "") for name in by_name),
        *(("", uri) for uri in by_uri),
    }


@pytest.mark.parametrize("key", ["", "  ", "x" * 251])
def test_a_partition_key_has_a_name(key: str) -> None:
    event = OutletEvent.model_validate({"dest_asset_key": {"name": "a", "uri": "a"}, "partition_key": key})
    with pytest.raises(Unprocessable):
        asset_events([], [event])
