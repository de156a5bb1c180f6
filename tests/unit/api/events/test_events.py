"""Ids of events, and which changes a client wants."""

import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.api.errors import BadRequest
from tradewind.api.events.changes import Change
from tradewind.api.events.position import MAX_LENGTH, id_of, place_of
from tradewind.api.events.selection import EventQuery, Selection
from tradewind.db.api.changes import Place


def snapshot(low: int, high: int, running: list[int]) -> str:
    return f"{low}:{high}:{','.join(map(str, running))}"


NUMBERS = st.integers(0, 10**18 - 1)
SNAPSHOTS = st.builds(snapshot, NUMBERS, NUMBERS, st.lists(NUMBERS))
PLACES = st.one_of(
    st.builds(Place, SNAPSHOTS, NUMBERS), st.builds(Place, SNAPSHOTS, NUMBERS, SNAPSHOTS, NUMBERS)
).filter(lambda place: len(id_of(place)) <= MAX_LENGTH)


@given(PLACES)
def test_an_id_says_the_place(place: Place) -> None:
    assert place_of(id_of(place)) == place


@given(st.text("012:,/", max_size=12))
def test_a_text_is_read_as_what_it_says_or_refused(text: str) -> None:
    with suppress(BadRequest):
        place = place_of(text)
        assert re.sub(r"0*(\d)", r"\1", id_of(place)) == re.sub(r"0*(\d)", r"\1", text)


@pytest.mark.parametrize("text", ["1:2:/3/4", "1:2:/3\n", "1:2:,/3", "1:2:3,/4", "\u0661:2:/3", "1:2:/3" * 3_000])
def test_what_only_looks_like_an_id_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        place_of(text)


def change(**fields: Any) -> Change:
    given_fields: dict[str, Any] = {
        "place": Place("1:1:", 0),
        "run_key": 1,
        "changed_at": datetime(2026, 11, 20, 12, tzinfo=UTC),
        "dag_id": "d",
        "dag_run_id": "r",
        "run_type": "manual",
        "task_id": "t",
        "map_index": -1,
        "try_number": 1,
        "state": "none",
        **fields,
    }
    return Change(**given_fields)


def test_a_frame() -> None:
    assert change().frame == (
        b"id: 1:1:/0\nevent: task_instance\n"
        b'data: {"kind":"task_instance","dag_id":"d","dag_run_id":"r","task_id":"t","map_index":-1,"try_number":1,'
        b'"state":null,"when":"2026-11-20T12:00:00Z"}\n\n'
    )


def takes(query: dict[str, Any], **fields: Any) -> bool:
    return Selection(EventQuery.model_validate(query), lambda _: True).takes(change(**fields))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        *(({"dag_id": ["d", "e"]}, True), ({"dag_id": ["e"]}, False)),
        *(({"dag_run_id": ["r"]}, True), ({"dag_run_id": ["R"]}, False)),
        *(({"task_id": ["t"]}, True), ({"task_id": ["u"]}, False)),
        *(({"state": ["none"]}, True), ({"state": ["queued", "running"]}, False)),
        *(({"kind": ["task_instance"]}, True), ({"kind": ["dag_run"]}, False)),
        ({"kind": ["task_instance"], "dag_id": ["e"]}, False),
    ],
)
def test_selections(query: dict[str, Any], expected: bool) -> None:
    assert takes(query) is expected


def test_runs_have_no_task() -> None:
    run = {"task_id": None, "map_index": None, "try_number": None, "state": "queued"}
    assert not takes({"task_id": ["t"]}, **run)
    assert takes({"kind": ["dag_run"]}, **run)


def test_what_may_not_be_seen_is_left_out() -> None:
    selection = Selection(EventQuery.model_validate({}), lambda dag_id: dag_id == "mine")
    assert [selection.takes(change(dag_id=dag_id)) for dag_id in ("mine", "yours")] == [True, False]


PIECES = st.text("aA%_.b", max_size=8)


@given(PIECES, st.text("aAb.", max_size=12))
def test_patterns_match_what_sql_matches(pattern: str, dag_id: str) -> None:
    """As a list's `*_pattern` does: the text anywhere, in any case, with SQL's wildcards."""
    expression = "".join({"%": ".*", "_": "."}.get(char) or re.escape(char) for char in pattern)
    expected = re.search(expression, dag_id, re.IGNORECASE | re.DOTALL) is not None
    assert takes({"dag_id_pattern": pattern}, dag_id=dag_id) is expected


@pytest.mark.parametrize(
    ("pattern", "expected"), [("x|D", True), ("~", True), ("", True), ("x | y", False), ("%" * 400 + "x", False)]
)
def test_alternatives(pattern: str, expected: bool) -> None:
    assert takes({"dag_id_pattern": pattern}) is expected
