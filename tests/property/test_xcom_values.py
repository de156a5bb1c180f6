"""XCom values survive JSON, and their JSON survives Postgres."""

import json
from datetime import timedelta
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from tradewind.sdk import serde

_TEXTS = st.text(st.characters(exclude_categories=()))
_ZONES = st.one_of(st.none(), st.timezones())
_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    _TEXTS,
    st.binary(),
    st.dates(),
    st.times(),
    st.datetimes(timezones=_ZONES, allow_imaginary=False),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.uuids(),
)
_HASHABLE = st.one_of(st.integers(), _TEXTS, st.dates(), st.binary())


def _grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.one_of(_TEXTS, st.just("__classname__")), inner, max_size=4),
        st.sets(_HASHABLE, max_size=4),
        st.frozensets(_HASHABLE, max_size=4),
    )


VALUES = st.recursive(_LEAVES, _grown, max_leaves=20)


def _types(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _types(inner) for key, inner in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list | tuple):
        return (type(value), [_types(inner) for inner in value])  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return cast("Any", type(value))


@given(VALUES)
def test_round_trip(value: Any) -> None:
    back = serde.from_json(serde.to_json(value))
    assert back == value
    assert _types(back) == _types(value)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in _texts(part)]  # pyright: ignore[reportUnknownVariableType]
    return [text for inner in value for text in _texts(inner)] if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]


@given(VALUES)
def test_json_is_what_postgres_keeps(value: Any) -> None:
    text = serde.to_json(value)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    plain = json.loads(text, parse_constant=refuse)
    assert all(serde.is_storable(part) for part in _texts(plain))


@given(st.datetimes(timezones=st.timezones(), allow_imaginary=False), st.integers(-1000, 1000))
def test_zones_go_on_counting_as_before(moment: Any, hours: int) -> None:
    back = serde.from_json(serde.to_json(moment))
    try:
        expected = moment + timedelta(hours=hours)
    except OverflowError:
        return
    assert (back + timedelta(hours=hours)).utcoffset() == expected.utcoffset()
